import Identity
import NIOCore
import NIOEmbedded
import NIOTLS
import Testing
import Wire

@testable import Transport

/// One connection on a clock that the test turns, with the TLS handshake played by hand.
struct PlayedLink {
    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let service: LinkService
    let witness: Witness
    let handler: LinkHandler
    let peer = SigningKey.random().peer

    init(_ purpose: LinkPurpose = .member, settings: LinkSettings = LinkSettings(), greets: Bool = true) throws {
        service = LinkService(
            eventLoop: loop, identity: try TransportIdentity(.random()), hello: HelloTemplate(name: "me", boot: 1),
            settings: settings)
        witness = Witness(loop)
        service.delegate = witness
        let peer = peer
        handler = LinkHandler(service: service, direction: .inbound, dial: nil) { _ in
            HandshakeProof(peer: peer, suite: CipherPin.aes256)
        }
        channel = EmbeddedChannel(handler: handler, loop: loop)
        channel.connect(to: try SocketAddress(ipAddress: "192.0.2.7", port: 1000), promise: nil)
        service.adopt(handler)
        channel.pipeline.fireUserInboundEventTriggered(
            TLSUserEvent.handshakeCompleted(negotiatedProtocol: purpose.applicationProtocol))
        if greets {
            try receive(.hello(Hello(name: "you", linkPort: 7000, boot: 2)))
            _ = try sent()
        }
    }

    func receive(_ frame: Frame) throws { try channel.writeInbound(frame.encoded().buffer(channel.allocator)) }

    /// The frames written since the last call.
    func sent() throws -> [Frame] {
        var parser = FrameParser()
        var frames: [Frame] = []
        while var buffer = try channel.readOutbound(as: ByteBuffer.self) {
            while let frame = try parser.next(from: &buffer) { frames.append(try Frame(frame)) }
        }
        return frames
    }

    func setWritable(_ isWritable: Bool) {
        channel.isWritable = isWritable
        channel.pipeline.fireChannelWritabilityChanged()
    }

    var link: LinkID? {
        for case .opened(let link) in witness.events { return link.id }
        return nil
    }

    var closings: [LinkCloseReason] {
        witness.events.compactMap { if case .closed(_, let reason) = $0 { reason } else { nil } }
    }
}

@Suite("One connection")
struct LinkHandlerTests {
    @Test("hello is the first thing sent, and the link opens with the other's hello")
    func greets() throws {
        let played = try PlayedLink(greets: false)
        #expect(try played.sent() == [.hello(Hello(name: "me", linkPort: 0, boot: 1))])
        #expect(played.link == nil)
        try played.receive(.hello(Hello(name: "you", linkPort: 7000, boot: 2)))
        #expect(played.link != nil)
        #expect(try played.sent() == [])
    }

    @Test("the remote endpoint is the peer's address with the port that its hello names")
    func remoteEndpoint() throws {
        let played = try PlayedLink()
        guard case .opened(let link) = played.witness.events.first else {
            Issue.record("the link did not open")
            return
        }
        #expect(link.remote == Endpoint(host: "192.0.2.7", port: 7000))
    }

    @Test("a first frame other than hello is refused", arguments: [Frame.ping, Sample.offer(1)])
    func helloFirst(_ frame: Frame) throws {
        let played = try PlayedLink(greets: false)
        try played.receive(frame)
        #expect(played.service.statistics.refusals == [.badHello: 1])
        #expect(played.witness.events.isEmpty && !played.channel.isActive)
    }

    @Test("a hello that does not come in time is refused")
    func helloInTime() throws {
        let played = try PlayedLink(greets: false)
        played.loop.advanceTime(by: .milliseconds(4999))
        #expect(played.service.statistics.refusals.isEmpty)
        played.loop.advanceTime(by: .milliseconds(1))
        #expect(played.service.statistics.refusals == [.handshakeTimeout: 1])
    }

    @Test("a suite other than AES-256-GCM is refused even when TLS let it pass")
    func suite() throws {
        let service = LinkService(
            eventLoop: EmbeddedEventLoop(), identity: try TransportIdentity(.random()),
            hello: HelloTemplate(name: "", boot: 1))
        for suite in [0x1301, nil] as [UInt16?] {
            let handler = LinkHandler(service: service, direction: .inbound, dial: nil) { _ in
                HandshakeProof(peer: SigningKey.random().peer, suite: suite)
            }
            let channel = EmbeddedChannel(handler: handler, loop: service.eventLoop as! EmbeddedEventLoop)
            channel.pipeline.fireUserInboundEventTriggered(
                TLSUserEvent.handshakeCompleted(negotiatedProtocol: "tiktrue/1"))
        }
        #expect(service.statistics.refusals == [.cipherSuite: 2])
    }

    @Test("a second hello breaks the protocol")
    func secondHello() throws {
        let played = try PlayedLink()
        try played.receive(.hello(Hello(name: "you", linkPort: 7000, boot: 2)))
        #expect(played.closings == [.malformed("it said hello a second time")])
    }

    @Test("a frame of an unknown kind is skipped and counted, and the next one is heard")
    func unknownKind() throws {
        let played = try PlayedLink()
        let unknown = EncodedFrame(kind: 250, header: [1, 2], payload: Payload([3]))
        try played.channel.writeInbound(unknown.buffer(played.channel.allocator))
        try played.receive(Sample.offer(4))
        #expect(played.service.statistics.unknownFrames == 1)
        guard case .received(Sample.offer(4), _) = played.witness.events.last else {
            Issue.record("the frame after it was lost")
            return
        }
    }

