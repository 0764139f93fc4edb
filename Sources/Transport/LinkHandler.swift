import Identity
import NIOCore
import NIOSSL
import NIOTLS
import Wire

/// What a finished TLS handshake has proven.
struct HandshakeProof {
    let peer: PeerID?
    let suite: UInt16?

    /// Read from the TLS handler of the same pipeline.
    static func read(_ context: ChannelHandlerContext) -> HandshakeProof {
        guard let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self) else {
            return HandshakeProof(peer: nil, suite: nil)
        }
        return HandshakeProof(
            peer: handler.peerCertificate.flatMap(PeerCertificate.peer), suite: CipherPin.suite(of: handler))
    }
}

/// One connection, from its first byte to its last.
///
///     handshake --proven, welcome--> greeting --hello--> open --> ended
///         \______________________________\___refused_________________/
///
/// Up to `open` the connection is nobody's: whatever goes wrong is a refusal, counted by its cause, and a dial hears that it
/// failed. From `open` on it is a link, and the delegate hears exactly once that it closed.
/// Both sides say hello as soon as TLS is done. A TLS 1.3 client believes itself accepted before the server has judged its
/// certificate; only the server's hello tells it that it was, so that a link opens, on either side, with the other's hello.
final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Stage {
        case handshake
        case greeting(PeerID, LinkPurpose)
        case open(LinkID, PeerID, LinkPurpose)
        case ended
    }

    let direction: LinkDirection
    let dial: LinkDial?
    private(set) var stage = Stage.handshake
    private let service: LinkService
    private let proof: (ChannelHandlerContext) -> HandshakeProof
    private var context: ChannelHandlerContext?
    private var parser = FrameParser()
    private var queue = OutboundQueue()
    private var isPumping = false
    private var receivedBytes = 0
    /// The deadline of the handshake; on an admission link that of its life.
    private var deadline: Scheduled<Void>?
    private var heartbeat: Scheduled<Void>?
    private var pulse: LinkPulse
    /// A ping has come that is not answered yet.
    private var owesPong = false
    /// Refused within the handshake, before TLS has told the peer so.
    private var verdict: LinkRefusal?

    init(
        service: LinkService, direction: LinkDirection, dial: LinkDial?,
        proof: @escaping (ChannelHandlerContext) -> HandshakeProof = HandshakeProof.read
    ) {
        self.service = service
        self.direction = direction
        self.dial = dial
        self.proof = proof
        pulse = LinkPulse(service.settings, now: service.eventLoop.now)
    }

    var pendingBytes: Int { queue.pendingBytes }
    var closeFuture: EventLoopFuture<Void>? { context?.channel.closeFuture }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        schedule(&deadline, in: service.settings.handshakeDeadline) {
            $0.refuse(.handshakeTimeout, "there was no hello in time")
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        heartbeat?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch stage {
        case .handshake: refuse(verdict ?? .closedEarly, "the connection ended within the handshake")
        case .greeting:
            refuse(.closedEarly, "the peer closed the connection without a hello; it may not know this peer")
        case .open: end(.closedByPeer)
        case .ended: break
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch stage {
        case .handshake: refuse(verdict ?? LinkRefusal(handshake: error), "\(error)")
        case .greeting: refuse(.closedEarly, "the peer refused this one: \(error)")
        case .open:
            if case NIOSSLError.uncleanShutdown = error {
                end(.failed("the peer vanished without a farewell"))
            } else {
                end(.failed("\(error)"))
            }
        case .ended: break
        }
    }

    // MARK: The handshake

    /// TLS asks this before it goes on. Whether the peer has the certificate's key is proven only after it.
    func verify(_ chain: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
        if chain.count != 1 || PeerCertificate.peer(chain[0]) == nil {
            verdict = .wrongCertificate
        } else if let expected = dial?.expecting, PeerCertificate.peer(chain[0]) != expected {
            verdict = .unexpectedPeer
        }
        promise.succeed(verdict == nil ? .certificateVerified : .failed)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let applicationProtocol) = event, case .handshake = stage {
            judge(proof(context), applicationProtocol: applicationProtocol)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func judge(_ proof: HandshakeProof, applicationProtocol: String?) {
        guard let peer = proof.peer else { return refuse(.noCertificate, "the peer has shown no certificate") }
        guard proof.suite == CipherPin.aes256 else {
            return refuse(.cipherSuite, "the connection is not under AES-256-GCM")
        }
        guard let purpose = applicationProtocol.flatMap(LinkPurpose.init(applicationProtocol:)),
            dial == nil || dial?.purpose == purpose
        else { return refuse(.noProtocol, "the peer speaks another protocol, or another version") }
        if let expected = dial?.expecting, expected != peer {
            return refuse(.unexpectedPeer, "another peer answered: \(peer.short)")
        }
        if let (cause, reason) = service.objection(to: peer, purpose: purpose, direction: direction) {
            return refuse(cause, reason)
        }
        parser = FrameParser(payloadLimit: purpose.payloadBytes)
        stage = .greeting(peer, purpose)
        write(Frame.hello(service.hello).encoded())
        context?.flush()
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = Self.unwrapInboundIn(data)
        pulse.lastReceived = context.eventLoop.now
        service.statistics.bytesReceived += buffer.readableBytes
        receivedBytes += buffer.readableBytes
        do {
            // The delegate may close the link from within any frame.
            while isReading, let frame = try parser.next(from: &buffer) { receive(frame) }
        } catch {
            return breach("\(error)")
        }
        // The beginning of a large frame says what it will be.
        if let kind = parser.kindUnderWay { passed(kind) }
    }

    /// One pong for all pings that came together: who sends nothing but pings gets no more than it can read.
    func channelReadComplete(context: ChannelHandlerContext) {
        if owesPong, case .open = stage {
            owesPong = false
            if canPing { writeNow(.pong) }
        }
        context.fireChannelReadComplete()
    }

    private var isReading: Bool {
        switch stage {
        case .greeting, .open: true
        case .handshake, .ended: false
        }
    }

    private func receive(_ encoded: EncodedFrame) {
        service.statistics.framesReceived += 1
        let frame: Frame
        do {
            frame = try Frame(encoded)
        } catch .unknownKind(let kind) {
            guard case .open = stage else { return breach("its first frame is of kind \(kind)") }
            service.statistics.unknownFrames += 1
            return
        } catch {
            return breach("\(error)")
        }
        switch stage {
        case .greeting(let peer, let purpose):
            guard case .hello(let hello) = frame else { return breach("its first frame is no hello") }
            open(peer, purpose, hello)
        case .open(let id, _, let purpose):
            guard purpose.carries(frame) else { return breach("it sent a frame that an admission link does not carry") }
            if purpose == .admission, receivedBytes > service.settings.admissionBytes {
                return breach("it sent more than \(service.settings.admissionBytes) bytes on an admission link")
            }
            switch frame {
            case .hello: breach("it said hello a second time")
            case .ping: owesPong = true
            case .pong: break
            default:
                passed(encoded.kind)
                // Writing may have shown that the connection is broken.
                guard case .open = stage else { return }
                service.delegate?.linkReceived(frame, on: id)
            }
        case .handshake, .ended: break
        }
    }

    private func breach(_ reason: String) {
        switch stage {
        case .greeting: refuse(.badHello, reason)
        case .open: end(.malformed(reason))
        case .handshake, .ended: break
        }
    }

    private func open(_ peer: PeerID, _ purpose: LinkPurpose, _ hello: Hello) {
        guard let context else { return }
        deadline?.cancel()
        let id = service.opened(self)
        stage = .open(id, peer, purpose)
        scheduleBeat()
        if purpose == .admission {
            schedule(&deadline, in: service.settings.admissionLifetime) { $0.end(.expired) }
        }
        service.delegate?.linkOpened(
            LinkOpened(
                id: id, peer: peer, purpose: purpose, direction: direction, hello: hello,
                remote: context.channel.remoteAddress?.plainHost.flatMap { Endpoint(host: $0, port: hello.linkPort) },
                localHost: context.channel.localAddress?.plainHost, dial: dial?.id))
    }

    // MARK: Sending

    func send(_ frame: Frame) -> SendOutcome {
        guard case .open(_, _, let purpose) = stage else { return .noLink }
        let encoded = frame.encoded()
        guard purpose.carries(frame), encoded.isWithinLimits(of: purpose) else { return .unsendable }
        let pending = queue.pendingBytes + encoded.wireBytes
        guard pending <= service.settings.pendingBytes else {
            end(.overflow(pendingBytes: queue.pendingBytes))
            return .overflow
        }
        passed(encoded.kind)
        queue.append(encoded, isBulk: frame.isBulk)
        pump()
        return .sent
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let hadBulk = queue.hasBulk
        pump()
        if hadBulk, !queue.hasBulk, case .open(let id, _, _) = stage { service.delegate?.linkDrained(id) }
        context.fireChannelWritabilityChanged()
    }

    /// Writes what the channel takes. Flushing may make it writable again, and says so by calling back into here: the flag turns
    /// that into another round instead of a recursion.
    private func pump() {
        guard !isPumping, let context else { return }
        isPumping = true
        defer { isPumping = false }
        while context.channel.isWritable, !queue.isEmpty {
            while context.channel.isWritable, let frame = queue.next() { write(frame) }
            context.flush()
        }
    }

    private func write(_ frame: EncodedFrame) {
        guard let context else { return }
        pulse.lastSent = context.eventLoop.now
        service.statistics.framesSent += 1
        service.statistics.bytesSent += frame.wireBytes
        context.write(Self.wrapOutboundOut(frame.buffer(context.channel.allocator)), promise: nil)
    }

    // MARK: Keepalive

    /// A frame of that kind passes over the link.
    private func passed(_ kind: UInt8) {
        guard EncodedFrame.chainKinds.contains(kind), case .open = stage, let context else { return }
        if pulse.chainPassed(now: context.eventLoop.now) { pingNow() }
    }

    func probe() {
        guard case .open = stage, let context else { return }
        if pulse.probe(now: context.eventLoop.now) { pingNow() }
    }

    private func pingNow() {
        heartbeat?.cancel()
        ping()
        scheduleBeat()
    }

    private func ping() {
        guard let context, canPing else { return }
        writeNow(.ping)
        pulse.pinged(now: context.eventLoop.now)
    }

    /// Where frames wait, their bytes are the sign of life.
    private var canPing: Bool { queue.isEmpty && context?.channel.isWritable == true }

    private func writeNow(_ frame: Frame) {
        write(frame.encoded())
        context?.flush()
    }

    private func scheduleBeat() {
        guard let context else { return }
        pulse.stretch = service.idleStretch
        let due = pulse.nextBeat(now: context.eventLoop.now)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        heartbeat = context.eventLoop.scheduleTask(deadline: due) { bound.value.beat(due: due) }
    }

    private func beat(due: NIODeadline) {
        guard case .open = stage, let context else { return }
        switch pulse.action(now: context.eventLoop.now, due: due, isIdle: canPing) {
        case .close(let silence): return end(.silent(milliseconds: silence.nanoseconds / 1_000_000))
        case .ping: ping()
        case .rest: break
        }
        scheduleBeat()
    }

    private func schedule(
        _ timer: inout Scheduled<Void>?, in time: TimeAmount, _ action: @escaping (LinkHandler) -> Void
    ) {
        guard let context else { return }
        let bound = NIOLoopBound((self, action), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: time) {
            let (handler, action) = bound.value
            action(handler)
        }
    }

    // MARK: Ending

    /// Ends a connection that has not become a link.
    func refuse(_ cause: LinkRefusal, _ reason: String) {
        switch stage {
        case .handshake, .greeting: break
        case .open, .ended: return
        }
        stage = .ended
        stop()
        service.refused(self, cause, reason)
    }

    /// Ends a link.
    func end(_ reason: LinkCloseReason) {
        guard case .open(let id, _, _) = stage else { return }
        stage = .ended
        // What was said before goodbye is still sent, as far as it is small.
        if case .closedHere = reason { while let frame = queue.nextSmall() { write(frame) } }
        stop()
        service.ended(self, id, reason)
    }

    private func stop() {
        queue.removeAll()
        deadline?.cancel()
        heartbeat?.cancel()
        context?.flush()
        context?.close(promise: nil)
    }
}

extension LinkRefusal {
    /// BoringSSL tells its reasons only as text.
    init(handshake error: any Error) {
        let text = "\(error)"
        let causes: [(String, LinkRefusal)] = [
            ("PEER_DID_NOT_RETURN_A_CERTIFICATE", .noCertificate), ("UNSUPPORTED_PROTOCOL", .tlsVersion),
            ("PROTOCOL_VERSION", .tlsVersion), ("NO_SHARED_CIPHER", .cipherSuite), ("WRONG_CIPHER", .cipherSuite),
            ("SIGNATURE", .wrongCertificate),
        ]
        self = causes.first { text.contains($0.0) }?.1 ?? .handshakeFailed
    }
}

extension SocketAddress {
    /// The address without its port; an IPv4 address that came through an IPv6 socket is written as what it is.
    var plainHost: String? {
        guard let text = ipAddress else { return nil }
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }
}
