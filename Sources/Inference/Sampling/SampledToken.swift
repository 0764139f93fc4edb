/// A chosen token, and how probable it was.
public struct SampledToken: Sendable, Equatable {
    public struct Candidate: Sendable, Equatable {
        public let token: Int32
        /// Natural logarithm of the model's own probability: before bias, penalties, temperature and grammar.
        public let logProbability: Double

        public init(token: Int32, logProbability: Double) {
            self.token = token
            self.logProbability = logProbability
        }
    }

    public let token: Int32
    /// nil unless `SamplingParameters.logProbabilities` asks for it.
    public let logProbability: Double?
    /// The model's best tokens, the most probable first, as many as were asked for.
    public let best: [Candidate]

    public init(token: Int32, logProbability: Double? = nil, best: [Candidate] = []) {
        self.token = token
        self.logProbability = logProbability
        self.best = best
    }
}
