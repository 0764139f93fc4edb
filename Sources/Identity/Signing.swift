import CSodium

/// What a signature is about. It is hashed in front of the signed bytes, so that a signature made for one purpose proves
/// nothing for another.
public enum SignatureDomain: String, Sendable, CaseIterable {
    case beacon = "tiktrue/1 beacon"
    case record = "tiktrue/1 record"
    case command = "tiktrue/1 command"
    case admission = "tiktrue/1 admission"
    case revision = "tiktrue/1 revision"
}

/// Someone who can sign as a peer. Cores are handed one; they never see a secret.
public protocol Signer: Sendable {
    var peer: PeerID { get }
    /// The Ed25519 signature, 64 bytes, over domain, a zero byte, and the bytes.
    func sign(_ bytes: [UInt8], domain: SignatureDomain) -> [UInt8]
}

/// An Ed25519 key pair, grown from a seed of 32 bytes (RFC 8032).
public struct SigningKey: Signer {
    public let peer: PeerID
    /// The secret. Whoever has it is this peer.
    public let seed: [UInt8]
    private let secret: [UInt8]

    /// Nil unless the seed has exactly 32 bytes.
    public init?(seed: [UInt8]) {
        guard seed.count == Int(crypto_sign_SEEDBYTES) else { return nil }
        var publicKey = [UInt8](repeating: 0, count: Int(crypto_sign_PUBLICKEYBYTES))
        var secretKey = [UInt8](repeating: 0, count: Int(crypto_sign_SECRETKEYBYTES))
        guard crypto_sign_seed_keypair(&publicKey, &secretKey, seed) == 0, let peer = PeerID(publicKey) else {
            return nil
        }
        self.peer = peer
        self.seed = seed
        self.secret = secretKey
    }

    /// A key from the system's entropy. For shells only.
    public static func random() -> SigningKey {
        guard let key = SigningKey(seed: Entropy.bytes(Int(crypto_sign_SEEDBYTES))) else {
            preconditionFailure("a seed of \(crypto_sign_SEEDBYTES) bytes was refused")
        }
        return key
    }

    public func sign(_ bytes: [UInt8], domain: SignatureDomain) -> [UInt8] {
        let message = SignatureVerifier.message(bytes, domain: domain)
        var signature = [UInt8](repeating: 0, count: Int(crypto_sign_BYTES))
        crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
        return signature
    }
}

public enum SignatureVerifier {
    /// True where the signature over domain and bytes was made with that peer's key. Never traps, whatever the lengths.
    public static func isValid(_ signature: [UInt8], over bytes: [UInt8], domain: SignatureDomain, by peer: PeerID)
        -> Bool
    {
        guard signature.count == Int(crypto_sign_BYTES) else { return false }
        let (message, key) = (message(bytes, domain: domain), peer.bytes)
        // Both have one length, so that no two claims are written alike.
        let claim = Digest.of(message + key + signature)
        if VerifiedClaims.contains(claim) { return true }
        guard crypto_sign_verify_detached(signature, message, UInt64(message.count), key) == 0 else { return false }
        VerifiedClaims.insert(claim)
        return true
    }

    static func message(_ bytes: [UInt8], domain: SignatureDomain) -> [UInt8] {
        var message = Array(domain.rawValue.utf8)
        message.append(0)
        message.append(contentsOf: bytes)
        return message
    }
}

/// The system's entropy. Cores never use it: they are handed a seeded generator.
public enum Entropy {
    public static func bytes(_ count: Int) -> [UInt8] {
        // Returns -1 only where the system has no source of entropy at all; there is nothing safe to do without one.
        precondition(sodium_init() >= 0, "this system offers no source of entropy")
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }
}
