import Crypto
import Identity
import NIOCore
import NIOSSL
import SwiftASN1
import Wire
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A peer's identity as TLS knows it: a certificate that its Ed25519 key signs for itself, and the contexts made with it.
///
/// Both sides present such a certificate. Nobody vouches for it and nothing in it is believed except the key, whose possession
/// the handshake proves (CertificateVerify, RFC 8446 §4.4.3); whether that key is welcome, the roster says. Dates do not matter,
/// since clocks on a local network lie, so the certificate holds for a thousand years.
/// TLS 1.3, AES-256-GCM and Ed25519 are the only choices on offer: there is nothing to be talked down to.
public struct TransportIdentity: Sendable {
    public let peer: PeerID
    let server: NIOSSLContext
    private let memberClient: NIOSSLContext
    private let admissionClient: NIOSSLContext

    /// - Throws: where no certificate can be made, or where TLS cannot be restricted to the one suite.
    public init(_ key: SigningKey) throws(TransportError) {
        let material = try TLSMaterial(key)
        peer = key.peer
        server = try TransportIdentity.pinned(
            material.configuration(.inbound, protocols: LinkPurpose.allCases.map(\.applicationProtocol)))
        memberClient = try TransportIdentity.pinned(
            material.configuration(.outbound, protocols: [LinkPurpose.member.applicationProtocol]))
        admissionClient = try TransportIdentity.pinned(
            material.configuration(.outbound, protocols: [LinkPurpose.admission.applicationProtocol]))
    }

    func client(_ purpose: LinkPurpose) -> NIOSSLContext {
        switch purpose {
        case .member: memberClient
        case .admission: admissionClient
        }
    }

    private static func pinned(_ configuration: TLSConfiguration) throws(TransportError) -> NIOSSLContext {
        let context: NIOSSLContext
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .certificate("\(error)")
        }
        try CipherPin.pin(context)
        return context
    }
}

/// The certificate and key, and the TLS configurations that use them.
struct TLSMaterial {
    let certificate: NIOSSLCertificate
    let privateKey: NIOSSLPrivateKey

    init(_ key: SigningKey) throws(TransportError) {
        do {
            let signing = try Curve25519.Signing.PrivateKey(rawRepresentation: key.seed)
            guard Array(signing.publicKey.rawRepresentation) == key.peer.bytes else {
                throw TransportError.certificate("the two cryptographic libraries disagree about its public half")
            }
            let certificateKey = Certificate.PrivateKey(signing)
            let name = try DistinguishedName { CommonName(key.peer.description) }
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(1), publicKey: certificateKey.publicKey,
                notValidBefore: Date(timeIntervalSince1970: 0),
                notValidAfter: Date(timeIntervalSince1970: 32_472_144_000),  // the first day of 2999
                issuer: name, subject: name, signatureAlgorithm: .ed25519,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                },
                issuerPrivateKey: certificateKey)
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            self.certificate = try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)
            privateKey = try NIOSSLPrivateKey(bytes: certificateKey.serializeAsPEM().derBytes, format: .der)
        } catch let error as TransportError {
            throw error
        } catch {
            throw .certificate("\(error)")
        }
    }

    /// How long a closing link waits for the peer's farewell.
    private static let closingDeadline: TimeAmount = .milliseconds(300)

    func configuration(_ direction: LinkDirection, protocols: [String]) -> TLSConfiguration {
        var configuration: TLSConfiguration
        switch direction {
        case .inbound:
            configuration = .makeServerConfigurationWithMTLS(
                certificateChain: [.certificate(certificate)], privateKey: .privateKey(privateKey),
                trustRoots: .certificates([]))
        case .outbound:
            configuration = .makeClientConfiguration()
            configuration.certificateChain = [.certificate(certificate)]
            configuration.privateKey = .privateKey(privateKey)
            configuration.trustRoots = .certificates([])
        }
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        // Not `.none`, which would skip our own verification too.
        configuration.certificateVerification = .noHostnameVerification
        configuration.signingSignatureAlgorithms = [.ed25519]
        configuration.verifySignatureAlgorithms = [.ed25519]
        configuration.applicationProtocols = protocols
        configuration.shutdownTimeout = TLSMaterial.closingDeadline
        return configuration
    }
}

/// Reads the one thing that counts in a peer's certificate.
enum PeerCertificate {
    /// SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 §4): it is always these twelve bytes.
    private static let keyPrefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]

    /// Nil where the certificate's key is no Ed25519 key.
    static func peer(_ certificate: NIOSSLCertificate) -> PeerID? {
        guard let key = try? certificate.extractPublicKey().toSPKIBytes(), key.count == keyPrefix.count + 32,
            key.starts(with: keyPrefix)
        else { return nil }
        return PeerID(key[keyPrefix.count...])
    }
}
