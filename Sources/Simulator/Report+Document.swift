/// A report as `simulate --json` prints it. Keys that stand are never renamed.
public struct SimulationDocument: Codable, Hashable, Sendable {
    public var scenario: String
    public var passed: Bool
    public var seeds: Seeds
    public var failed: [Failure]
    public var interrupted: Bool
    public var simulatedSeconds: Double
    public var wallSeconds: Double
    public var events: Int
    public var coverage: [String: Int]
    public var neverReached: [String]
    /// Nil where no leader died.
    public var elections: Elections?
    /// Seeds whose traces were compared with those of a second run, and of another process.
    public var runTwice: Int
    public var runElsewhere: Int

    public struct Seeds: Codable, Hashable, Sendable {
        /// Where they follow each other.
        public var first: UInt64?
        public var last: UInt64?
        public var asked: Int
        /// How many ran to their end.
        public var finished: Int
    }

    public struct Failure: Codable, Hashable, Sendable {
        public var scenario: String
        public var seed: UInt64
        public var invariant: String
        public var what: String
        /// Simulated seconds.
        public var at: Double
        public var diagram: [String]
        /// The command that shows it again.
        public var replay: String
    }

    /// From leaders' deaths until others led, in simulated seconds.
    public struct Elections: Codable, Hashable, Sendable {
        public var count: Int
        /// What half of them, and 99 %, took at most.
        public var half: Double
        public var most: Double
        public var longest: Double

        enum CodingKeys: String, CodingKey {
            case count
            case half = "p50"
            case most = "p99"
            case longest = "max"
        }
    }

    enum CodingKeys: String, CodingKey {
        case scenario, passed, seeds, failed, interrupted, events, coverage, elections
        case simulatedSeconds = "simulated_seconds"
        case wallSeconds = "wall_seconds"
        case neverReached = "never_reached"
        case runTwice = "run_twice"
        case runElsewhere = "run_elsewhere"
    }
}

extension SimulationReport {
    /// - Parameters:
    ///   - scenario: its name; `past` for all past seeds.
    ///   - seeds: nil where they do not follow each other.
    ///   - coverageNames: all rare states that the engine can tell of.
    public func document(scenario: String, seeds: ClosedRange<UInt64>?, coverageNames: [String]) -> SimulationDocument {
        SimulationDocument(
            scenario: scenario, passed: passed,
            seeds: SimulationDocument.Seeds(
                first: seeds?.lowerBound, last: seeds?.upperBound, asked: asked, finished: outcomes.count),
            failed: failures.compactMap { outcome in
                outcome.result.violation.map { violation in
                    SimulationDocument.Failure(
                        scenario: outcome.result.scenario, seed: outcome.result.seed, invariant: violation.invariant,
                        what: violation.what, at: violation.at, diagram: violation.diagram, replay: outcome.replay)
                }
            },
            interrupted: wasInterrupted, simulatedSeconds: simulatedSeconds, wallSeconds: wallSeconds, events: events,
            coverage: coverage, neverReached: neverReached(of: coverageNames), elections: elections,
            runTwice: outcomes.count { $0.ranTwice }, runElsewhere: outcomes.count { $0.ranElsewhere })
    }
}
