import Foundation
import Simulator
import Synchronization
import Testing

/// A world in which nothing happens but what the test says.
private struct FakeEngine: SimulationEngine {
    /// What a seed's run does; called with how often the seed was run before.
    typealias Story = @Sendable (_ seed: UInt64, _ before: Int, _ shouldStop: () -> Bool) -> SimulationResult

    let seed: UInt64
    let before: Int
    let story: Story
    let traceLines: [String] = []

    mutating func run(shouldStop: () -> Bool, progress: (Double) -> Void) -> SimulationResult {
        progress(0.5)
        return story(seed, before, shouldStop)
    }
}

private func result(_ seed: UInt64, hash: UInt64 = 0, breaking invariant: String? = nil) -> SimulationResult {
    var result = SimulationResult(scenario: "tale", seed: seed)
    result.simulatedSeconds = 60
    result.events = 10
    result.traceHash = seed &* 31 &+ hash
    result.coverage = ["even": seed % 2 == 0 ? 1 : 0, "any": 1]
    if let invariant {
        result.violation = SimulationResult.Violation(
            invariant: invariant, what: "it broke", at: 3, diagram: ["a", "b"])
    }
    return result
}

private final class Counter: Sendable {
    private let counts = Mutex<[UInt64: Int]>([:])
    func next(_ seed: UInt64) -> Int {
        counts.withLock { counts in
            defer { counts[seed, default: 0] += 1 }
            return counts[seed, default: 0]
        }
    }
    subscript(seed: UInt64) -> Int { counts.withLock { $0[seed, default: 0] } }
    var seeds: [UInt64] { counts.withLock { $0.keys.sorted() } }
}

private func makeRunner(counting counter: Counter = Counter(), story: @escaping FakeEngine.Story) -> Runner {
    var runner = Runner { _, seed in FakeEngine(seed: seed, before: counter.next(seed), story: story) }
    runner.jobs = 4
    runner.repeatsOneOf = 0
    runner.elsewhereOneOf = 0
    return runner
}

@Sendable private func task(_ place: Int) -> SimulationTask {
    let scenario = Scenario(name: "tale", story: "", peers: 3...3)
    return SimulationTask(
        scenario: scenario, seed: UInt64(place + 1), arguments: ["simulate", "tale", "--seed", "\(place + 1)"])
}

@Suite("The runner")
struct RunnerTests {
    @Test(arguments: [1, 2, 7, 100])
    func tellsResultsInTheOrderOfSeeds(jobs: Int) {
        // The lower a seed, the longer it takes: threads finish in the wrong order.
        var runner = makeRunner { seed, _, _ in
            var work = seed
            for _ in 0..<(40 - seed) * 2000 { work = work &* 3 &+ 1 }
            return result(seed, hash: work == 0 ? 1 : 0)
        }
        runner.jobs = jobs
        let report = runner.run(30, task: task)
        #expect(report.results.map(\.seed) == Array(1...30))
        #expect(report.passed && report.asked == 30)
        #expect(report.simulatedSeconds == 1800 && report.events == 300)
        #expect(report.coverage == ["even": 15, "any": 30])
        #expect(report.neverReached(of: ["any", "odd", "even"]) == ["odd"])
    }

    @Test func hasNothingToDoWithoutTasks() {
        let report = makeRunner { seed, _, _ in result(seed) }.run(0, task: task)
        #expect(report.results.isEmpty && report.passed)
    }

    @Test(arguments: [1, 2, 5])
    func endsWithTheFailureOfTheLowestSeed(jobs: Int) {
        var runner = makeRunner { seed, _, _ in
            result(seed, breaking: seed == 7 || seed == 9 || seed == 20 ? "log" : nil)
        }
        runner.jobs = jobs
        let report = runner.run(30, task: task)
        #expect(report.results.map(\.seed) == Array(1...7))
        #expect(report.failures.map(\.result.seed) == [7])
        #expect(!report.passed && !report.wasInterrupted)
    }

    @Test func stopsHigherSeedsThatAreUnderWayWhenOneHasFailed() {
        // Seed 2 runs until it is told to stop.
        let runner = makeRunner { seed, _, shouldStop in
            if seed == 1 { return result(seed, breaking: "log") }
            while !shouldStop() {}
            return result(seed)
        }
        #expect(runner.run(2, task: task).results.map(\.seed) == [1])
    }

