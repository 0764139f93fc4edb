import NIOCore
import NIOPosix
import Wire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Hears what is called out on the local network. Called on the event loop that the service was given.
public protocol DiscoveryDelegate: AnyObject {
    /// A datagram, at most `Limits.datagramBytes` long, from an IPv4 address. Nothing about it has been checked; one's own are
    /// heard too.
    func datagramReceived(_ bytes: [UInt8], from host: String)
}

public struct DiscoverySettings: Sendable {
    public var group = "239.255.74.20"
    public var port = 7420
    /// Names of the interfaces to use; empty for all that lead to other machines, and loopback.
    public var interfaces: [String] = []
    /// How often interfaces that have come or gone are looked for.
    public var rescanEvery: TimeAmount = .seconds(5)
    /// Datagrams a second that are listened to, from one source and from all.
    public var datagramsPerSource = 50.0
    public var datagramsPerSecond = 1000.0
    /// Sources that are told apart at a time.
    public var sources = 1024

    public init() {}
}

public struct DiscoveryStatistics: Hashable, Sendable {
    public internal(set) var received = 0
    public internal(set) var sent = 0
    /// Dropped: longer than a datagram may be.
    public internal(set) var tooLarge = 0
    /// Dropped: over the rate of their source, or of all.
    public internal(set) var overRate = 0
    public internal(set) var failedSends = 0
}

/// Multicast on the local network, IPv4, one hop far.
///
/// There is one socket for each interface, which both sends and hears there: it is bound to the group's address, so that unicast
/// never reaches it, and takes only what comes by its own interface, so that nothing is heard twice for being joined twice.
/// Several processes of one machine may do this side by side. A socket that fails is closed and tried anew at the next look at
/// the interfaces.
/// All methods must be called on the event loop, except `start` and `shutdown`, which may be called from anywhere.
///
/// Unchecked: the state is touched on that event loop only, which each entry asserts in debug builds.
public final class DiscoveryService: @unchecked Sendable {
    public weak var delegate: (any DiscoveryDelegate)?
    public private(set) var statistics = DiscoveryStatistics()

    private let eventLoop: any EventLoop
    private let settings: DiscoverySettings
    private let group: SocketAddress
    private let groupAddress: in_addr
    private var sockets: [NetworkInterface: any Channel] = [:]
    private var opening: Set<NetworkInterface> = []
    /// Why a chosen interface could not be used.
    private var failures: [NetworkInterface: String] = [:]
    private var choices: [InterfaceChoice] = []
    private var limiter: SourceLimiter
    private var rescan: RepeatedTask?
    private var isShutDown = false

    /// - Throws: where the group in the settings is no IPv4 multicast address, or the port none.
    public init(eventLoop: any EventLoop, settings: DiscoverySettings = DiscoverySettings()) throws(TransportError) {
        guard (1...65535).contains(settings.port),
            let group = try? SocketAddress(ipAddress: settings.group, port: settings.port),
            case .v4(let address) = group, group.isMulticast
        else { throw .discovery("\(settings.group) port \(settings.port) is no IPv4 multicast address") }
        self.eventLoop = eventLoop
        self.settings = settings
        self.group = group
        groupAddress = address.address.sin_addr
        limiter = SourceLimiter(
            each: SourceLimiter.Rate(perSecond: settings.datagramsPerSource, burst: settings.datagramsPerSource),
            all: SourceLimiter.Rate(perSecond: settings.datagramsPerSecond, burst: settings.datagramsPerSecond),
            sources: settings.sources)
    }

