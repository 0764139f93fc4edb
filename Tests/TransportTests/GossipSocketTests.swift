import Identity
import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Transport

@Suite("Gossip on loopback", .timeLimit(.minutes(1)))
struct GossipSocketTests {
    private let keys = (ann: SigningKey.random(), bob: SigningKey.random())

    private func pair() async throws -> (GossipPeer, GossipPeer) {
        (
            try await GossipPeer(roster: [keys.bob], key: keys.ann),
            try await GossipPeer(roster: [keys.ann], key: keys.bob)
        )
    }

    private func stop(_ peers: GossipPeer...) async { for peer in peers { await peer.service.shutdown() } }

    @Test("two members hear each other, and where the other one speaks from is where it listens")
    func exchange() async throws {
        let (ann, bob) = try await pair()
        let longest = [UInt8](repeating: 5, count: GossipService.bytesMax)
        #expect(try await ann.send([1], to: bob))
        #expect(try await ann.send(longest, to: bob))
        try await bob.witness.until { $0.heard.count == 2 }
        let heard = try await bob.service.eventLoop.submit { bob.witness.heard }.get()
        #expect(heard.map(\.bytes) == [[1], longest])
        #expect(heard.allSatisfy { $0.peer == ann.key.peer && $0.source == ann.endpoint })
        #expect(try await bob.send([2], to: ann))
        try await ann.witness.until { $0.heard.map(\.bytes) == [[2]] }
        await stop(ann, bob)
    }

    @Test("a peer that was restarted is heard on, and what its former self had sent is not")
    func restart() async throws {
        let (ann, bob) = try await pair()
        try await ann.send([1], to: bob)
        try await bob.witness.until { $0.heard.count == 1 }
        await stop(ann)
        let again = try await GossipPeer(roster: [keys.bob], key: keys.ann, epoch: 2)
        try await again.send([2], to: bob)
        try await bob.witness.until { $0.heard.count == 2 }
        let former = try await GossipPeer(roster: [keys.bob], key: keys.ann, epoch: 1)
        try await former.send([3], to: bob)
        try await again.send([4], to: bob)
        try await bob.witness.until { $0.heard.map(\.bytes) == [[1], [2], [4]] }
        #expect(try await bob.statistics().replayed == 1)
        await stop(again, former, bob)
    }

    @Test("what cannot be sent is counted: names, strangers, one's own id, too many bytes, another family of addresses")
    func unsent() async throws {
        let (ann, bob) = try await pair()
        #expect(try await !ann.send([1], to: bob.key.peer, at: Endpoint(host: "localhost", port: bob.port)!))
        #expect(try await !ann.send([1], to: bob.key.peer, at: Endpoint(host: "::1", port: bob.port)!))
        #expect(try await !ann.send([1], to: SigningKey.random().peer, at: bob.endpoint))
        #expect(try await !ann.send([1], to: ann.key.peer, at: bob.endpoint))
        #expect(try await !ann.send([UInt8](repeating: 1, count: GossipService.bytesMax + 1), to: bob))
        #expect(try await ann.statistics().unsent == 5)
        await stop(ann, bob)
        #expect(try await !ann.send([1], to: bob))
    }

    @Test("datagrams that are not gossip are counted and leave the socket open")
    func garbage() async throws {
        let (ann, bob) = try await pair()
        let sender = try await DatagramBootstrap(group: TestPeer.group.next()).bind(host: "127.0.0.1", port: 0).get()
        let target = try SocketAddress(ipAddress: "127.0.0.1", port: bob.port)
        for count in [0, 1, 72, 73, 1400, 1401, 9000] {
            let data = ByteBuffer(repeating: 1, count: count)
            try await sender.writeAndFlush(AddressedEnvelope(remoteAddress: target, data: data)).get()
        }
        // An empty datagram may or may not be told; the others come in order, before this one.
        try await ann.send([1], to: bob)
        try await bob.witness.until { $0.heard.count == 1 }
        var statistics = try await bob.statistics()
        #expect((2...3).contains(statistics.malformed))
        statistics.malformed = 0
        var expected = GossipStatistics()
        (expected.received, expected.stranger, expected.tooLarge) = (1, 2, 2)
        #expect(statistics == expected)
        try await sender.close().get()
        await stop(ann, bob)
    }

    @Test("a port that is taken is told once, tried again, and used when it is free")
    func takenPort() async throws {
        let squatter = try await DatagramBootstrap(group: TestPeer.group.next()).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(squatter.localAddress?.port)
        let ann = try await GossipPeer(roster: [keys.bob], key: keys.ann, port: port, retry: .milliseconds(5))
        let bob = try await GossipPeer(roster: [keys.ann], key: keys.bob)
        #expect(try await ann.service.eventLoop.submit { ann.witness.failures.count }.get() == 1)
        #expect(try await !ann.send([1], to: bob))
        try await squatter.close().get()
        try await ann.witness.until { $0.failures.count == 2 }
        #expect(
            try await ann.service.eventLoop.submit { ann.witness.failures.map { $0 == nil } }.get() == [false, true])
        try await bob.send([2], to: ann)
        try await ann.witness.until { $0.heard.map(\.bytes) == [[2]] }
        await stop(ann, bob)
    }

    @Test("a socket that fails is opened again on the same port")
    func socketFails() async throws {
        let ann = try await GossipPeer(roster: [keys.bob], key: keys.ann, retry: .milliseconds(5))
        let bob = try await GossipPeer(roster: [keys.ann], key: keys.bob)
        for round in 1...3 {
            try await ann.service.eventLoop.submit { ann.service.socket?.close(promise: nil) }.get()
            // Sent while it is closed, a datagram is lost: send until one comes.
            let bytes = [UInt8(round)]
            while try await !ann.service.eventLoop.submit({ ann.witness.heard.contains { $0.bytes == bytes } }).get() {
                try await bob.send(bytes, to: ann)
                await Task.yield()
            }
        }
        #expect(try await ann.send([9], to: bob))
        try await bob.witness.until { $0.heard.map(\.bytes) == [[9]] }
        await stop(ann, bob)
    }

    @Test("an address that the system refuses is left alone for a while, and the others are still reached")
    func refusedAddress() async throws {
        let ann = try await GossipPeer(roster: [keys.bob], key: keys.ann, retry: .milliseconds(5))
        let bob = try await GossipPeer(roster: [keys.ann], key: keys.bob)
        // From loopback there is no way out, and the attempt closes the socket.
        let nowhere = Endpoint(host: "203.0.113.1", port: 9)!
        try await ann.send([1], to: bob.key.peer, at: nowhere)
        while try await ann.statistics().unsent == 0 { await Task.yield() }
        #expect(try await !ann.send([1], to: bob.key.peer, at: nowhere))
        try await bob.send([2], to: ann)
        while try await ann.service.eventLoop.submit({ ann.witness.heard.isEmpty }).get() {
            try await bob.send([2], to: ann)
            await Task.yield()
        }
        await stop(ann, bob)
    }
}
