import CKernels

/// How fast a pool's threads read memory together: what decoding, which reads every weight once for each token, cannot exceed.
public enum MemoryBandwidth {
    /// Bytes read at once: larger than the caches of the machines at hand, and small enough to have beside a model.
    public static let defaultBytes = 512 << 20

    /// Reads fresh memory several times over and takes the median: neighbours disturb it as they disturb decoding, beside which it is
    /// held.
    ///
    /// - Parameter bytes: how much is read in a round; rounded up to whole pages.
    /// - Returns: bytes per second.
    /// - Throws: `EngineError.outOfMemory`, `.poolIsShutDown`.
    public static func measure(pool: ComputePool, bytes: Int = defaultBytes, rounds: Int = 9) throws -> Double {
        let size = (max(bytes, 1 << 20) + 4095) / 4096 * 4096
        guard let memory = tk_memory_allocate(size) else { throw EngineError.outOfMemory(bytes: size) }
        defer { tk_memory_free(memory, size) }
        // Pages that were never written are all the same one, and that one is in the cache.
        memory.initializeMemory(as: UInt8.self, repeating: 1, count: size)
        let clock = ContinuousClock()
        let times = try (0..<max(rounds, 1)).map { _ in
            try clock.measure { _ = try pool.withThreads { tk_read_memory($0, memory, size) } }
        }
        return Double(size) / (times.sorted()[times.count / 2] / .seconds(1))
    }
}
