/// What came of one seed.
public struct SimulationResult: Sendable {
    public var scenario: String
    public var seed: UInt64
    /// What was broken first; nil where all was well.
    public var violation: Violation?
    public var simulatedSeconds: Double
    public var wallSeconds: Double
    /// Inputs handled by all cores together.
    public var events: Int
    /// Rare states that were reached, by name, and how often.
    public var coverage: [String: Int]
    /// Simulated seconds from each leader's death until another one led.
    public var vacancies: [Double] = []
    /// Of everything that happened, in order: equal for equal seeds, on every machine and in every process.
    public var traceHash: UInt64

    public init(scenario: String, seed: UInt64) {
        self.scenario = scenario
        self.seed = seed
        simulatedSeconds = 0
        wallSeconds = 0
        events = 0
        coverage = [:]
        traceHash = 0
    }

    public struct Violation: Sendable, Hashable {
        /// The name of the invariant, one word as in docs/simulation.md.
        public var invariant: String
        /// One sentence.
        public var what: String
        /// Simulated seconds.
        public var at: Double
        /// The last events of the machines concerned, a line each, as a diagram with a column for each machine.
        public var diagram: [String]
        public init(invariant: String, what: String, at: Double, diagram: [String]) {
            self.invariant = invariant
            self.what = what
            self.at = at
            self.diagram = diagram
        }
    }
}
