import CTLSPin
import NIOSSL

/// Restricts TLS 1.3 to one suite.
///
/// swift-nio-ssl has no interface for this and would negotiate AES-128-GCM. BoringSSL beneath it has one, but its objects are
/// private there; they are found by reflection, here and nowhere else. Each step that can fail is checked, and whoever calls must
/// take a failure for a reason not to talk at all.
enum CipherPin {
    /// TLS_AES_256_GCM_SHA384 (RFC 8446, B.4).
    static let aes256: UInt16 = 0x1302

    static func pin(_ context: NIOSSLContext, to suites: [UInt16] = [aes256]) throws(TransportError) {
        guard let pointer = child("sslContext", of: context) as? OpaquePointer else {
            throw .suiteNotPinned("its context is not where it was")
        }
        let result = suites.withUnsafeBufferPointer {
            CNIOBoringSSL_SSL_CTX_set1_tls13_ciphers(UnsafeMutableRawPointer(pointer), $0.baseAddress, nil, $0.count)
        }
        guard result == 1 else { throw .suiteNotPinned("it refused the suite") }
    }

    /// The suite that a finished handshake agreed on; nil where that cannot be told.
    static func suite(of handler: NIOSSLHandler) -> UInt16? {
        guard let connection = child("connection", of: handler),
            let pointer = child("ssl", of: connection) as? OpaquePointer,
            let cipher = CNIOBoringSSL_SSL_get_current_cipher(UnsafeRawPointer(pointer))
        else { return nil }
        return CNIOBoringSSL_SSL_CIPHER_get_protocol_id(cipher)
    }

    private static func child(_ label: String, of object: Any) -> Any? {
        var mirror: Mirror? = Mirror(reflecting: object)
        while let current = mirror {
            if let found = current.children.first(where: { $0.label == label }) { return found.value }
            mirror = current.superclassMirror
        }
        return nil
    }
}
