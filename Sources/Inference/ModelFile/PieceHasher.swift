import CSodium

/// BLAKE2b-256 (RFC 7693, no key) over bytes that come in parts: the name of a piece.
final class PieceHasher {
    static let digestBytes = 32

    /// libsodium's state asks for 64-byte alignment, so Swift does not know its type.
    private let storage: UnsafeMutableRawPointer
    private var state: OpaquePointer { OpaquePointer(storage) }

    init() {
        storage = .allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
        crypto_generichash_init(state, nil, 0, Self.digestBytes)
    }

    deinit { storage.deallocate() }

    func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        crypto_generichash_update(state, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }

    /// The digest of everything so far. The hasher is spent afterwards.
    func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Self.digestBytes)
        crypto_generichash_final(state, &digest, Self.digestBytes)
        return digest
    }
}