    /// Opens the sockets. A machine without any usable interface is no error: one may appear later.
    public func start() async throws {
        try await eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            let opened: EventLoopFuture<Void>
            do {
                opened = try self.update()
            } catch {
                return self.eventLoop.makeFailedFuture(error)
            }
            self.rescan = self.eventLoop.scheduleRepeatedTask(
                initialDelay: self.settings.rescanEvery, delay: self.settings.rescanEvery
            ) { _ in
                // Where the interfaces cannot be listed now, they may be the next time.
                _ = try? self.update()
            }
            return opened
        }.get()
    }

    /// Calls out on every interface.
    /// - Returns: how many took it.
    @discardableResult
    public func multicast(_ datagram: [UInt8]) -> Int {
        eventLoop.assertInEventLoop()
        guard datagram.count <= Limits.datagramBytes else {
            assertionFailure("a datagram of \(datagram.count) bytes")
            return 0
        }
        for channel in sockets.values {
            let envelope = AddressedEnvelope(remoteAddress: group, data: channel.allocator.buffer(bytes: datagram))
            channel.writeAndFlush(envelope).assumeIsolated().whenComplete { result in
                if case .failure = result { self.statistics.failedSends += 1 } else { self.statistics.sent += 1 }
            }
        }
        return sockets.count
    }

    /// Every IPv4 address of this machine, whether it is used for discovery, and why. Up to date as of the last look.
    public func interfaces() -> [InterfaceChoice] {
        eventLoop.assertInEventLoop()
        return choices.map { choice in
            guard choice.isUsed, let failure = failures[choice.interface] else { return choice }
            return InterfaceChoice(interface: choice.interface, isUsed: false, reason: failure)
        }
    }

    /// The addresses at which other machines may reach this one, as of the last look.
    public func localAddresses() -> [String] {
        eventLoop.assertInEventLoop()
        return NetworkInterfaces.addresses(choices)
    }

    public func shutdown() async {
        let done = eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
            self.isShutDown = true
            self.rescan?.cancel()
            let closed = self.sockets.values.map { channel in channel.close() }
            self.sockets = [:]
            return EventLoopFuture.andAllComplete(closed, on: self.eventLoop)
        }
        // Nothing in it can fail: `andAllComplete` succeeds whatever became of each.
        try? await done.get()
    }

    // MARK: Sockets

    /// Looks at the interfaces, closes the sockets of those that are gone and opens those of new ones.
    private func update() throws(TransportError) -> EventLoopFuture<Void> {
        choices = NetworkInterfaces.choose(from: try NetworkInterfaces.all(), explicit: settings.interfaces)
        let wanted = Set(choices.filter(\.isUsed).map(\.interface))
        for (interface, channel) in sockets where !wanted.contains(interface) {
            sockets[interface] = nil
            channel.close(promise: nil)
        }
        failures = failures.filter { wanted.contains($0.key) }
        let fresh = wanted.subtracting(sockets.keys).subtracting(opening)
        return EventLoopFuture.andAllComplete(fresh.map(open), on: eventLoop)
    }

    private func open(_ interface: NetworkInterface) -> EventLoopFuture<Void> {
        opening.insert(interface)
        let group = group
        let membership = membership(interface)
        return DatagramBootstrap(group: eventLoop)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(.socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT)), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramReader(self))
                }
            }
            .bind(to: group)
            .flatMap { channel in
                DiscoveryService.join(channel, membership).map { channel }.flatMapError { error in
                    channel.close().flatMapThrowing { throw error }
                }
            }
            .map { channel in
                self.opening.remove(interface)
                self.failures[interface] = nil
                guard !self.isShutDown else { return channel.close(promise: nil) }
                self.sockets[interface] = channel
                channel.closeFuture.whenComplete { _ in
                    if self.sockets[interface] === channel { self.sockets[interface] = nil }
                }
            }
            .flatMapErrorThrowing { error in
                self.opening.remove(interface)
                self.failures[interface] = "it cannot be used: \(error)"
            }
    }

    private func membership(_ interface: NetworkInterface) -> ip_mreqn {
        var address = in_addr()
        _ = inet_pton(AF_INET, interface.address, &address)
        return ip_mreqn(imr_multiaddr: groupAddress, imr_address: address, imr_ifindex: CInt(interface.index))
    }

    /// Raw options throughout: the library's own call refuses loopback, for want of a flag that the kernel does not ask for.
    private static func join(_ channel: any Channel, _ membership: ip_mreqn) -> EventLoopFuture<Void> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let level = NIOBSDSocket.OptionLevel(rawValue: CInt(IPPROTO_IP))
        func set<Value: Sendable>(_ name: CInt, _ value: Value) -> EventLoopFuture<Void> {
            options.unsafeSetSocketOption(level: level, name: NIOBSDSocket.Option(rawValue: name), value: value)
        }
        return EventLoopFuture.andAllSucceed(
            [
                set(CInt(IP_MULTICAST_ALL), CInt(0)),  // only what this socket has joined itself
                set(CInt(IP_ADD_MEMBERSHIP), membership),
                set(CInt(IP_MULTICAST_IF), membership),
                set(CInt(IP_MULTICAST_LOOP), CInt(1)),  // for the other peers on this machine
                set(CInt(IP_MULTICAST_TTL), CInt(1)),  // no router passes it on
            ], on: channel.eventLoop)
    }

    fileprivate func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
        guard envelope.data.readableBytes <= Limits.datagramBytes else {
            statistics.tooLarge += 1
            return
        }
        guard let host = envelope.remoteAddress.ipAddress else { return }
        let now = Instant(nanoseconds: Int64(clamping: eventLoop.now.uptimeNanoseconds))
        guard limiter.admits(host, now: now) else {
            statistics.overRate += 1
            return
        }
        statistics.received += 1
        delegate?.datagramReceived(Array(envelope.data.readableBytesView), from: host)
    }
}

private final class DatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let service: DiscoveryService

    init(_ service: DiscoveryService) { self.service = service }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { service.received(Self.unwrapInboundIn(data)) }
}
