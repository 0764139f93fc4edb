import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Transport

/// Keeps what was heard, and lets a test wait for it. Unchecked: touched on its event loop only.
private final class Listener: DiscoveryDelegate, @unchecked Sendable {
    let eventLoop: any EventLoop
    private(set) var heard: [([UInt8], String)] = []
    private var waiting: [([UInt8], EventLoopPromise<String>)] = []

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func datagramReceived(_ bytes: [UInt8], from host: String) {
        heard.append((bytes, host))
        waiting = waiting.filter { wanted, promise in
            if wanted == bytes { promise.succeed(host) }
            return wanted != bytes
        }
    }

    /// Where the datagram came from, when it has come.
    func source(of datagram: [UInt8]) async throws -> String {
        try await eventLoop.flatSubmit {
            let promise = self.eventLoop.makePromise(of: String.self)
            if let (_, host) = self.heard.first(where: { $0.0 == datagram }) {
                promise.succeed(host)
            } else {
                self.waiting.append((datagram, promise))
                // What never comes fails the test that waits for it, and not the whole run.
                self.eventLoop.scheduleTask(in: .seconds(50)) {
                    promise.fail(ChannelError.connectTimeout(.seconds(50)))
                }
            }
            return promise.futureResult
        }.get()
    }

    func count() async throws -> Int { try await eventLoop.submit { self.heard.count }.get() }
}

@Suite("Discovery on loopback", .timeLimit(.minutes(1)), .serialized)
struct DiscoveryTests {
    private func service(port: Int, _ change: (inout DiscoverySettings) -> Void = { _ in }) async throws -> (
        DiscoveryService, Listener
    ) {
        var settings = DiscoverySettings()
        settings.port = port
        settings.interfaces = ["lo"]
        change(&settings)
        let loop = TestPeer.group.next()
        let service = try DiscoveryService(eventLoop: loop, settings: settings)
        let listener = Listener(loop)
        try await loop.submit { service.delegate = listener }.get()
        try await service.start()
        return (service, listener)
    }

    /// A port that nobody else uses at the moment.
    private func freePort() async throws -> Int {
        let channel = try await DatagramBootstrap(group: TestPeer.group.next()).bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port
        try await channel.close().get()
        return try #require(port)
    }

    private func call(_ service: DiscoveryService, _ listener: Listener, _ bytes: [UInt8]) async throws -> Int {
        try await listener.eventLoop.submit { service.multicast(bytes) }.get()
    }

    @Test("two services on one port of one machine hear each other, and themselves, once")
    func hear() async throws {
        let port = try await freePort()
        let (ann, annHears) = try await service(port: port)
        let (bob, bobHears) = try await service(port: port)
        #expect(try await call(ann, annHears, [1, 2, 3]) == 1)
        #expect(try await bobHears.source(of: [1, 2, 3]) == "127.0.0.1")
        _ = try await call(bob, bobHears, [4])
        for hears in [annHears, bobHears] {
            for datagram in [[1, 2, 3], [4]] as [[UInt8]] { _ = try await hears.source(of: datagram) }
        }
        #expect(try await annHears.count() == 2)
        #expect(try await bobHears.count() == 2)
        await ann.shutdown()
        await bob.shutdown()
    }

    @Test("a datagram over the limit is dropped, one at the limit is heard")
    func limit() async throws {
        let port = try await freePort()
        let (ann, annHears) = try await service(port: port)
        let sender = try await sender()
        let group = try SocketAddress(ipAddress: DiscoverySettings().group, port: port)
        for size in [Limits.datagramBytes + 1, 2000, 9000, Limits.datagramBytes] {
            let data = ByteBuffer(repeating: 5, count: size)
            try await sender.writeAndFlush(AddressedEnvelope(remoteAddress: group, data: data)).get()
        }
        _ = try await annHears.source(of: [UInt8](repeating: 5, count: Limits.datagramBytes))
        #expect(try await annHears.count() == 1)
        #expect(try await annHears.eventLoop.submit { ann.statistics.tooLarge }.get() == 3)
        try await sender.close().get()
        await ann.shutdown()
    }

    @Test("a flood from one source is cut to its rate")
    func flood() async throws {
        let port = try await freePort()
        let (ann, annHears) = try await service(port: port) {
            $0.datagramsPerSource = 3
            $0.datagramsPerSecond = 1000
        }
        let sender = try await sender()
        let group = try SocketAddress(ipAddress: DiscoverySettings().group, port: port)
        for number in 0..<3 {
            try await sender.writeAndFlush(
                AddressedEnvelope(remoteAddress: group, data: ByteBuffer(bytes: [UInt8(number)]))
            ).get()
        }
        _ = try await annHears.source(of: [2])
        for _ in 0..<50 {
            sender.write(AddressedEnvelope(remoteAddress: group, data: ByteBuffer(bytes: [9])), promise: nil)
        }
        sender.flush()
        // The next datagram over the rate is counted; nothing else tells that all were looked at.
        while try await annHears.eventLoop.submit({ ann.statistics.overRate }).get() < 40 { await Task.yield() }
        #expect(try await annHears.count() <= 13)
        try await sender.close().get()
        await ann.shutdown()
    }

    @Test("a service tells which interfaces it uses and why it skips the others")
    func explains() async throws {
        let (ann, annHears) = try await service(port: try await freePort())
        let choices = try await annHears.eventLoop.submit { ann.interfaces() }.get()
        #expect(choices.filter(\.isUsed).map(\.interface.name) == ["lo"])
        #expect(choices.allSatisfy { !$0.reason.isEmpty })
        #expect(try await annHears.eventLoop.submit { ann.localAddresses() }.get() == ["127.0.0.1"])
        await ann.shutdown()
    }

    @Test("an address that is no multicast group is refused", arguments: ["127.0.0.1", "ff02::1", "nonsense", ""])
    func wrongGroup(_ group: String) {
        var settings = DiscoverySettings()
        settings.group = group
        #expect(throws: TransportError.self) {
            try DiscoveryService(eventLoop: TestPeer.group.next(), settings: settings)
        }
    }

    /// A plain socket that sends by way of loopback.
    private func sender() async throws -> any Channel {
        let channel = try await DatagramBootstrap(group: TestPeer.group.next()).bind(host: "127.0.0.1", port: 0).get()
        let options = try #require(channel as? any SocketOptionProvider)
        try await options.setIPMulticastIF(.init(s_addr: UInt32(0x7f00_0001).bigEndian)).get()
        return channel
    }
}
