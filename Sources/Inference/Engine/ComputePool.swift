import CKernels
import Synchronization

/// Resident compute threads.
///
/// Whoever runs a model takes part as thread 0, so a pool of one starts no thread. A waiting thread spins for at most
/// some 20 µs and then sleeps, so that several pools share a small machine without getting in each other's way for
/// long.
public final class ComputePool: Sendable {
    public let threadCount: Int
    // The raw pointer, so that it can stand in a mutex; nil once shut down.
    private let handle: Mutex<UInt>

    /// - Parameters:
    ///   - threads: How many compute together; kept within 1...256. Fewer are started where the system refuses more.
    ///   - niceness: Added to the niceness of the threads started here (not of the caller's, see
    ///     `lowerPriorityOfCallingThread`).
    public init(threads: Int, niceness: Int = 0) {
        var count = Int32(clamping: min(max(threads, 1), 256))
        var pool = tk_pool_create(count, Int32(clamping: niceness))
        while pool == nil && count > 1 {
            count /= 2
            pool = tk_pool_create(count, Int32(clamping: niceness))
        }
        threadCount = Int(count)
        handle = Mutex(UInt(bitPattern: pool))
    }

    /// Ends the threads. Models that use the pool throw from then on. Waits for a run that is under way.
    public func shutdown() {
        handle.withLock { address in
            if let pool = OpaquePointer(bitPattern: address) { tk_pool_destroy(pool) }
            address = 0
        }
    }

    deinit { shutdown() }

    /// Lets other threads of the machine go before the calling one, which is thread 0 of whatever it runs.
    public static func lowerPriorityOfCallingThread(by niceness: Int) {
        tk_lower_priority(Int32(clamping: niceness))
    }

    /// Runs `body` with the threads; others who want them wait.
    func withThreads<Result>(_ body: (OpaquePointer) throws -> Result) throws -> Result {
        try handle.withLock { address in
            guard let pool = OpaquePointer(bitPattern: address) else { throw EngineError.poolIsShutDown }
            return try body(pool)
        }
    }
}
