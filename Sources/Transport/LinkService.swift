import Identity
import NIOCore
import NIOPosix
import NIOSSL
import Wire

/// An attempt to reach a peer.
final class LinkDial {
    let id: DialID
    let endpoint: Endpoint
    let expecting: PeerID?
    let purpose: LinkPurpose
    /// The delegate has heard how it ended, or a link came of it.
    var isOver = false

    init(id: DialID, endpoint: Endpoint, expecting: PeerID?, purpose: LinkPurpose) {
        self.id = id
        self.endpoint = endpoint
        self.expecting = expecting
        self.purpose = purpose
    }
}

/// The links of one peer: it accepts and dials TCP connections, proves both sides' keys, and carries frames.
///
/// Everything happens on the event loop that it is given: connections, timers and the delegate's calls, so that a frame that is
/// passed on crosses no thread. All its methods must be called there, except `listen` and `shutdown`, which may be called from
/// anywhere. LinkHandler says what a single connection goes through.
///
/// Unchecked: the state is touched on that event loop only, which each entry asserts in debug builds.
public final class LinkService: @unchecked Sendable {
    public let peer: PeerID
    public weak var delegate: (any LinkDelegate)?
    public internal(set) var statistics = LinkStatistics()

    let eventLoop: any EventLoop
    let settings: LinkSettings
    private let identity: TransportIdentity
    private let template: HelloTemplate
    private var listeners: [any Channel] = []
    private var linkPort = 0
    /// Every connection that has not ended.
    private var handlers: [ObjectIdentifier: LinkHandler] = [:]
    private var links: [LinkID: LinkHandler] = [:]
    /// Connections that are still closing.
    private var closing: [ObjectIdentifier: EventLoopFuture<Void>] = [:]
    private var dials: [ObjectIdentifier: LinkDial] = [:]
    private var lastLink: UInt64 = 0
    private var isShutDown = false

    /// - Parameter hello: what this peer says of itself on each link.
    public init(
        eventLoop: any EventLoop, identity: TransportIdentity, hello: HelloTemplate,
        settings: LinkSettings = LinkSettings()
    ) {
        self.eventLoop = eventLoop
        self.identity = identity
        self.template = hello
        self.settings = settings
        peer = identity.peer
    }

    var hello: Hello { Hello(name: template.name, linkPort: linkPort, boot: template.boot) }

    // MARK: Accepting

    /// Accepts links on a local address. Port 0 takes any free one.
    /// - Returns: the port, which is also told to peers.
    public func listen(host: String, port: Int) async throws -> Int {
        do {
            return try await eventLoop.flatSubmit { self.bind(host: host, port: port) }.get()
        } catch {
            throw TransportError.listen(host: host, port: port, "\(error)")
        }
    }

