import Foundation

/// One world, as the runner drives it.
public protocol SimulationEngine {
    /// Runs to the end, or until `shouldStop` says true: what it returns then is of no use and is thrown away.
    /// `progress` is told the share that is done.
    mutating func run(shouldStop: () -> Bool, progress: (Double) -> Void) -> SimulationResult

    /// Everything that happened, a line each; empty unless it was to be kept.
    var traceLines: [String] { get }
}

/// One seed of one scenario.
public struct SimulationTask: Sendable, Hashable {
    public var scenario: Scenario
    public var seed: UInt64
    /// What follows `tiktrue` in the command that runs just this.
    public var arguments: [String]

    public init(scenario: Scenario, seed: UInt64, arguments: [String]) {
        self.scenario = scenario
        self.seed = seed
        self.arguments = arguments
    }

    /// The command, for people to copy.
    public var replay: String {
        (["tiktrue"] + arguments).map { word in
            let isPlain = word.allSatisfy { ($0.isASCII && ($0.isLetter || $0.isNumber)) || "-_./=".contains($0) }
            return isPlain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
        }.joined(separator: " ")
    }
}

/// Runs many seeds on as many threads as asked for.
///
/// The report does not depend on how many threads there are: results stand in the order of the tasks, and where the
/// first failure ends the run, it is the first in that order, with everything before it. A share of the seeds runs
/// twice, and another in another process; traces that differ break the invariant `determinism`.
public struct Runner: Sendable {
    /// What another process says of a seed.
    public enum Elsewhere: Sendable, Hashable {
        case traceHash(UInt64)
        /// It was ended by the same Ctrl-C as this one will be.
        case interrupted
        /// It said nothing of use, for this reason.
        case failed(String)
    }

    public var makeEngine: @Sendable (Scenario, UInt64) -> any SimulationEngine
    public var jobs = 1
    /// Goes on behind a failure.
    public var keepsGoing = false
    /// Of so many seeds one runs twice, the second among them, as does each that failed. 0 for none.
    public var repeatsOneOf = 16
    /// Of so many seeds one runs in another process too, the first among them. 0 for none.
    public var elsewhereOneOf = 256
    public var runElsewhere: (@Sendable (SimulationTask) -> Elsewhere)?
    /// Called on the thread that is about to run the task.
    public var willRun: @Sendable (SimulationTask) -> Void = { _ in }

    public init(makeEngine: @escaping @Sendable (Scenario, UInt64) -> any SimulationEngine) {
        self.makeEngine = makeEngine
    }

    /// How far it has come.
    public struct Progress: Sendable, Hashable {
        public var finished = 0
        public var failed = 0
        public var total: Int
        /// Of the whole, seeds under way included; 0 to 1.
        public var fraction = 0.0
    }

    /// How often `progress` and `shouldStop` are called, at least.
    static let tickSeconds = 0.05
    /// Of a thread. Queues of events and deep value types: the usual 512 KiB are too few in debug builds.
    static let stackBytes = 8 << 20

    /// Returns when all is done. `shouldStop` and `progress` are called on the caller's thread, now and then.
    ///
    /// - Parameters:
    ///   - count: how many tasks there are.
    ///   - task: the task at a place, from 0.
    public func run(
        _ count: Int, task: @escaping @Sendable (Int) -> SimulationTask, shouldStop: () -> Bool = { false },
        progress: (Progress) -> Void = { _ in }
    ) -> SimulationReport {
        let began = ContinuousClock.now
        let board = RunBoard(count: count, keepsGoing: keepsGoing, workers: min(max(1, jobs), max(1, count)))
        for worker in 0..<board.workers {
            let thread = Thread {
                while let place = board.nextPlace() {
                    let run = TaskRun(runner: self, task: task(place), place: place, worker: worker, board: board)
                    board.finish(worker: worker, place: place, run.outcome())
                }
                board.leave()
            }
            thread.stackSize = Runner.stackBytes
            thread.start()
        }
        while board.wait(seconds: Runner.tickSeconds) {
            if shouldStop() { board.stop() }
            progress(board.progress)
        }
        progress(board.progress)
        var report = SimulationReport(asked: count)
        report.outcomes = board.outcomes
        report.wasInterrupted = board.wasStopped
        report.wallSeconds = (ContinuousClock.now - began) / .seconds(1)
        return report
    }
}

/// One task on one worker's thread: run, and compared where its turn has come.
private struct TaskRun {
    let runner: Runner
    let task: SimulationTask
    let place: Int
    let worker: Int
    let board: RunBoard

    /// Nil where it was stopped before its end.
    func outcome() -> SimulationOutcome? {
        runner.willRun(task)
        guard let result = once() else { return nil }
        var outcome = SimulationOutcome(result: result, replay: task.replay)
        let hasFailed = result.violation != nil
        if hasFailed || isTurn(oneOf: runner.repeatsOneOf, first: 1) {
            // A failure counts also where there was no time to see it twice.
            guard let again = once() else { return hasFailed ? outcome : nil }
            outcome.ranTwice = true
            outcome.compare(with: again.traceHash, place: "the second time")
        }
        if !hasFailed, let runElsewhere = runner.runElsewhere, isTurn(oneOf: runner.elsewhereOneOf, first: 0) {
            switch runElsewhere(task) {
            case .traceHash(let hash):
                outcome.ranElsewhere = true
                outcome.compare(with: hash, place: "in another process")
            case .interrupted:
                break
            case .failed(let reason):
                outcome.breakDeterminism("another process could not run the seed: \(reason)")
            }
        }
        return outcome
    }

    private func isTurn(oneOf count: Int, first: Int) -> Bool { count > 0 && place % count == first % count }

    private func once() -> SimulationResult? {
        var engine = runner.makeEngine(task.scenario, task.seed)
        var wasStopped = false
        let began = ContinuousClock.now
        var result = engine.run(
            shouldStop: {
                if board.isOver(place) { wasStopped = true }
                return wasStopped
            },
            progress: { board.show($0, worker: worker) })
        result.wallSeconds = (ContinuousClock.now - began) / .seconds(1)
        return wasStopped ? nil : result
    }
}
