import Identity
import NIOSSL
import Testing

@testable import Transport

@Suite("The identity key in TLS")
struct TransportIdentityTests {
    @Test("the certificate holds the identity key")
    func certificateKey() throws {
        let key = SigningKey.random()
        #expect(PeerCertificate.peer(try TLSMaterial(key).certificate) == key.peer)
        #expect(try TransportIdentity(key).peer == key.peer)
    }

    @Test("a suite that TLS 1.3 does not have cannot be pinned, and the failure is told")
    func pinFails() throws {
        let configuration = try TLSMaterial(.random()).configuration(.outbound, protocols: ["tiktrue/1"])
        let context = try NIOSSLContext(configuration: configuration)
        #expect(throws: TransportError.suiteNotPinned("it refused the suite")) {
            try CipherPin.pin(context, to: [0x1234])
        }
    }

    @Test("the certificate holds whatever the clock says")
    func validity() throws {
        let certificate = try TLSMaterial(.random()).certificate
        #expect(certificate.notValidBefore == 0)
        #expect(certificate.notValidAfter == 32_472_144_000)
    }
}
