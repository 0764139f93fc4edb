import Identity
import NIOCore
import NIOEmbedded
import Testing
import Wire

@testable import Transport

@Suite("A link's keepalive")
struct LinkKeepaliveTests {
    private let activation = Sample.activation([0, 0, 0, 0])

    /// Turns the clock in small steps, as a loop with other work would.
    private func pass(_ milliseconds: Int, _ played: PlayedLink) {
        for _ in 0..<milliseconds / 10 { played.loop.advanceTime(by: .milliseconds(10)) }
    }

    @Test("a link that nobody uses pings every 5 s")
    func idlePings() throws {
        let played = try PlayedLink()
        for _ in 0..<10 {
            played.loop.advanceTime(by: .milliseconds(4999))
            #expect(try played.sent() == [])
            played.loop.advanceTime(by: .milliseconds(1))
            #expect(try played.sent() == [.ping])
            try played.receive(.pong)
        }
        #expect(played.closings.isEmpty)
    }

    @Test("a frame that is sent stands for a ping")
    func frameIsPing() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        pass(4000, played)
        _ = played.service.send(Sample.offer(1), on: link)
        pass(4990, played)
        #expect(try played.sent() == [Sample.offer(1)])
        pass(10, played)
        #expect(try played.sent() == [.ping])
    }

    @Test("an idle link on which nothing is received for 12 s closes as silent, once")
    func idleSilence() throws {
        let played = try PlayedLink()
        pass(11_990, played)
        #expect(played.closings.isEmpty)
        pass(10, played)
        #expect(played.closings == [.silent(milliseconds: 12_000)])
        pass(20_000, played)
        #expect(played.closings.count == 1)
        #expect(!played.channel.isActive)
    }

    @Test("a ping is answered by a pong, once for all that come together")
    func pongs() throws {
        let played = try PlayedLink()
        try played.receive(.ping)
        #expect(try played.sent() == [.pong])
        var pings = ByteBuffer()
        for _ in 0..<100 {
            var ping = Frame.ping.encoded().buffer(played.channel.allocator)
            pings.writeBuffer(&ping)
        }
        try played.channel.writeInbound(pings)
        #expect(try played.sent() == [.pong])
    }

    @Test("a pong is not answered, and none is added to frames that wait: pings alone fill no memory")
    func noPong() throws {
        let played = try PlayedLink()
        try played.receive(.pong)
        #expect(try played.sent() == [])
        played.setWritable(false)
        for _ in 0..<1000 { try played.receive(.ping) }
        played.setWritable(true)
        #expect(try played.sent() == [])
    }

    @Test("a frame of a chain that is sent makes an idle link ping at once, then every 250 ms")
    func busyBySending() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        pass(3000, played)
        _ = played.service.send(activation, on: link)
        #expect(try played.sent() == [.ping, activation])
        try played.receive(.pong)
        for _ in 0..<4 {
            pass(240, played)
            #expect(try played.sent() == [])
            pass(10, played)
            #expect(try played.sent() == [.ping])
            try played.receive(.pong)
        }
        // Another one while it is busy adds nothing.
        _ = played.service.send(activation, on: link)
        #expect(try played.sent() == [activation])
    }

    @Test("a frame of a chain that is received makes an idle link ping at once")
    func busyByReceiving() throws {
        let played = try PlayedLink()
        pass(3000, played)
        try played.receive(activation)
        #expect(try played.sent() == [.ping])
    }

    @Test("the first bytes of a chain's large frame make an idle link ping at once, those of another do not")
    func busyByBeginning() throws {
        let played = try PlayedLink()
        for (frame, sent) in [(Sample.offer(1), []), (activation, [Frame.ping])] {
            var bytes = frame.encoded().buffer(played.channel.allocator)
            try played.channel.writeInbound(bytes.readSlice(length: 9)!)
            #expect(try played.sent() == sent)
            try played.channel.writeInbound(bytes)
        }
        #expect(played.closings.isEmpty)
    }

    @Test("frames that are no chain's leave a link idle")
    func staysIdle() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        _ = played.service.send(Sample.offer(1), on: link)
        _ = played.service.send(Sample.piece(8), on: link)
        try played.receive(Sample.offer(1))
        pass(4990, played)
        #expect(try played.sent() == [Sample.offer(1), Sample.piece(8)])
    }

    @Test("a busy link whose other side falls silent closes after 1500 ms, counted from when it became busy")
    func busySilence() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        pass(4000, played)
        _ = played.service.send(activation, on: link)
        pass(1490, played)
        #expect(played.closings.isEmpty)
        pass(10, played)
        #expect(played.closings == [.silent(milliseconds: 5500)])
    }

    @Test("three seconds after the last frame of a chain a link is idle again")
    func calmsDown() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        _ = played.service.send(activation, on: link)
        for _ in 0..<3 {
            pass(1000, played)
            try played.receive(.pong)
        }
        // The last ping of the busy link went out at 2750 ms, or thereabouts.
        _ = try played.sent()
        pass(4500, played)
        #expect(try played.sent() == [])
        pass(500, played)
        #expect(try played.sent() == [.ping])
        #expect(played.closings.isEmpty)
    }

    @Test("a busy link that sends without a pause asks for a sign of life all the same")
    func busySender() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        var pings = 0
        for _ in 0..<100 {
            _ = played.service.send(activation, on: link)
            pass(100, played)
            for frame in try played.sent() where frame == .ping {
                pings += 1
                try played.receive(.pong)
            }
        }
        #expect(pings >= 20)
        #expect(played.closings.isEmpty)
    }

    @Test("a link that is probed pings at once, and closes where nothing comes within 1500 ms")
    func probeFails() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        pass(3000, played)
        played.service.probe(link)
        #expect(try played.sent() == [.ping])
        pass(1000, played)
        // Asking again neither pings nor gives more time.
        played.service.probe(link)
        #expect(try played.sent() == [])
        pass(490, played)
        #expect(played.closings.isEmpty)
        pass(10, played)
        #expect(played.closings == [.silent(milliseconds: 4500)])
        played.service.probe(link)
    }

    @Test("any byte answers a probe")
    func probeSucceeds() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        played.service.probe(link)
        pass(1400, played)
        var bytes = Sample.offer(1).encoded().buffer(played.channel.allocator)
        try played.channel.writeInbound(bytes.readSlice(length: 1)!)
        pass(10_000, played)
        #expect(played.closings.isEmpty)
        _ = try played.sent()
        // And the next one is a new one.
        played.service.probe(link)
        #expect(try played.sent() == [.ping])
    }

    @Test("the kinds that make a link busy are those of the chain")
    func kinds() {
        let session = SessionID(high: 1, low: 2)
        let resume = Resume(session: session, epoch: .first, stage: 1, next: .zero)
        let chain: [Frame] = [
            .routeOpen(
                RouteOpen(
                    network: Sample.network, model: Digest.of([]), session: session, epoch: .first, stages: [],
                    stage: 0,
                    task: .embedding, answerStart: .zero, awaiting: nil)),
            .resume(resume), .tokens(Tokens(session: session, epoch: .first, first: .zero, tokens: [], sample: false)),
            activation,
            .sampled(Sampled(session: session, epoch: .first, position: .zero, choice: TokenChoice(token: 1))),
            .stageProgress(resume),
            .stageFailed(StageFailed(session: session, epoch: .first, stage: 0, reason: "")),
            .sessionClose(session: session, epoch: .first),
            .embedded(Embedded(session: session, epoch: .first, position: .zero, payload: Payload([0, 0, 0, 0]))),
        ]
        #expect(chain.map { $0.encoded().kind } == Array(EncodedFrame.chainKinds))
        for frame in [.ping, .pong, Sample.offer(1), Sample.piece(1)] as [Frame] {
            #expect(!EncodedFrame.chainKinds.contains(frame.encoded().kind))
        }
    }
}
