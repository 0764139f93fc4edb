import Identity
import NIOCore
import NIOPosix
import Wire

@testable import Transport

/// A delegate that writes down what it hears, and lets a test wait for it. Unchecked: touched on its event loop only.
final class Witness: LinkDelegate, @unchecked Sendable {
    enum Event: Sendable {
        case opened(LinkOpened)
        case received(Frame, LinkID)
        case closed(LinkID, LinkCloseReason)
        case dialFailed(DialID, String)
    }

    let eventLoop: any EventLoop
    var welcomes: @Sendable (PeerID, LinkPurpose) -> Bool = { _, _ in true }
    var onReceive: ((Frame, LinkID) -> Void)?
    private(set) var events: [Event] = []
    private(set) var drained = 0
    private var waiting: [(pick: (Event) -> Any?, promise: EventLoopPromise<Void>, found: Box)] = []

    /// Carries what was waited for out of the event loop. Unchecked: written there before its promise is kept, and read after
    /// that only.
    final class Box: @unchecked Sendable { var value: Any? }

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func linkAccepts(_ peer: PeerID, purpose: LinkPurpose, direction: LinkDirection) -> Bool { welcomes(peer, purpose) }
    func linkOpened(_ link: LinkOpened) { note(.opened(link)) }
    func linkReceived(_ frame: Frame, on id: LinkID) {
        note(.received(frame, id))
        onReceive?(frame, id)
    }
    func linkClosed(_ id: LinkID, reason: LinkCloseReason) { note(.closed(id, reason)) }
    func dialFailed(_ dial: DialID, endpoint: Endpoint, reason: String) { note(.dialFailed(dial, reason)) }
    func linkDrained(_ id: LinkID) { drained += 1 }

    private func note(_ event: Event) {
        events.append(event)
        waiting = waiting.filter { waiter in
            guard let value = waiter.pick(event) else { return true }
            waiter.found.value = value
            waiter.promise.succeed()
            return false
        }
    }

    /// The first event, past or to come, out of which `pick` makes something.
    func first<Value: Sendable>(_ pick: @escaping @Sendable (Event) -> Value?) async throws -> Value {
        let box = Box()
        try await eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            for event in self.events {
                if let value = pick(event) {
                    box.value = value
                    return self.eventLoop.makeSucceededVoidFuture()
                }
            }
            let promise = self.eventLoop.makePromise(of: Void.self)
            self.waiting.append((pick, promise, box))
            // What never comes fails the test that waits for it, and not the whole run.
            self.eventLoop.scheduleTask(in: .seconds(50)) { promise.fail(ChannelError.connectTimeout(.seconds(50))) }
            return promise.futureResult
        }.get()
        guard let value = box.value as? Value else { throw ChannelError.inappropriateOperationForState }
        return value
    }

    func opened() async throws -> LinkOpened {
        try await first { if case .opened(let link) = $0 { link } else { nil } }
    }

    func closed(_ id: LinkID) async throws -> LinkCloseReason {
        try await first { if case .closed(id, let reason) = $0 { reason } else { nil } }
    }

    func dialFailed() async throws -> String {
        try await first { if case .dialFailed(_, let reason) = $0 { reason } else { nil } }
    }

    func closings() async throws -> Int {
        try await eventLoop.submit { self.events.count { if case .closed = $0 { true } else { false } } }.get()
    }

    func frames() async throws -> [Frame] {
        try await eventLoop.submit {
            self.events.compactMap { if case .received(let frame, _) = $0 { frame } else { nil } }
        }
        .get()
    }
}

/// A peer that listens on loopback, with a witness.
struct TestPeer: Sendable {
    let key: SigningKey
    let service: LinkService
    let witness: Witness
    let port: Int

    static let group = MultiThreadedEventLoopGroup.singleton

    init(
        _ name: String = "peer", key: SigningKey = .random(), settings: LinkSettings = LinkSettings(),
        welcomes: @escaping @Sendable (PeerID, LinkPurpose) -> Bool = { _, _ in true }
    ) async throws {
        let loop = TestPeer.group.next()
        let service = LinkService(
            eventLoop: loop, identity: try TransportIdentity(key), hello: HelloTemplate(name: name, boot: 7),
            settings: settings)
        let witness = Witness(loop)
        self.key = key
        self.service = service
        self.witness = witness
        try await loop.submit {
            witness.welcomes = welcomes
            service.delegate = witness
        }.get()
        port = try await service.listen(host: "127.0.0.1", port: 0)
    }

    var loop: any EventLoop { service.eventLoop }
    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: port)! }

    func dial(_ endpoint: Endpoint, expecting: PeerID? = nil, purpose: LinkPurpose = .member, dial: UInt64 = 1)
        async throws
    {
        try await loop.submit {
            self.service.dial(endpoint, expecting: expecting, purpose: purpose, dial: DialID(dial))
        }.get()
    }

    /// A link to the other, as each side sees it.
    func link(to other: TestPeer, purpose: LinkPurpose = .member) async throws -> (mine: LinkOpened, theirs: LinkOpened)
    {
        try await dial(other.endpoint, expecting: other.key.peer, purpose: purpose)
        let mine = try await witness.opened()
        let peer = key.peer
        let theirs = try await other.witness.first { event -> LinkOpened? in
            if case .opened(let link) = event, link.peer == peer { link } else { nil }
        }
        return (mine, theirs)
    }

    func send(_ frame: Frame, on id: LinkID) async throws -> SendOutcome {
        try await loop.submit { self.service.send(frame, on: id) }.get()
    }

    func statistics() async throws -> LinkStatistics { try await loop.submit { self.service.statistics }.get() }

    func stop() async { await service.shutdown() }
}

enum Sample {
    static let network = NetworkID(digest: Digest.of([1]))

    static func piece(_ count: Int, offset: UInt64 = 0) -> Frame {
        .pieceData(
            PieceData(
                digest: Digest.of([2]), offset: offset, total: 1 << 30, refusal: "",
                payload: Payload([UInt8](repeating: 9, count: count))))
    }

    static func activation(_ bytes: [UInt8]) -> Frame {
        .activation(
            Activation(
                session: SessionID(high: 1, low: 2), epoch: .first, stage: 1, first: .zero, tokens: [1], sample: true,
                payload: Payload(bytes)))
    }

    static func offer(_ revision: UInt64) -> Frame {
        .configOffer(network: network, version: ConfigVersion(generation: 0, revision: Revision(revision)))
    }

    static let request = Frame.configRequest(network: network, known: .none)
}
