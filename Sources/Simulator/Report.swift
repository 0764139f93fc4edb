/// What came of one task, and how it was compared.
public struct SimulationOutcome: Sendable {
    public var result: SimulationResult
    /// The command that shows it again.
    public var replay: String
    /// Its trace was compared with that of a second run.
    public var ranTwice = false
    /// Its trace was compared with that of another process.
    public var ranElsewhere = false

    public init(result: SimulationResult, replay: String) {
        self.result = result
        self.replay = replay
    }

    mutating func compare(with hash: UInt64, place: String) {
        guard hash != result.traceHash else { return }
        let (first, second) = (String(result.traceHash, radix: 16), String(hash, radix: 16))
        breakDeterminism("the same seed gave the trace \(first), and \(place) \(second)")
    }

    /// A failure that does not come again is first of all a world that is not the same again.
    mutating func breakDeterminism(_ what: String) {
        let before = result.violation
        let once = before.map {
            $0.invariant == SimulationReport.determinism ? "" : "; once it broke '\($0.invariant)': \($0.what)"
        }
        result.violation = SimulationResult.Violation(
            invariant: SimulationReport.determinism, what: what + (once ?? ""),
            at: before?.at ?? result.simulatedSeconds,
            diagram: before?.diagram ?? [])
    }
}

/// What came of a scenario's seeds.
public struct SimulationReport: Sendable {
    /// The invariant that the runner itself checks.
    public static let determinism = "determinism"

    /// How many tasks there were.
    public var asked: Int
    /// Of those that ran to their end, in their order.
    public var outcomes: [SimulationOutcome] = []
    public var wasInterrupted = false
    public var wallSeconds = 0.0

    public init(asked: Int) { self.asked = asked }

    public var results: [SimulationResult] { outcomes.map(\.result) }
    public var failures: [SimulationOutcome] { outcomes.filter { $0.result.violation != nil } }
    /// All that was asked for ran, and nothing was broken.
    public var passed: Bool { failures.isEmpty && !wasInterrupted }
    public var simulatedSeconds: Double { outcomes.reduce(0) { $0 + $1.result.simulatedSeconds } }
    public var events: Int { outcomes.reduce(0) { $0 + $1.result.events } }

    public var coverage: [String: Int] {
        outcomes.reduce(into: [:]) { $0.merge($1.result.coverage, uniquingKeysWith: +) }
    }

    /// How long networks were without a leader after one had died: nil where none did.
    public var elections: SimulationDocument.Elections? {
        let ordered = results.flatMap(\.vacancies).sorted()
        guard let longest = ordered.last else { return nil }
        func below(percent: Int) -> Double { ordered[min(ordered.count - 1, ordered.count * percent / 100)] }
        return SimulationDocument.Elections(
            count: ordered.count, half: below(percent: 50), most: below(percent: 99), longest: longest)
    }

    /// Which of all rare states no seed reached, in the order that they are given in.
    public func neverReached(of names: [String]) -> [String] {
        let coverage = coverage
        return names.filter { coverage[$0, default: 0] == 0 }
    }
}
