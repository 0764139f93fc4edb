import Identity
import NIOCore
import NIOPosix
import Wire

/// Hears what members seal for this peer. Called on the event loop that the service was given.
public protocol GossipDelegate: AnyObject {
    /// The roster check. It is asked before anything is done for a datagram that claims to be from that peer.
    func gossipAccepts(_ peer: PeerID) -> Bool

    /// The peer has sealed these bytes for this one, and they come for the first time. Whether they came by the
    /// straight way nobody knows: the source is that of the last hop.
    func gossipReceived(_ bytes: [UInt8], from peer: PeerID, at source: Endpoint)

    /// Datagrams cannot be exchanged now, for this reason; nil: they can again. Told once each time that it changes.
    func gossipSocketChanged(failure: String?)
}

public struct GossipSettings: Sendable {
    /// Datagrams a second from one member, from where it is expected. A member at its busiest sends a tenth of it.
    public var datagramsPerMember = 100.0
    /// The same from any one other host, and from all of those together.
    public var datagramsPerSource = 50.0
    public var datagramsPerSecond = 500.0
    /// Other hosts that are told apart at a time.
    public var sources = 1024
    /// A socket that cannot be opened is tried again after this.
    public var retryAfter: TimeAmount = .seconds(1)
    /// A peer whose address broke the socket is left alone for this long.
    public var restAfterFailure: TimeAmount = .seconds(2)
    /// How often partners that have left the roster are forgotten.
    public var sweepEvery: TimeAmount = .seconds(30)

    public init() {}
}

public struct GossipStatistics: Hashable, Sendable {
    public internal(set) var received = 0
    public internal(set) var sent = 0
    /// Not sent: no socket, no IP address, too long, a peer not in the roster, or the system would not take it.
    public internal(set) var unsent = 0

    // Dropped, in the order of the checks.
    /// Longer than a datagram may be.
    public internal(set) var tooLarge = 0
    /// No datagram of this version.
    public internal(set) var malformed = 0
    /// Claims to be from a peer that the roster check refuses.
    public internal(set) var stranger = 0
    /// Over the rate of its member, its source, or all sources.
    public internal(set) var overRate = 0
    /// Not sealed by the peer that it claims to be from, or changed on the way.
    public internal(set) var forged = 0
    /// It has come before, or is too old to tell.
    public internal(set) var replayed = 0
}

/// Exchanges sealed datagrams with the members of this peer's networks, from one UDP socket on the number of the port
/// on which it accepts links.
///
/// Every datagram is sealed for one peer (`PairKey`), so that what comes in is a member's or nothing. The checks go
/// from the cheap to the dear: length, form, roster, rate, seal, replay. A stranger costs a look at the roster and
/// leaves nothing behind. Somebody who claims to be a member costs an attempt to open the seal, within a rate for the
/// sources that nobody is expected at; members have rates of their own at the hosts where they are known to be, so that
/// such a flood drowns none of them unless it comes under their very addresses. Then, as where no datagram passes at
/// all, gossip takes the links.
///
/// A socket that fails is opened again. All methods must be called on the event loop, except `start` and `shutdown`,
/// which may be called from anywhere.
///
/// Unchecked: the state is touched on that event loop only, which each entry asserts in debug builds.
public final class GossipService: @unchecked Sendable {
    /// The longest that may be sent.
    public static let bytesMax = Limits.datagramBytes - GossipDatagram.overhead

    public weak var delegate: (any GossipDelegate)?
    public private(set) var statistics = GossipStatistics()

    let eventLoop: any EventLoop
    private let settings: GossipSettings
    private let peer: PeerID
    private var epoch: UInt64
    private(set) var partners: GossipPartners
    private var limiter: SourceLimiter

    /// Hosts at which nobody is expected, and that are told apart.
    var knownSources: Int { limiter.knownSources }

    private var host = ""
    private var port = 0
    private(set) var socket: (any Channel)?
    private var openedAt: NIODeadline = .uptimeNanoseconds(0)
    private var failure: String?
    private var sweep: RepeatedTask?
    private var retry: Scheduled<Void>?
    private var isShutDown = false