    private func bind(host: String, port: Int) -> EventLoopFuture<Int> {
        guard !isShutDown else { return eventLoop.makeFailedFuture(ChannelError.alreadyClosed) }
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: LinkService.waterMark)
            .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.accept(channel) } }
            .bind(host: host, port: port)
            .flatMapThrowing { channel in
                guard let port = channel.localAddress?.port else { throw ChannelError.unknownLocalAddress }
                self.listeners.append(channel)
                self.linkPort = port
                return port
            }
    }

    private func accept(_ channel: any Channel) throws {
        guard !isShutDown else { throw ChannelError.alreadyClosed }
        let strangers = handlers.values.count { handler in
            if case .open = handler.stage { return false }
            return handler.direction == .inbound
        }
        guard strangers < settings.handshakes else {
            count(.tooManyHandshakes)
            throw ChannelError.operationUnsupported
        }
        let handler = LinkHandler(service: self, direction: .inbound, dial: nil)
        try LinkService.limitUnsent(channel)
        try channel.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(context: identity.server, customVerificationCallback: handler.verify), handler)
        adopt(handler)
    }

    /// Takes a connection into the books.
    func adopt(_ handler: LinkHandler) { handlers[ObjectIdentifier(handler)] = handler }

    // MARK: Dialing

    /// Reaches out for a peer. The delegate hears of a link with this dial's number, or that it failed; never within this call.
    /// - Parameters:
    ///   - expecting: the only peer that may answer; nil where any does that the roster check accepts.
    ///   - dial: a number of the caller's choice.
    public func dial(_ endpoint: Endpoint, expecting: PeerID?, purpose: LinkPurpose, dial: DialID) {
        eventLoop.assertInEventLoop()
        let attempt = LinkDial(id: dial, endpoint: endpoint, expecting: expecting, purpose: purpose)
        dials[ObjectIdentifier(attempt)] = attempt
        guard !isShutDown else {
            eventLoop.assumeIsolated().execute { self.fail(attempt, .unreachable, "this peer is stopping") }
            return
        }
        let bound = NIOLoopBound(attempt, eventLoop: eventLoop)
        // Name resolution has no deadline of its own.
        let deadline = eventLoop.scheduleTask(in: settings.dialDeadline) {
            self.fail(bound.value, .unreachable, "there was no answer in time")
        }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(settings.dialDeadline)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: LinkService.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try LinkService.limitUnsent(channel) }
            }
        let connected: EventLoopFuture<any Channel>
        if let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port) {
            connected = bootstrap.connect(to: address)
        } else {
            connected = bootstrap.connect(host: endpoint.host, port: endpoint.port)
        }
        connected.hop(to: eventLoop).whenComplete { result in
            deadline.cancel()
            let attempt = bound.value
            do {
                try self.greet(attempt, over: result.get())
            } catch {
                self.fail(attempt, .unreachable, "\(error)")
            }
        }
    }

    private func greet(_ attempt: LinkDial, over channel: any Channel) throws {
        guard !attempt.isOver, !isShutDown else {
            channel.close(promise: nil)
            return fail(attempt, .unreachable, "this peer is stopping")
        }
        let handler = LinkHandler(service: self, direction: .outbound, dial: attempt)
        do {
            // TLS begins when its handler joins a connection that is already up.
            try channel.pipeline.syncOperations.addHandler(handler)
            adopt(handler)
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(
                    context: identity.client(attempt.purpose), serverHostname: nil,
                    customVerificationCallback: handler.verify),
                position: .before(handler))
        } catch {
            handler.refuse(.handshakeFailed, "\(error)")
            channel.close(promise: nil)
        }
    }

    private func fail(_ attempt: LinkDial, _ cause: LinkRefusal, _ reason: String) {
        guard !attempt.isOver else { return }
        attempt.isOver = true
        dials[ObjectIdentifier(attempt)] = nil
        count(cause)
        delegate?.dialFailed(attempt.id, endpoint: attempt.endpoint, reason: reason)
    }

    // MARK: Links

    /// Sends a frame, or puts it into the link's queue.
    public func send(_ frame: Frame, on id: LinkID) -> SendOutcome {
        eventLoop.assertInEventLoop()
        return links[id]?.send(frame) ?? .noLink
    }

    /// Closes a link. The delegate hears of it within this call.
    public func close(_ id: LinkID, reason: String) {
        eventLoop.assertInEventLoop()
        links[id]?.end(.closedHere(reason))
    }

    /// Finds out soon whether anything still passes over a link, and closes it as silent where nothing does.
    public func probe(_ id: LinkID) {
        eventLoop.assertInEventLoop()
        links[id]?.probe()
    }

    /// Bytes that wait to be sent on a link; 0 where there is none.
    public func pendingBytes(on id: LinkID) -> Int {
        eventLoop.assertInEventLoop()
        return links[id]?.pendingBytes ?? 0
    }

    /// Bytes of bulk that may be handed over now without piling up: half of what a link may hold, so that small frames always
    /// find room. 0 where there is no such link.
    public func bulkHeadroom(on id: LinkID) -> Int {
        eventLoop.assertInEventLoop()
        guard let link = links[id] else { return 0 }
        return max(0, settings.pendingBytes / 2 - link.pendingBytes)
    }

    /// The links that are open.
    public var openLinks: [LinkID] { links.keys.sorted() }

    /// Closes everything and waits until it is closed. The delegate hears of each link and each dial.
    public func shutdown() async {
        let done = eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            self.isShutDown = true
            let listening = self.listeners.map { listener in listener.close() }
            self.listeners = []
            for handler in Array(self.handlers.values) {
                handler.end(.shutdown)
                handler.refuse(.closedEarly, "this peer is stopping")
            }
            for attempt in Array(self.dials.values) { self.fail(attempt, .unreachable, "this peer is stopping") }
            return EventLoopFuture.andAllComplete(listening + Array(self.closing.values), on: self.eventLoop)
        }
        // Nothing in it can fail: `andAllComplete` succeeds whatever became of each.
        try? await done.get()
    }

    // MARK: For LinkHandler

    /// What speaks against a link with a peer whose key is proven.
    func objection(to peer: PeerID, purpose: LinkPurpose, direction: LinkDirection) -> (LinkRefusal, String)? {
        if peer == self.peer { return (.ownKey, "this peer itself answered") }
        if direction == .inbound {
            var admissions = 0
            var same = 0
            for case (let other, let itsPurpose)? in handlers.values.map(\.inboundPeer) {
                if itsPurpose == .admission { admissions += 1 }
                if other == peer { same += 1 }
            }
            if purpose == .admission, admissions >= settings.admissions {
                return (.tooManyAdmissions, "\(admissions) peers are asking to be admitted already")
            }
            if same >= settings.linksPerPeer { return (.tooManyLinks, "the peer has \(same) links already") }
        }
        guard delegate?.linkAccepts(peer, purpose: purpose, direction: direction) == true else {
            return (.unknownPeer, "the peer \(peer.short) is not welcome")
        }
        return nil
    }

    var idleStretch: Int64 { settings.idleStretch(links: links.count) }

    func opened(_ handler: LinkHandler) -> LinkID {
        lastLink += 1
        let id = LinkID(lastLink)
        links[id] = handler
        statistics.opened += 1
        if let dial = handler.dial {
            dial.isOver = true
            dials[ObjectIdentifier(dial)] = nil
        }
        return id
    }

    func refused(_ handler: LinkHandler, _ cause: LinkRefusal, _ reason: String) {
        forget(handler)
        if let dial = handler.dial { fail(dial, cause, reason) } else { count(cause) }
    }

    func ended(_ handler: LinkHandler, _ id: LinkID, _ reason: LinkCloseReason) {
        forget(handler)
        links[id] = nil
        statistics.closed += 1
        delegate?.linkClosed(id, reason: reason)
    }

    private func forget(_ handler: LinkHandler) {
        let key = ObjectIdentifier(handler)
        handlers[key] = nil
        guard let future = handler.closeFuture else { return }
        closing[key] = future
        // The handler is kept until then, so that no other one takes its place in memory and with it its key.
        let bound = NIOLoopBound(handler, eventLoop: eventLoop)
        future.whenComplete { _ in self.closing[ObjectIdentifier(bound.value)] = nil }
    }

    private func count(_ cause: LinkRefusal) { statistics.refusals[cause, default: 0] += 1 }

    // MARK: Options

    /// Bulk waits in our queue, where small frames overtake it, rather than in the channel's or the kernel's.
    private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 32 << 10, high: 128 << 10)

    /// TCP_NOTSENT_LOWAT: as far as the kernel is concerned a connection is writable only while less than this is unsent. It is
    /// an option of Linux; without it bulk would fill megabytes of send buffer ahead of a token.
    private static func limitUnsent(_ channel: any Channel) throws {
        #if os(Linux)
            let option = ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: 25))
            try channel.syncOptions?.setOption(option, value: 128 << 10)
        #endif
    }
}

extension LinkHandler {
    /// Whose inbound connection it is, once the key is proven.
    fileprivate var inboundPeer: (PeerID, LinkPurpose)? {
        guard direction == .inbound else { return nil }
        switch stage {
        case .greeting(let peer, let purpose), .open(_, let peer, let purpose): return (peer, purpose)
        case .handshake, .ended: return nil
        }
    }
}