    @Test func letsLowerSeedsEndWhenAHigherOneHasFailed() {
        let failed = Atomic(false)
        let runner = makeRunner { seed, _, shouldStop in
            if seed == 2 {
                defer { failed.store(true, ordering: .sequentiallyConsistent) }
                return result(seed, breaking: "log")
            }
            while !failed.load(ordering: .sequentiallyConsistent) {}
            return result(seed, breaking: shouldStop() ? "bounds" : "election")
        }
        let report = runner.run(2, task: task)
        #expect(report.failures.map(\.result.violation?.invariant) == ["election"])
    }

    @Test func goesOnBehindFailuresWhereAsked() {
        var runner = makeRunner { seed, _, _ in result(seed, breaking: seed % 10 == 0 ? "log" : nil) }
        runner.keepsGoing = true
        let report = runner.run(30, task: task)
        #expect(report.results.count == 30)
        #expect(report.failures.map(\.result.seed) == [10, 20, 30])
        #expect(report.failures.map(\.replay).first == "tiktrue simulate tale --seed 10")
    }

    @Test func aStopKeepsWhatWasFoundSoFar() {
        let seen = Atomic(0)
        var runner = makeRunner { seed, _, shouldStop in
            if seed > 3 {
                while !shouldStop() {}
            } else {
                seen.add(1, ordering: .sequentiallyConsistent)
            }
            return result(seed)
        }
        runner.jobs = 2
        let report = runner.run(30, task: task, shouldStop: { seen.load(ordering: .sequentiallyConsistent) == 3 })
        #expect(report.wasInterrupted && !report.passed)
        #expect(report.failures.isEmpty)
        #expect(report.results.map(\.seed).allSatisfy { $0 <= 3 })
    }

    @Test func aStopAfterTheLastSeedInterruptsNothing() throws {
        let runner = makeRunner { seed, _, _ in result(seed) }
        let progress = Mutex<Runner.Progress?>(nil)
        let report = runner.run(
            3, task: task, shouldStop: { progress.withLock { $0?.finished == 3 } },
            progress: { now in progress.withLock { $0 = now } })
        #expect(!report.wasInterrupted && report.results.count == 3)
        let last = try #require(progress.withLock { $0 })
        #expect((last.finished, last.failed, last.total, last.fraction) == (3, 0, 3, 1))
    }

    @Test func tellsWhichSeedIsNext() {
        let counter = Counter()
        var runner = makeRunner { seed, _, _ in result(seed) }
        runner.willRun = { _ = counter.next($0.seed) }
        _ = runner.run(5, task: task)
        #expect(counter.seeds == [1, 2, 3, 4, 5])
    }
}

@Suite("The determinism check")
struct RunnerDeterminismTests {
    @Test func runsAShareOfTheSeedsTwice() {
        let counter = Counter()
        var runner = makeRunner(counting: counter) { seed, _, _ in result(seed) }
        runner.repeatsOneOf = 4
        let report = runner.run(12, task: task)
        #expect(report.passed)
        #expect((1...12).filter { counter[$0] == 2 } == [2, 6, 10])
        #expect(report.outcomes.filter(\.ranTwice).map(\.result.seed) == [2, 6, 10])
    }

    @Test func findsASecondRunThatDiffers() {
        var runner = makeRunner { seed, before, _ in result(seed, hash: seed == 6 ? UInt64(before) : 0) }
        runner.repeatsOneOf = 4
        let violation = runner.run(12, task: task).failures.first?.result.violation
        #expect(violation?.invariant == "determinism")
        #expect(violation?.what.contains("the second time") == true)
    }

    @Test func aFailureThatDoesNotComeAgainIsOneOfDeterminism() {
        let runner = makeRunner { seed, before, _ in
            result(seed, hash: UInt64(before), breaking: seed == 2 && before == 0 ? "log" : nil)
        }
        let violation = runner.run(3, task: task).failures.first?.result.violation
        #expect(violation?.invariant == "determinism")
        #expect(violation?.what.contains("once it broke 'log': it broke") == true)
        #expect(violation?.diagram == ["a", "b"])
    }

    @Test func aFailureThatComesAgainKeepsItsName() {
        let counter = Counter()
        let runner = makeRunner(counting: counter) { seed, _, _ in result(seed, breaking: seed == 2 ? "log" : nil) }
        #expect(runner.run(3, task: task).failures.first?.result.violation?.invariant == "log")
        #expect(counter[2] == 2)
    }

    @Test func asksAnotherProcessForAShareOfTheSeeds() {
        let asked = Counter()
        var runner = makeRunner { seed, _, _ in result(seed) }
        runner.elsewhereOneOf = 5
        runner.runElsewhere = { task in
            _ = asked.next(task.seed)
            return .traceHash(task.seed &* 31)
        }
        let report = runner.run(12, task: task)
        #expect(report.passed)
        #expect(asked.seeds == [1, 6, 11])
        #expect(report.outcomes.count { $0.ranElsewhere } == 3)
    }

