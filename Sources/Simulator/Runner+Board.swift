import Foundation
import Synchronization

/// What the runner's threads share: which task comes next, what came of the others, and when to stop.
///
/// Unchecked: everything mutable is an atomic, or is touched with the condition's lock held.
final class RunBoard: @unchecked Sendable {
    let workers: Int
    private let count: Int
    private let keepsGoing: Bool
    private let condition = NSCondition()
    private var next = 0
    private var working: Int
    private var finished: [Int: SimulationOutcome] = [:]
    private var failed = 0
    /// Read for every few events of every world, so without the lock.
    private let isStopped = Atomic<Bool>(false)
    /// Tasks behind it do not count any more.
    private let last: Atomic<Int>
    /// Of the task that each worker is at.
    private let fractions: [Fraction]

    private final class Fraction: Sendable {
        let bits = Atomic<UInt64>(0)
    }

    init(count: Int, keepsGoing: Bool, workers: Int) {
        self.count = count
        self.keepsGoing = keepsGoing
        self.workers = workers
        working = workers
        last = Atomic(count - 1)
        fractions = (0..<workers).map { _ in Fraction() }
    }

    // MARK: For the workers

    func nextPlace() -> Int? {
        condition.lock()
        defer { condition.unlock() }
        guard next < count, !isOver(next) else { return nil }
        defer { next += 1 }
        return next
    }

    /// Whether nobody wants to know about this task any more.
    func isOver(_ place: Int) -> Bool {
        isStopped.load(ordering: .relaxed) || place > last.load(ordering: .relaxed)
    }

    func show(_ fraction: Double, worker: Int) {
        fractions[worker].bits.store(min(max(fraction, 0), 1).bitPattern, ordering: .relaxed)
    }

    func finish(worker: Int, place: Int, _ outcome: SimulationOutcome?) {
        condition.lock()
        defer { condition.unlock() }
        show(0, worker: worker)
        guard let outcome else { return }
        finished[place] = outcome
        guard outcome.result.violation != nil else { return }
        failed += 1
        if !keepsGoing, place < last.load(ordering: .relaxed) { last.store(place, ordering: .relaxed) }
    }

    func leave() {
        condition.lock()
        working -= 1
        condition.broadcast()
        condition.unlock()
    }

    // MARK: For who waits

    /// False when all workers have left.
    func wait(seconds: Double) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        if working > 0 { _ = condition.wait(until: Date(timeIntervalSinceNow: seconds)) }
        return working > 0
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Stopped before its end: where all was done, or a failure had ended it already, there was nothing left to stop.
    var wasStopped: Bool {
        isStopped.load(ordering: .relaxed) && outcomes.count <= last.load(ordering: .relaxed)
    }

    /// In the order of the tasks.
    var outcomes: [SimulationOutcome] {
        condition.lock()
        defer { condition.unlock() }
        let last = last.load(ordering: .relaxed)
        return finished.filter { $0.key <= last }.sorted { $0.key < $1.key }.map(\.value)
    }

    var progress: Runner.Progress {
        condition.lock()
        defer { condition.unlock() }
        var progress = Runner.Progress(finished: finished.count, failed: failed, total: count)
        let underWay = fractions.reduce(0) { $0 + Double(bitPattern: $1.bits.load(ordering: .relaxed)) }
        progress.fraction = count == 0 ? 1 : min(1, (Double(finished.count) + underWay) / Double(count))
        return progress
    }
}