    /// - Parameter epoch: greater than at every earlier start of this peer.
    public init(eventLoop: any EventLoop, key: SigningKey, epoch: UInt64, settings: GossipSettings = GossipSettings()) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.epoch = epoch
        peer = key.peer
        partners = GossipPartners(
            key: key,
            rate: TokenBucket.Rate(perSecond: settings.datagramsPerMember, burst: settings.datagramsPerMember))
        limiter = SourceLimiter(
            each: SourceLimiter.Rate(perSecond: settings.datagramsPerSource, burst: settings.datagramsPerSource),
            all: SourceLimiter.Rate(perSecond: settings.datagramsPerSecond, burst: settings.datagramsPerSecond),
            sources: settings.sources)
    }

    /// This peer lives on under a greater epoch, which is on disk: receivers take what is sealed under it for newer than
    /// anything that another machine with its identity has sent.
    public func raise(epoch: UInt64) {
        eventLoop.assertInEventLoop()
        self.epoch = max(self.epoch, epoch)
    }

    // MARK: Sending

    /// Seals bytes for a peer and sends them to an IP address; names are skipped, since looking them up takes its time.
    /// - Returns: whether they are on their way, for what that is worth with datagrams.
    @discardableResult
    public func send(_ bytes: [UInt8], to peer: PeerID, at endpoint: Endpoint) -> Bool {
        eventLoop.assertInEventLoop()
        guard bytes.count <= GossipService.bytesMax, let socket, socket.isWritable, let address = address(endpoint),
            delegate?.gossipAccepts(peer) == true, let datagram = seal(bytes, for: peer, at: endpoint.host)
        else {
            statistics.unsent += 1
            return false
        }
        let envelope = AddressedEnvelope(remoteAddress: address, data: socket.allocator.buffer(bytes: datagram))
        socket.writeAndFlush(envelope).assumeIsolated().whenComplete { result in
            guard case .failure = result else {
                self.statistics.sent += 1
                return
            }
            self.statistics.unsent += 1
            guard self.partners[peer] != nil else { return }
            let until = self.eventLoop.now + self.settings.restAfterFailure
            self.partners.withPartner(peer, now: self.now) { $0.restUntil = until }
        }
        return true
    }

    private func seal(_ bytes: [UInt8], for peer: PeerID, at host: String) -> [UInt8]? {
        partners.withPartner(peer, now: now) { partner in
            guard let key = partner.key, partner.restUntil <= eventLoop.now else { return nil }
            partner.sent += 1
            partner.spokenTo = host
            return GossipDatagram.sealed(
                bytes, by: self.peer, epoch: epoch, counter: partner.sent, random: Entropy.bytes(8), with: key)
        }
    }

    /// Nil where it is no address that the socket can send to.
    private func address(_ endpoint: Endpoint) -> SocketAddress? {
        guard let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port) else { return nil }
        if case .v6 = address, case .v4? = socket?.localAddress { return nil }
        return address
    }

    // MARK: Receiving

    func received(_ datagram: ByteBuffer, from source: SocketAddress) {
        eventLoop.assertInEventLoop()
        guard datagram.readableBytes <= Limits.datagramBytes else {
            statistics.tooLarge += 1
            return
        }
        guard let sealed = GossipDatagram(Array(datagram.readableBytesView)),
            let endpoint = source.plainHost.flatMap({ Endpoint(host: $0, port: source.port ?? 0) })
        else {
            statistics.malformed += 1
            return
        }
        guard sealed.sender != peer, delegate?.gossipAccepts(sealed.sender) == true else {
            statistics.stranger += 1
            partners.forget(sealed.sender)
            return
        }
        guard isWithinRate(sealed.sender, endpoint.host) else {
            statistics.overRate += 1
            return
        }
        guard let bytes = open(sealed, from: endpoint.host) else { return }
        statistics.received += 1
        delegate?.gossipReceived(bytes, from: sealed.sender, at: endpoint)
    }

    private func isWithinRate(_ sender: PeerID, _ host: String) -> Bool {
        guard let partner = partners[sender], partner.expects(host) else { return limiter.admits(host, now: now) }
        return partners.withPartner(sender, now: now) { $0.budget.take(now: now) }
    }

    private func open(_ sealed: GossipDatagram, from host: String) -> [UInt8]? {
        let opened: Result<[UInt8], GossipFault> = partners.withPartner(sealed.sender, now: now) { partner in
            guard let bytes = partner.key.flatMap(sealed.opened) else { return .failure(.forged) }
            guard partner.received.admits(epoch: sealed.epoch, counter: sealed.counter) else {
                return .failure(.replayed)
            }
            partner.heardAt = host
            return .success(bytes)
        }
        switch opened {
        case .success(let bytes): return bytes
        case .failure(.forged): statistics.forged += 1
        case .failure(.replayed): statistics.replayed += 1
        }
        return nil
    }

    private var now: Instant { Instant(nanoseconds: Int64(clamping: eventLoop.now.uptimeNanoseconds)) }

    // MARK: The socket

    /// Opens the socket, or tells the delegate why it cannot be opened and goes on trying.
    /// - Returns: the port, also where it is not open yet.
    @discardableResult
    public func start(host: String, port: Int) async -> Int {
        let started = eventLoop.flatSubmit { () -> EventLoopFuture<Int> in
            self.host = host
            self.port = port
            let every = self.settings.sweepEvery
            self.sweep = self.eventLoop.scheduleRepeatedTask(initialDelay: every, delay: every) { _ in
                self.forgetStrangers()
            }
            return self.open().map { self.port }
        }
        // Nothing in it can fail: a socket that does not open is told otherwise.
        return (try? await started.get()) ?? port
    }

    private func forgetStrangers() { partners.forgetAll { delegate?.gossipAccepts($0) != true } }

    private func open() -> EventLoopFuture<Void> {
        guard !isShutDown else { return eventLoop.makeSucceededVoidFuture() }
        return DatagramBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(GossipReader(self))
                }
            }
            .bind(host: host, port: port)
            .map { self.adopt($0) }
            .flatMapErrorThrowing { error in
                self.retryLater()
                self.changed(failure: "\(error)")
            }
    }

    private func adopt(_ channel: any Channel) {
        guard !isShutDown else { return channel.close(promise: nil) }
        socket = channel
        openedAt = eventLoop.now
        port = channel.localAddress?.port ?? port
        changed(failure: nil)
        channel.closeFuture.whenComplete { _ in
            guard self.socket === channel else { return }
            self.socket = nil
            // A socket is closed by any error of the network below it; one that keeps failing is not worth haste.
            if self.eventLoop.now - self.openedAt >= self.settings.retryAfter {
                _ = self.open()
            } else {
                self.retryLater()
            }
        }
    }

    private func retryLater() {
        guard !isShutDown else { return }
        retry = eventLoop.scheduleTask(in: settings.retryAfter) { _ = self.open() }
    }

    private func changed(failure: String?) {
        let isNews = (self.failure == nil) != (failure == nil)
        self.failure = failure
        if isNews { delegate?.gossipSocketChanged(failure: failure) }
    }

    public func shutdown() async {
        let done = eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            self.isShutDown = true
            self.sweep?.cancel()
            self.retry?.cancel()
            let socket = self.socket
            self.socket = nil
            return socket?.close() ?? self.eventLoop.makeSucceededVoidFuture()
        }
        // A socket that is closed already is what was wanted.
        try? await done.get()
    }
}

/// Why what claims to be a member's is not taken.
private enum GossipFault: Error {
    case forged, replayed
}

private final class GossipReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let service: GossipService

    init(_ service: GossipService) { self.service = service }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = Self.unwrapInboundIn(data)
        service.received(envelope.data, from: envelope.remoteAddress)
    }
}
