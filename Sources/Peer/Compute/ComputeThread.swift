import Chain
import Foundation
import Synchronization

/// One thread that does jobs in the order in which they were given, and takes work together that can be computed at once.
///
/// Models, caches and everything that computes belong to it alone, so that a token costs no lock and no hop between threads
/// beyond the one to get here. It leads the resident threads of its pool; see `ComputePool`.
final class ComputeThread: Sendable {
    private struct State {
        var queue = ComputeQueue()
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Signalled for each job; the mutex above guards them. A batch takes several jobs, so that some signals find none.
    private let available = DispatchSemaphore(value: 0)

    /// Begins; `compute` is called on the thread.
    func start(name: String, compute: @escaping @Sendable ([StageWork]) -> Void) {
        let thread = Thread { [self] in run(compute) }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Puts a job at the end of the queue. Nothing happens once the thread was stopped.
    func perform(_ job: ComputeJob) {
        let isOpen = state.withLock { state in
            guard !state.isClosed else { return false }
            state.queue.append(job)
            return true
        }
        if isOpen { available.signal() }
    }

    /// Ends the thread after the jobs that were given before.
    func stop() {
        state.withLock { $0.isClosed = true }
        available.signal()
    }

    private func run(_ compute: ([StageWork]) -> Void) {
        while true {
            available.wait()
            let (next, isClosed) = state.withLock { ($0.queue.next(), $0.isClosed) }
            switch next {
            case .works(let works): compute(works)
            case .job(let job): job()
            case nil: if isClosed { return }
            }
        }
    }
}
