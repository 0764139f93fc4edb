import CSodium
import Testing

@testable import Identity

@Suite("Ed25519 keys and signatures")
struct SigningTests {
    private let seed = Hex.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") ?? []
    private let publicKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

    @Test("a seed grows into the public key of RFC 8032, section 7.1, test 1")
    func publicHalf() throws {
        #expect(try #require(SigningKey(seed: seed)).peer.description == publicKey)
    }

    @Test("the library's signature of nothing is that of RFC 8032, section 7.1, test 1")
    func vector() throws {
        var publicBytes = [UInt8](repeating: 0, count: 32)
        var secret = [UInt8](repeating: 0, count: 64)
        var signature = [UInt8](repeating: 0, count: 64)
        crypto_sign_seed_keypair(&publicBytes, &secret, seed)
        crypto_sign_detached(&signature, nil, [], 0, secret)
        #expect(
            Hex.encode(signature)
                == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        )
    }

    @Test("a signature holds over what was signed, and is the same each time")
    func holds() throws {
        let key = try #require(SigningKey(seed: seed))
        let signature = key.sign([1, 2, 3], domain: .record)
        #expect(signature.count == 64 && signature == key.sign([1, 2, 3], domain: .record))
        #expect(SignatureVerifier.isValid(signature, over: [1, 2, 3], domain: .record, by: key.peer))
    }

    @Test("a signature over domain, a zero byte and the bytes: nothing else is hashed in")
    func layout() throws {
        #expect(SignatureVerifier.message([9], domain: .beacon) == Array("tiktrue/1 beacon".utf8) + [0, 9])
    }

    @Test("a signature for one purpose proves nothing for another", arguments: SignatureDomain.allCases)
    func domains(_ domain: SignatureDomain) throws {
        let key = try #require(SigningKey(seed: seed))
        let signature = key.sign([1], domain: domain)
        for other in SignatureDomain.allCases {
            #expect(SignatureVerifier.isValid(signature, over: [1], domain: other, by: key.peer) == (other == domain))
        }
    }

    @Test("no domain is the beginning of another, so that none can be mistaken for it")
    func prefixes() {
        for domain in SignatureDomain.allCases {
            for other in SignatureDomain.allCases where other != domain {
                #expect(!other.rawValue.hasPrefix(domain.rawValue))
            }
        }
    }

    @Test("a changed bit, a changed message or another signer is noticed")
    func tampered() throws {
        let key = try #require(SigningKey(seed: seed))
        let signature = key.sign([1, 2, 3], domain: .command)
        for bit in stride(from: 0, to: 512, by: 7) {
            var changed = signature
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(!SignatureVerifier.isValid(changed, over: [1, 2, 3], domain: .command, by: key.peer))
        }
        #expect(!SignatureVerifier.isValid(signature, over: [1, 2], domain: .command, by: key.peer))
        #expect(!SignatureVerifier.isValid(signature, over: [1, 2, 3], domain: .command, by: SigningKey.random().peer))
    }

    @Test("what was found to hold once holds again, and nothing that differs from it in a bit does")
    func remembered() throws {
        let key = try #require(SigningKey(seed: seed))
        let (bytes, signature): ([UInt8], [UInt8]) = ([7, 7, 7], key.sign([7, 7, 7], domain: .beacon))
        for _ in 0..<3 {
            #expect(SignatureVerifier.isValid(signature, over: bytes, domain: .beacon, by: key.peer))
            #expect(!SignatureVerifier.isValid(signature, over: bytes, domain: .record, by: key.peer))
            #expect(!SignatureVerifier.isValid(signature, over: [7, 7, 6], domain: .beacon, by: key.peer))
            #expect(!SignatureVerifier.isValid(signature, over: bytes, domain: .beacon, by: SigningKey.random().peer))
            var changed = signature
            changed[63] ^= 1
            #expect(!SignatureVerifier.isValid(changed, over: bytes, domain: .beacon, by: key.peer))
        }
    }

    @Test("two claims that fall on one place are told apart")
    func onePlace() throws {
        let first = Digest.of([1])
        let twin = try #require(
            (2..<2_000_000).lazy.map {
                Digest.of([UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8 & 255), UInt8($0 >> 16)])
            }
            .first { VerifiedClaims.place(of: $0) == VerifiedClaims.place(of: first) })
        VerifiedClaims.insert(first)
        #expect(VerifiedClaims.contains(first) && !VerifiedClaims.contains(twin))
    }

    @Test("a signature of another length does not hold", arguments: [0, 1, 63, 65, 128])
    func signatureLengths(_ count: Int) {
        let signature = [UInt8](repeating: 1, count: count)
        #expect(!SignatureVerifier.isValid(signature, over: [], domain: .beacon, by: SigningKey.random().peer))
    }

    @Test("a seed of another length is refused", arguments: [0, 31, 33, 64])
    func seedLengths(_ count: Int) {
        #expect(SigningKey(seed: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test("a public key that is no point of the curve, or of small order, proves nothing")
    func badKeys() throws {
        let key = try #require(SigningKey(seed: seed))
        let signature = key.sign([1], domain: .record)
        for bytes in [
            [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32),
            [1] + [UInt8](repeating: 0, count: 31),
        ] {
            let peer = try #require(PeerID(bytes))
            #expect(!SignatureVerifier.isValid(signature, over: [1], domain: .record, by: peer))
            #expect(!SignatureVerifier.isValid([UInt8](repeating: 0, count: 64), over: [1], domain: .record, by: peer))
        }
    }

    @Test("a signed envelope holds in its own domain only")
    func envelope() throws {
        let key = SigningKey.random()
        let signed = Signed([4, 5], domain: .record, by: key)
        #expect(signed.signer == key.peer && signed.payload == [4, 5])
        #expect(signed.isValid(domain: .record) && !signed.isValid(domain: .revision))
        #expect(!Signed(payload: [4, 6], signer: key.peer, signature: signed.signature).isValid(domain: .record))
    }

    @Test("two random keys differ")
    func random() {
        #expect(SigningKey.random().peer != SigningKey.random().peer)
    }
}
