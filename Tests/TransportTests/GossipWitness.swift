import Identity
import NIOCore
import NIOPosix
import Wire

@testable import Transport

/// A roster, and what was heard from it. Unchecked: touched on its event loop only.
final class GossipWitness: GossipDelegate, @unchecked Sendable {
    struct Heard: Equatable {
        let bytes: [UInt8]
        let peer: PeerID
        let source: Endpoint
    }

    let eventLoop: any EventLoop
    var roster: Set<PeerID> = []
    private(set) var heard: [Heard] = []
    private(set) var asked = 0
    private(set) var failures: [String?] = []
    private var waiting: [(isMet: (GossipWitness) -> Bool, promise: EventLoopPromise<Void>)] = []

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func gossipAccepts(_ peer: PeerID) -> Bool {
        asked += 1
        return roster.contains(peer)
    }

    func gossipReceived(_ bytes: [UInt8], from peer: PeerID, at source: Endpoint) {
        heard.append(Heard(bytes: bytes, peer: peer, source: source))
        look()
    }

    func gossipSocketChanged(failure: String?) {
        failures.append(failure)
        look()
    }

    private func look() {
        waiting = waiting.filter { waiter in
            guard waiter.isMet(self) else { return true }
            waiter.promise.succeed()
            return false
        }
    }

    /// Waits until it has heard something.
    func until(_ isMet: @escaping @Sendable (GossipWitness) -> Bool) async throws {
        try await eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            if isMet(self) { return self.eventLoop.makeSucceededVoidFuture() }
            let promise = self.eventLoop.makePromise(of: Void.self)
            self.waiting.append((isMet, promise))
            // What never comes fails the test that waits for it, and not the whole run.
            self.eventLoop.scheduleTask(in: .seconds(50)) { promise.fail(ChannelError.connectTimeout(.seconds(50))) }
            return promise.futureResult
        }.get()
    }
}

/// A peer that gossips on loopback, with a witness.
struct GossipPeer: Sendable {
    let key: SigningKey
    let service: GossipService
    let witness: GossipWitness
    let port: Int

    /// It knows each peer of the roster; `port` 0 takes any free one.
    init(roster: [SigningKey], key: SigningKey = .random(), epoch: UInt64 = 1, port: Int = 0, retry: TimeAmount? = nil)
        async throws
    {
        var settings = GossipSettings()
        if let retry { settings.retryAfter = retry }
        let loop = TestPeer.group.next()
        let service = GossipService(eventLoop: loop, key: key, epoch: epoch, settings: settings)
        let witness = GossipWitness(loop)
        try await loop.submit {
            witness.roster = Set(roster.map(\.peer))
            service.delegate = witness
        }.get()
        self.key = key
        self.service = service
        self.witness = witness
        self.port = await service.start(host: "127.0.0.1", port: port)
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: port)! }

    @discardableResult
    func send(_ bytes: [UInt8], to other: GossipPeer) async throws -> Bool {
        try await send(bytes, to: other.key.peer, at: other.endpoint)
    }

    @discardableResult
    func send(_ bytes: [UInt8], to peer: PeerID, at endpoint: Endpoint) async throws -> Bool {
        try await service.eventLoop.submit { self.service.send(bytes, to: peer, at: endpoint) }.get()
    }

    func statistics() async throws -> GossipStatistics {
        try await service.eventLoop.submit { self.service.statistics }.get()
    }
}
