import CSodium
import Testing

@testable import Identity

@Suite("Sealing between two peers")
struct PairKeyTests {
    private let ann = SigningKey(seed: [UInt8](repeating: 1, count: 32))!
    private let bob = SigningKey(seed: [UInt8](repeating: 2, count: 32))!
    private let eve = SigningKey(seed: [UInt8](repeating: 3, count: 32))!
    private let nonce = [UInt8](0..<24)

    private func key(_ own: SigningKey, _ other: SigningKey) throws -> PairKey {
        try #require(PairKey(own, with: other.peer))
    }

    @Test("what one seals the other opens", arguments: [0, 1, 16, 64, 1327])
    func roundTrip(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let sealed = try key(ann, bob).seal(bytes, nonce: nonce, header: [9])
        #expect(sealed.count == count + PairKey.overhead)
        #expect(try key(bob, ann).open(sealed, nonce: nonce, header: [9]) == bytes)
    }

    @Test("the same bytes are sealed the same on every machine and in every version")
    func vector() throws {
        let sealed = try key(ann, bob).seal(Array("hello".utf8), nonce: nonce, header: Array("h".utf8))
        #expect(Hex.encode(sealed) == "0fa5517fc7f081c32f8047b6cd8df77b2c2885d429")
    }

    @Test("the key is BLAKE2b, keyed with the X25519 secret, over purpose, sender and receiver")
    func derivation() throws {
        // The same by the other half of the pair, step by step.
        var secret = [UInt8](repeating: 0, count: 32)
        var mine = [UInt8](repeating: 0, count: 32)
        var theirs = [UInt8](repeating: 0, count: 32)
        #expect(crypto_sign_ed25519_sk_to_curve25519(&mine, bob.seed + bob.peer.bytes) == 0)
        #expect(crypto_sign_ed25519_pk_to_curve25519(&theirs, ann.peer.bytes) == 0)
        #expect(crypto_scalarmult(&secret, mine, theirs) == 0)
        let input = Array("tiktrue/1 datagram".utf8) + [0] + ann.peer.bytes + bob.peer.bytes
        var direction = [UInt8](repeating: 0, count: 32)
        crypto_generichash(&direction, 32, input, UInt64(input.count), secret, 32)
        let sealed = try key(ann, bob).seal([1, 2, 3], nonce: nonce)
        var opened = [UInt8](repeating: 0, count: 3)
        #expect(
            crypto_aead_xchacha20poly1305_ietf_decrypt(
                &opened, nil, nil, sealed, UInt64(sealed.count), nil, 0, nonce, direction) == 0)
        #expect(opened == [1, 2, 3])
    }

    @Test("nobody else opens it, and nobody else can have sealed it")
    func otherPeers() throws {
        let sealed = try key(ann, bob).seal([1, 2, 3], nonce: nonce)
        #expect(try key(eve, ann).open(sealed, nonce: nonce) == nil)
        #expect(try key(eve, bob).open(sealed, nonce: nonce) == nil)
        #expect(try key(bob, eve).open(sealed, nonce: nonce) == nil)
    }

    @Test("what a peer sealed does not open for itself: nothing can be sent back to it as an answer")
    func reflection() throws {
        let sealed = try key(ann, bob).seal([1, 2, 3], nonce: nonce)
        #expect(try key(ann, bob).open(sealed, nonce: nonce) == nil)
    }

    @Test("a flipped bit anywhere in the sealed bytes, the nonce or the header is noticed")
    func flippedBits() throws {
        let header: [UInt8] = [7, 8]
        let sealed = try key(ann, bob).seal([1, 2, 3, 4], nonce: nonce, header: header)
        let opening = try key(bob, ann)
        func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
            var bytes = bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            return bytes
        }
        for bit in 0..<sealed.count * 8 {
            #expect(opening.open(flipped(sealed, bit), nonce: nonce, header: header) == nil)
        }
        for bit in 0..<nonce.count * 8 {
            #expect(opening.open(sealed, nonce: flipped(nonce, bit), header: header) == nil)
        }
        for bit in 0..<header.count * 8 {
            #expect(opening.open(sealed, nonce: nonce, header: flipped(header, bit)) == nil)
        }
        #expect(opening.open(sealed, nonce: nonce, header: []) == nil)
        #expect(opening.open(sealed, nonce: nonce, header: header) == [1, 2, 3, 4])
    }

    @Test("sealed bytes cut short and nonces of another length are refused without a trap")
    func lengths() throws {
        let sealed = try key(ann, bob).seal([1, 2, 3, 4], nonce: nonce)
        let opening = try key(bob, ann)
        for count in 0..<sealed.count { #expect(opening.open(Array(sealed.prefix(count)), nonce: nonce) == nil) }
        #expect(opening.open(sealed + [0], nonce: nonce) == nil)
        for count in [0, 23, 25] {
            #expect(opening.open(sealed, nonce: [UInt8](repeating: 0, count: count)) == nil)
        }
    }

    @Test(
        "ids that are no point, or of small order, have no key with anyone",
        arguments: [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0200000000000000000000000000000000000000000000000000000000000000",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ])
    func badKeys(_ hex: String) throws {
        #expect(PairKey(ann, with: try #require(PeerID(hex: hex))) == nil)
    }

    @Test("a peer has no key with itself")
    func ownKey() { #expect(PairKey(ann, with: ann.peer) == nil) }
}