    @Test(arguments: [
        (Runner.Elsewhere.traceHash(1), "in another process 1"),
        (.failed("exit code 3"), "could not run the seed: exit code 3"),
    ])
    func findsAnotherProcessThatDiffers(answer: Runner.Elsewhere, words: String) {
        var runner = makeRunner { seed, _, _ in result(seed) }
        runner.elsewhereOneOf = 5
        runner.runElsewhere = { $0.seed == 6 ? answer : .traceHash($0.seed &* 31) }
        let failure = runner.run(12, task: task).failures.first
        #expect(failure?.result.seed == 6)
        #expect(failure?.result.violation?.invariant == "determinism")
        #expect(failure?.result.violation?.what.contains(words) == true)
    }

    @Test func anotherProcessThatWasInterruptedSaysNothing() {
        var runner = makeRunner { seed, _, _ in result(seed) }
        runner.elsewhereOneOf = 1
        runner.runElsewhere = { _ in .interrupted }
        let report = runner.run(3, task: task)
        #expect(report.passed)
        #expect(report.outcomes.count { $0.ranElsewhere } == 0)
    }
}

@Suite("The report")
struct RunnerReportTests {
    private func document(seeds: ClosedRange<UInt64>? = 1...3) throws -> [String: Any] {
        var runner = makeRunner { seed, _, _ in result(seed, breaking: seed == 3 ? "tokens" : nil) }
        runner.keepsGoing = true
        let document = runner.run(3, task: task).document(
            scenario: "tale", seeds: seeds, coverageNames: ["any", "odd"])
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(document))
        return try #require(json as? [String: Any])
    }

    @Test func hasTheKeysThatOthersRelyOn() throws {
        let document = try document()
        #expect(
            document.keys.sorted() == [
                "coverage", "events", "failed", "interrupted", "never_reached", "passed", "run_elsewhere", "run_twice",
                "scenario",
                "seeds", "simulated_seconds", "wall_seconds",
            ])
        #expect(document["scenario"] as? String == "tale")
        #expect(document["passed"] as? Bool == false)
        #expect(document["simulated_seconds"] as? Double == 180)
        #expect(document["events"] as? Int == 30)
        #expect(document["coverage"] as? [String: Int] == ["any": 3, "even": 1])
        #expect(document["never_reached"] as? [String] == ["odd"])
        #expect(document["seeds"] as? [String: Int] == ["first": 1, "last": 3, "asked": 3, "finished": 3])
    }

    @Test func tellsHowLongNetworksWereWithoutALeader() throws {
        let runner = makeRunner { seed, _, _ in
            var result = result(seed)
            result.vacancies = seed == 2 ? [] : [Double(seed), 0.5]
            return result
        }
        let elections = try #require(runner.run(3, task: task).elections)
        #expect(elections.count == 4 && elections.half == 1 && elections.most == 3 && elections.longest == 3)
        #expect(makeRunner { seed, _, _ in result(seed) }.run(3, task: task).elections == nil)
    }

    @Test func namesEachFailureWithItsReplay() throws {
        let failed = try #require(try document()["failed"] as? [[String: Any]])
        #expect(failed.count == 1)
        #expect(failed[0]["seed"] as? Int == 3)
        #expect(failed[0]["invariant"] as? String == "tokens")
        #expect(failed[0]["replay"] as? String == "tiktrue simulate tale --seed 3")
        #expect(failed[0]["diagram"] as? [String] == ["a", "b"])
    }

    @Test func leavesTheRangeOutWhereSeedsDoNotFollowEachOther() throws {
        #expect(try document(seeds: nil)["seeds"] as? [String: Int] == ["asked": 3, "finished": 3])
    }

    @Test func theReplayCanBePastedIntoAShell() {
        let scenario = Scenario(name: "tale", story: "", peers: 3...3)
        let plain = SimulationTask(
            scenario: scenario, seed: 1, arguments: ["simulate", "Simulations/a-b.yaml", "--seed", "1"])
        #expect(plain.replay == "tiktrue simulate Simulations/a-b.yaml --seed 1")
        let odd = SimulationTask(scenario: scenario, seed: 1, arguments: ["simulate", "it's $(me).yaml"])
        #expect(odd.replay == #"tiktrue simulate 'it'\''s $(me).yaml'"#)
    }
}
