import Testing

@testable import Identity

@Suite("BLAKE2b-256")
struct DigestTests {
    // Computed with Python's hashlib.blake2b(digest_size=32).
    @Test(
        "known digests",
        arguments: [
            ("", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"),
            ("abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        ])
    func known(_ text: String, _ digest: String) {
        #expect(Digest.of(Array(text.utf8)).description == digest)
    }

    @Test("parts give the digest of the whole, however they are cut", arguments: [1, 7, 128, 129, 5000])
    func parts(_ size: Int) {
        let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 131) }
        let hasher = DigestHasher()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let part = Array(bytes[start..<min(start + size, bytes.count)])
            if start % 2 == 0 { hasher.update(part) } else { part.withUnsafeBytes { hasher.update($0) } }
        }
        hasher.update([])
        #expect(hasher.finish() == Digest.of(bytes))
    }

    @Test("nothing at all has the digest of nothing")
    func empty() {
        #expect(DigestHasher().finish() == Digest.of([]))
    }
}
