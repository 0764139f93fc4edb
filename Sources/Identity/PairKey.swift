import CSodium

/// The keys between this peer and one other, with which they seal datagrams for each other.
///
/// They grow from the two identity keys alone (X25519 between the Ed25519 keys' Montgomery forms), so that two peers
/// that know each other's ids need no word beforehand. A key shared by a whole network would be the obvious thing; but
/// it would have to be changed each time that a member is removed, on every peer and at once, and every member could
/// pose as any other. Keys of pairs need neither: who is removed is simply not listened to, and what opens with a
/// pair's key came from the other one of the pair.
///
/// Each direction has a key of its own. So the two never use one nonce under one key, however they count, and nothing
/// that a peer sent opens as an answer when it is sent back to it.
///
/// There is no forward secrecy: whoever steals an identity key can open what that peer was sent before, and pose to it
/// as anyone. Datagrams tell who is there and where, never what is said in a conversation; that travels under TLS.
public struct PairKey: Sendable {
    /// Bytes of a nonce. None may be used twice in one direction.
    public static let nonceBytes = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
    /// Bytes that sealing adds.
    public static let overhead = Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

    private static let purpose = "tiktrue/1 datagram"
    private let sealing: [UInt8]
    private let opening: [UInt8]

    /// Some 0.2 ms of arithmetic: make one for each peer and keep it.
    ///
    /// Nil where the other's id is no key to share a secret with: no point of the curve, one of small order (which
    /// would make the secret known to all), or one's own.
    public init?(_ own: SigningKey, with other: PeerID) {
        guard own.peer != other, let shared = PairKey.shared(own, other) else { return nil }
        sealing = PairKey.derive(shared, from: own.peer, to: other)
        opening = PairKey.derive(shared, from: other, to: own.peer)
    }

    /// Seals bytes for the other peer (XChaCha20-Poly1305). `header` travels in the open beside them and is
    /// authenticated too.
    public func seal(_ bytes: [UInt8], nonce: [UInt8], header: [UInt8] = []) -> [UInt8] {
        precondition(nonce.count == PairKey.nonceBytes, "a nonce of \(nonce.count) bytes")
        var sealed = [UInt8](repeating: 0, count: bytes.count + PairKey.overhead)
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed, nil, bytes, UInt64(bytes.count), header, UInt64(header.count), nil, nonce, sealing)
        return sealed
    }

    /// What the other peer has sealed; nil where it was not that peer, or anything has been changed on the way. Never
    /// traps, whatever the lengths.
    public func open(_ sealed: [UInt8], nonce: [UInt8], header: [UInt8] = []) -> [UInt8]? {
        guard nonce.count == PairKey.nonceBytes, sealed.count >= PairKey.overhead else { return nil }
        var bytes = [UInt8](repeating: 0, count: sealed.count - PairKey.overhead)
        let verdict = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &bytes, nil, nil, sealed, UInt64(sealed.count), header, UInt64(header.count), nonce, opening)
        return verdict == 0 ? bytes : nil
    }

    /// The X25519 secret (RFC 7748) of the two identity keys.
    private static func shared(_ own: SigningKey, _ other: PeerID) -> [UInt8]? {
        var theirs = [UInt8](repeating: 0, count: Int(crypto_scalarmult_BYTES))
        var mine = [UInt8](repeating: 0, count: Int(crypto_scalarmult_SCALARBYTES))
        var secret = [UInt8](repeating: 0, count: Int(crypto_scalarmult_BYTES))
        // The first refuses what is no point of the prime-order group, the last a result of zero.
        guard crypto_sign_ed25519_pk_to_curve25519(&theirs, other.bytes) == 0,
            crypto_sign_ed25519_sk_to_curve25519(&mine, own.seed + own.peer.bytes) == 0,
            crypto_scalarmult(&secret, mine, theirs) == 0
        else { return nil }
        return secret
    }

    /// BLAKE2b-256, keyed with the shared secret, over purpose, zero byte, sender and receiver: an id has one length,
    /// so no two inputs are alike.
    private static func derive(_ secret: [UInt8], from sender: PeerID, to receiver: PeerID) -> [UInt8] {
        let input = Array(purpose.utf8) + [0] + sender.bytes + receiver.bytes
        var key = [UInt8](repeating: 0, count: Int(crypto_aead_xchacha20poly1305_ietf_KEYBYTES))
        crypto_generichash(&key, key.count, input, UInt64(input.count), secret, secret.count)
        return key
    }
}
