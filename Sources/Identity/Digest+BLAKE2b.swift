import CSodium

extension Digest {
    /// BLAKE2b-256 without a key (RFC 7693).
    public static func of(_ bytes: [UInt8]) -> Digest {
        var result = [UInt8](repeating: 0, count: 32)
        crypto_generichash(&result, 32, bytes, UInt64(bytes.count), nil, 0)
        guard let digest = Digest(result) else { preconditionFailure("BLAKE2b-256 gave \(result.count) bytes") }
        return digest
    }
}

/// BLAKE2b-256 over bytes that arrive in parts.
///
/// A class, since libsodium's state is opaque to Swift and wants an alignment of 64.
public final class DigestHasher {
    private let memory: UnsafeMutableRawPointer
    private var state: OpaquePointer { OpaquePointer(memory) }

    public init() {
        memory = .allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
        crypto_generichash_init(state, nil, 0, 32)
    }

    deinit { memory.deallocate() }

    public func update(_ bytes: [UInt8]) {
        crypto_generichash_update(state, bytes, UInt64(bytes.count))
    }

    public func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        crypto_generichash_update(state, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }

    /// The digest of everything so far. Nothing may be added afterwards.
    public func finish() -> Digest {
        var result = [UInt8](repeating: 0, count: 32)
        crypto_generichash_final(state, &result, 32)
        guard let digest = Digest(result) else { preconditionFailure("BLAKE2b-256 gave \(result.count) bytes") }
        return digest
    }
}
