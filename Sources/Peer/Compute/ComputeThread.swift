import Foundation
import Synchronization

/// One thread that does jobs in the order in which they were given.
///
/// Models, caches and everything that computes belong to it alone, so that a token costs no lock and no hop between threads
/// beyond the one to get here. It leads the resident threads of its pool; see `ComputePool`.
final class ComputeThread: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let queue = Mutex(Queue())
    /// Counts jobs; the mutex above guards them.
    private let available = DispatchSemaphore(value: 0)

    init(name: String) {
        let thread = Thread { [self] in run() }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Puts a job at the end of the queue. Nothing happens once the thread was stopped.
    func perform(_ job: @escaping @Sendable () -> Void) {
        let isOpen = queue.withLock { queue in
            guard !queue.isClosed else { return false }
            queue.jobs.append(job)
            return true
        }
        if isOpen { available.signal() }
    }

    /// Ends the thread after the jobs that were given before.
    func stop() {
        queue.withLock { $0.isClosed = true }
        available.signal()
    }

    private func run() {
        while true {
            available.wait()
            let job = queue.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
            guard let job else { return }
            job()
        }
    }
}
