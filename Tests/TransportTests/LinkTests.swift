import Identity
import NIOCore
import Testing
import Wire

@testable import Transport

@Suite("Links between two peers", .timeLimit(.minutes(1)))
struct LinkTests {
    @Test("a link opens on both sides with the proven key and the other's hello")
    func opens() async throws {
        let (ann, bob) = (try await TestPeer("ann"), try await TestPeer("bob"))
        let (mine, theirs) = try await ann.link(to: bob)
        #expect(mine.peer == bob.key.peer && theirs.peer == ann.key.peer)
        #expect(mine.hello.name == "bob" && theirs.hello.name == "ann")
        #expect(mine.direction == .outbound && theirs.direction == .inbound)
        #expect(mine.remote == bob.endpoint && theirs.remote == ann.endpoint)
        #expect(theirs.localHost == "127.0.0.1")
        #expect(mine.dial == DialID(1) && theirs.dial == nil)
        await ann.stop()
        await bob.stop()
    }

    @Test("frames arrive whole and in the order of their sending, up to the largest payload")
    func carriesFrames() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        let link = try await ann.link(to: bob).mine.id
        let large = [UInt8](unsafeUninitializedCapacity: Limits.framePayloadBytes) { buffer, count in
            for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: index &* 31 >> 3) }
            count = buffer.count
        }
        let frames = [
            Sample.offer(1), Sample.activation(large), Sample.offer(2), Sample.activation([1, 2, 3, 4]),
            Sample.offer(3),
        ]
        for frame in frames { #expect(try await ann.send(frame, on: link) == .sent) }
        _ = try await bob.witness.first { if case .received(Sample.offer(3), _) = $0 { true } else { nil } }
        #expect(try await bob.witness.frames() == frames)
        await ann.stop()
        await bob.stop()
    }

    @Test("a link that one side closes is told once to each, with what became of it")
    func closes() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        let (mine, theirs) = try await ann.link(to: bob)
        try await ann.loop.submit {
            ann.service.close(mine.id, reason: "enough")
            ann.service.close(mine.id, reason: "twice")
        }.get()
        #expect(try await ann.witness.closed(mine.id) == .closedHere("enough"))
        #expect(try await bob.witness.closed(theirs.id) == .closedByPeer)
        #expect(try await ann.send(.ping, on: mine.id) == .noLink)
        await ann.stop()
        await bob.stop()
        #expect(try await ann.witness.closings() == 1)
        #expect(try await bob.witness.closings() == 1)
    }

    @Test("shutting down closes links on both sides and fails the dials that are under way")
    func shutsDown() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        let (mine, theirs) = try await ann.link(to: bob)
        try await ann.loop.submit {
            ann.service.dial(bob.endpoint, expecting: nil, purpose: .member, dial: DialID(2))
        }.get()
        await ann.stop()
        #expect(try await ann.witness.closed(mine.id) == .shutdown)
        #expect(try await bob.witness.closed(theirs.id) == .closedByPeer)
        let ends = try await ann.loop.submit {
            ann.witness.events.filter { event in
                switch event {
                case .opened(let link): link.dial == DialID(2)
                case .dialFailed(let dial, _): dial == DialID(2)
                default: false
                }
            }.count
        }.get()
        #expect(ends == 1)
        await bob.stop()
    }

    @Test("an admission link carries what an admission takes and nothing else")
    func admission() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        let (mine, theirs) = try await ann.link(to: bob, purpose: .admission)
        #expect(mine.purpose == .admission && theirs.purpose == .admission)
        #expect(try await ann.send(Sample.request, on: mine.id) == .sent)
        _ = try await bob.witness.first { if case .received(.configRequest, _) = $0 { true } else { nil } }
        #expect(try await ann.send(Sample.offer(1), on: mine.id) == .unsendable)
        #expect(try await bob.send(Sample.activation([0, 0, 0, 0]), on: theirs.id) == .unsendable)
        await ann.stop()
        await bob.stop()
    }

    @Test("a frame over the limits is not sent, and the link stays open")
    func unsendable() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        let link = try await ann.link(to: bob).mine.id
        let large = Sample.activation([UInt8](repeating: 0, count: Limits.framePayloadBytes + 4))
        #expect(try await ann.send(large, on: link) == .unsendable)
        #expect(try await ann.send(Sample.offer(1), on: link) == .sent)
        _ = try await bob.witness.first { if case .received(Sample.offer(1), _) = $0 { true } else { nil } }
        await ann.stop()
        await bob.stop()
    }

    @Test("bulk of many times what the channel holds arrives, and its sender hears when it has drained")
    func bulkDrains() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        let link = try await ann.link(to: bob).mine.id
        let part = Limits.piecePartBytes
        let outcomes = try await ann.loop.submit {
            (0..<64).map { ann.service.send(Sample.piece(part, offset: UInt64($0 * part)), on: link) }
        }.get()
        #expect(outcomes.allSatisfy { $0 == .sent })
        let last = UInt64(63 * part)
        _ = try await bob.witness.first { event -> Bool? in
            if case .received(.pieceData(let data), _) = event, data.offset == last { true } else { nil }
        }
        #expect(try await bob.witness.frames().count == 64)
        #expect(try await ann.loop.submit { ann.witness.drained }.get() >= 1)
        #expect(try await ann.loop.submit { ann.service.pendingBytes(on: link) }.get() == 0)
        await ann.stop()
        await bob.stop()
    }
}