    @Test("a malformed frame closes the link, and what follows it is not read")
    func malformed() throws {
        let played = try PlayedLink()
        var buffer = EncodedFrame(kind: 20, header: [0xff, 0xff], payload: .empty).buffer(played.channel.allocator)
        var next = Sample.offer(4).encoded().buffer(played.channel.allocator)
        buffer.writeBuffer(&next)
        try played.channel.writeInbound(buffer)
        #expect(played.closings.count == 1)
        #expect(played.witness.events.count == 2)
        #expect(!played.channel.isActive)
    }

    @Test("an admission link closes at a frame that it does not carry")
    func admissionFrames() throws {
        let played = try PlayedLink(.admission)
        try played.receive(Sample.request)
        try played.receive(Sample.offer(1))
        #expect(played.closings.count == 1 && played.witness.events.count == 3)
    }

    @Test("an admission link closes at the announcement of a payload")
    func admissionPayload() throws {
        let played = try PlayedLink(.admission)
        try played.channel.writeInbound(ByteBuffer(bytes: [0, 0, 0x10, 5, 31, 0, 0, 0, 0]))
        #expect(played.closings.count == 1)
    }

    @Test("an admission link closes when more came than an admission takes")
    func admissionBytes() throws {
        var settings = LinkSettings()
        settings.admissionBytes = 1000
        let played = try PlayedLink(.admission, settings: settings)
        for _ in 0..<100 { try played.receive(Sample.request) }
        #expect(played.closings.count == 1)
        #expect(played.witness.events.count < 30)
    }

    @Test("an admission link lives thirty seconds, however lively it is")
    func admissionLifetime() throws {
        let played = try PlayedLink(.admission)
        for _ in 0..<299 {
            played.loop.advanceTime(by: .milliseconds(100))
            try played.receive(.pong)
        }
        #expect(played.closings.isEmpty)
        played.loop.advanceTime(by: .milliseconds(100))
        #expect(played.closings == [.expired])
    }

    @Test("small frames overtake bulk that waits, and each kind keeps its order")
    func priorities() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        played.setWritable(false)
        let frames = [Sample.piece(8, offset: 0), Sample.offer(1), Sample.piece(8, offset: 8), Sample.offer(2)]
        for frame in frames { #expect(played.service.send(frame, on: link) == .sent) }
        #expect(try played.sent() == [])
        played.setWritable(true)
        #expect(try played.sent() == [frames[1], frames[3], frames[0], frames[2]])
        #expect(played.witness.drained == 1)
    }

    @Test("more than may wait for a link closes it, told once")
    func overflow() throws {
        var settings = LinkSettings()
        settings.pendingBytes = 1000
        let played = try PlayedLink(settings: settings)
        let link = try #require(played.link)
        played.setWritable(false)
        #expect(played.service.bulkHeadroom(on: link) == 500)
        #expect(played.service.send(Sample.piece(800), on: link) == .sent)
        #expect(played.service.bulkHeadroom(on: link) == 0)
        let waiting = played.service.pendingBytes(on: link)
        #expect(played.service.send(Sample.piece(800), on: link) == .overflow)
        #expect(played.closings == [.overflow(pendingBytes: waiting)])
        #expect(played.service.send(Sample.piece(8), on: link) == .noLink)
    }

    @Test("bytes of a frame that is still on its way keep a link alive")
    func trickle() throws {
        let played = try PlayedLink()
        var bytes = Sample.activation([UInt8](repeating: 1, count: 4)).encoded().buffer(played.channel.allocator)
        while let byte = bytes.readSlice(length: 1) {
            played.loop.advanceTime(by: .milliseconds(1000))
            try played.channel.writeInbound(byte)
        }
        #expect(played.closings.isEmpty)
        #expect(played.witness.events.count == 2)
    }

    @Test("small frames that still wait are written before the link closes, bulk is not")
    func lastWords() throws {
        let played = try PlayedLink()
        let link = try #require(played.link)
        played.setWritable(false)
        for frame in [Sample.piece(8), Sample.offer(1), Sample.offer(2)] { _ = played.service.send(frame, on: link) }
        played.service.close(link, reason: "done")
        #expect(try played.sent() == [Sample.offer(1), Sample.offer(2)])
        #expect(played.closings == [.closedHere("done")])
    }

    @Test("a link closed from within a frame's delivery reads no further frame")
    func closedWithin() throws {
        let played = try PlayedLink()
        played.witness.onReceive = { _, id in played.service.close(id, reason: "enough") }
        var buffer = Sample.offer(1).encoded().buffer(played.channel.allocator)
        var next = Sample.offer(2).encoded().buffer(played.channel.allocator)
        buffer.writeBuffer(&next)
        try played.channel.writeInbound(buffer)
        #expect(played.closings == [.closedHere("enough")])
        #expect(played.witness.events.count == 3)
    }

    @Test("a peer that vanishes without a farewell closes the link")
    func vanishes() throws {
        let played = try PlayedLink()
        played.channel.pipeline.fireChannelInactive()
        #expect(played.closings == [.closedByPeer])
    }
}
