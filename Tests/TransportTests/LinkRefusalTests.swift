import Crypto
import Identity
import NIOCore
import NIOPosix
import NIOSSL
import Testing
import Wire
import X509

@testable import Transport

@Suite("Links that are refused", .timeLimit(.minutes(1)))
struct LinkRefusalTests {
    /// A client that is not ours: TLS with any configuration. Returns once the server has closed the connection.
    private func connect(_ port: Int, _ configuration: TLSConfiguration, suites: [UInt16] = [CipherPin.aes256])
        async throws
    {
        let context = try NIOSSLContext(configuration: configuration)
        if configuration.maximumTLSVersion != .tlsv12 { try CipherPin.pin(context, to: suites) }
        let channel = try await ClientBootstrap(group: TestPeer.group.next())
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(
                            context: context, serverHostname: nil,
                            customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) }))
                    try channel.pipeline.syncOperations.addHandler(ErrorSwallower())
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }

    private func client(_ key: SigningKey = .random(), protocols: [String] = ["tiktrue/1"]) throws -> TLSConfiguration {
        try TLSMaterial(key).configuration(.outbound, protocols: protocols)
    }

    /// A server that is not ours.
    private func serve(_ configuration: TLSConfiguration, suites: [UInt16] = [CipherPin.aes256]) async throws
        -> any Channel
    {
        let context = try NIOSSLContext(configuration: configuration)
        if configuration.maximumTLSVersion != .tlsv12 { try CipherPin.pin(context, to: suites) }
        return try await ServerBootstrap(group: TestPeer.group.next())
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLServerHandler(
                            context: context,
                            customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) }))
                    try channel.pipeline.syncOperations.addHandler(ErrorSwallower())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func refusals(_ peer: TestPeer) async throws -> [LinkRefusal: Int] { try await peer.statistics().refusals }

    @Test("a client without a certificate")
    func noCertificate() async throws {
        let bob = try await TestPeer()
        var configuration = try client()
        configuration.certificateChain = []
        configuration.privateKey = nil
        try await connect(bob.port, configuration)
        #expect(try await refusals(bob) == [.noCertificate: 1])
        await bob.stop()
    }

    @Test("a client with a certificate of another kind of key")
    func otherKeyKind() async throws {
        let bob = try await TestPeer()
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("p256") }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(1), publicKey: key.publicKey,
            notValidBefore: .init(timeIntervalSince1970: 0),
            notValidAfter: .init(timeIntervalSince1970: 4_000_000_000), issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: .init(), issuerPrivateKey: key)
        var configuration = try client()
        configuration.certificateChain = [
            .certificate(try NIOSSLCertificate(bytes: certificate.serializeAsPEM().derBytes, format: .der))
        ]
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: key.serializeAsPEM().derBytes, format: .der))
        configuration.signingSignatureAlgorithms = nil
        configuration.verifySignatureAlgorithms = nil
        try await connect(bob.port, configuration)
        let found = try await refusals(bob)
        #expect(found.values.reduce(0, +) == 1)
        #expect(try await bob.statistics().opened == 0)
        await bob.stop()
    }

    @Test("a client with a second certificate behind its own")
    func longChain() async throws {
        let bob = try await TestPeer()
        var configuration = try client()
        configuration.certificateChain.append(.certificate(try TLSMaterial(.random()).certificate))
        try await connect(bob.port, configuration)
        #expect(try await refusals(bob) == [.wrongCertificate: 1])
        await bob.stop()
    }

    @Test("a client that shows another peer's certificate without having its key")
    func stolenCertificate() async throws {
        let ann = try await TestPeer()
        let bob = try await TestPeer()
        var configuration = try client()
        configuration.certificateChain = [.certificate(try TLSMaterial(ann.key).certificate)]
        // The library itself may notice that the two do not belong together; either way no link comes of it.
        try? await connect(bob.port, configuration)
        #expect(try await bob.statistics().opened == 0)
        await ann.stop()
        await bob.stop()
    }

    @Test("a peer that the roster does not know, before any of its frames is read")
    func unknownPeer() async throws {
        let ann = try await TestPeer()
        let bob = try await TestPeer(welcomes: { _, _ in false })
        try await ann.dial(bob.endpoint)
        _ = try await ann.witness.dialFailed()
        #expect(try await refusals(bob) == [.unknownPeer: 1])
        #expect(try await bob.statistics().framesReceived == 0)
        #expect(try await bob.statistics().framesSent == 0)
        await ann.stop()
        await bob.stop()
    }

    @Test("a server that the roster does not know")
    func unknownServer() async throws {
        let ann = try await TestPeer(welcomes: { _, _ in false })
        let bob = try await TestPeer()
        try await ann.dial(bob.endpoint)
        #expect(try await ann.witness.dialFailed().contains("not welcome"))
        #expect(try await refusals(ann) == [.unknownPeer: 1])
        await ann.stop()
        await bob.stop()
    }

    @Test("a server with another key than the dialed peer's")
    func unexpectedPeer() async throws {
        let (ann, bob) = (try await TestPeer(), try await TestPeer())
        try await ann.dial(bob.endpoint, expecting: SigningKey.random().peer)
        _ = try await ann.witness.dialFailed()
        #expect(try await refusals(ann) == [.unexpectedPeer: 1])
        await ann.stop()
        await bob.stop()
    }

    @Test("this peer itself")
    func ownKey() async throws {
        let ann = try await TestPeer()
        try await ann.dial(ann.endpoint)
        _ = try await ann.witness.dialFailed()
        // Both ends of the connection are its own, and either may be the first to notice.
        #expect(try await refusals(ann)[.ownKey] != nil)
        #expect(try await ann.statistics().opened == 0)
        await ann.stop()
    }

    @Test("a client that speaks TLS 1.2 at most")
    func oldClient() async throws {
        let bob = try await TestPeer()
        var configuration = try client()
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = .tlsv12
        try await connect(bob.port, configuration)
        #expect(try await refusals(bob) == [.tlsVersion: 1])
        await bob.stop()
    }

    @Test("a server that speaks TLS 1.2 at most")
    func oldServer() async throws {
        let ann = try await TestPeer()
        var configuration = try TLSMaterial(.random()).configuration(.inbound, protocols: ["tiktrue/1"])
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = .tlsv12
        let server = try await serve(configuration)
        try await ann.dial(Endpoint(host: "127.0.0.1", port: server.localAddress!.port!)!)
        _ = try await ann.witness.dialFailed()
        #expect(try await refusals(ann) == [.tlsVersion: 1])
        try await server.close().get()
        await ann.stop()
    }

    @Test("a client that offers other suites only", arguments: [UInt16(0x1301), 0x1303])
    func otherSuite(_ suite: UInt16) async throws {
        let bob = try await TestPeer()
        try await connect(bob.port, try client(), suites: [suite])
        #expect(try await refusals(bob) == [.cipherSuite: 1])
        await bob.stop()
    }

    @Test("a server that takes other suites only", arguments: [UInt16(0x1301), 0x1303])
    func otherServerSuite(_ suite: UInt16) async throws {
        let ann = try await TestPeer()
        let server = try await serve(
            TLSMaterial(.random()).configuration(.inbound, protocols: ["tiktrue/1"]), suites: [suite])
        try await ann.dial(Endpoint(host: "127.0.0.1", port: server.localAddress!.port!)!)
        _ = try await ann.witness.dialFailed()
        #expect(try await ann.statistics().opened == 0)
        try await server.close().get()
        await ann.stop()
    }

    @Test("a client that names no protocol, or none of ours", arguments: [[], ["tiktrue/2"], ["h2", "http/1.1"]])
    func noProtocol(_ protocols: [String]) async throws {
        let bob = try await TestPeer()
        try await connect(bob.port, try client(protocols: protocols))
        #expect(try await refusals(bob) == [.noProtocol: 1])
        await bob.stop()
    }

    @Test("a server that names no protocol")
    func noServerProtocol() async throws {
        let ann = try await TestPeer()
        let server = try await serve(TLSMaterial(.random()).configuration(.inbound, protocols: []))
        try await ann.dial(Endpoint(host: "127.0.0.1", port: server.localAddress!.port!)!)
        _ = try await ann.witness.dialFailed()
        #expect(try await refusals(ann) == [.noProtocol: 1])
        try await server.close().get()
        await ann.stop()
    }

    @Test("a connection on which nothing is said in time")
    func silentStranger() async throws {
        var settings = LinkSettings()
        settings.handshakeDeadline = .milliseconds(20)
        let bob = try await TestPeer(settings: settings)
        let channel = try await ClientBootstrap(group: TestPeer.group.next()).connect(host: "127.0.0.1", port: bob.port)
            .get()
        try await channel.closeFuture.get()
        #expect(try await refusals(bob) == [.handshakeTimeout: 1])
        await bob.stop()
    }

    @Test("what is no TLS at all")
    func noTLS() async throws {
        let bob = try await TestPeer()
        let channel = try await ClientBootstrap(group: TestPeer.group.next()).connect(host: "127.0.0.1", port: bob.port)
            .get()
        try await channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n")).get()
        try await channel.closeFuture.get()
        #expect(try await refusals(bob).values.reduce(0, +) == 1)
        await bob.stop()
    }

    @Test("a connection beyond those that may be strangers at a time")
    func tooManyHandshakes() async throws {
        var settings = LinkSettings()
        settings.handshakes = 2
        let bob = try await TestPeer(settings: settings)
        var channels: [any Channel] = []
        for _ in 0..<3 {
            channels.append(
                try await ClientBootstrap(group: TestPeer.group.next()).connect(host: "127.0.0.1", port: bob.port).get()
            )
        }
        try await channels[2].closeFuture.get()
        #expect(try await refusals(bob) == [.tooManyHandshakes: 1])
        #expect(channels[0].isActive && channels[1].isActive)
        await bob.stop()
    }

    @Test("an admission beyond those at a time, while members still come in")
    func tooManyAdmissions() async throws {
        var settings = LinkSettings()
        settings.admissions = 1
        let bob = try await TestPeer(settings: settings)
        let (ann, cid, dora) = (try await TestPeer(), try await TestPeer(), try await TestPeer())
        _ = try await ann.link(to: bob, purpose: .admission)
        try await cid.dial(bob.endpoint, purpose: .admission)
        _ = try await cid.witness.dialFailed()
        #expect(try await refusals(bob) == [.tooManyAdmissions: 1])
        _ = try await dora.link(to: bob)
        for peer in [ann, bob, cid, dora] { await peer.stop() }
    }

    @Test("a link beyond those that one peer may have")
    func tooManyLinks() async throws {
        var settings = LinkSettings()
        settings.linksPerPeer = 1
        let (ann, bob) = (try await TestPeer(), try await TestPeer(settings: settings))
        _ = try await ann.link(to: bob)
        try await ann.dial(bob.endpoint, dial: 2)
        _ = try await ann.witness.dialFailed()
        #expect(try await refusals(bob) == [.tooManyLinks: 1])
        await ann.stop()
        await bob.stop()
    }

    @Test("a port on which nobody listens")
    func unreachable() async throws {
        let ann = try await TestPeer()
        let listener = try await ServerBootstrap(group: TestPeer.group.next()).bind(host: "127.0.0.1", port: 0).get()
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.localAddress!.port!)!
        try await listener.close().get()
        try await ann.dial(endpoint)
        _ = try await ann.witness.dialFailed()
        #expect(try await refusals(ann) == [.unreachable: 1])
        await ann.stop()
    }
}

/// Errors are part of these tests; the connection closes by itself.
final class ErrorSwallower: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
