/// How the next token is chosen from the logits.
public struct SamplingParameters: Sendable, Equatable {
    /// The logits are divided by it; 0 takes the best token always.
    public let temperature: Double
    /// Only so many of the best tokens count; 0 for all.
    public let topK: Int
    /// Only the best tokens that together have this share of the probability count (Holtzman et al. 2019); 1 for all.
    public let topP: Double
    /// Only tokens with at least this share of the best one's probability count (Nguyen et al. 2024); 0 for all.
    public let minP: Double
    public let penalties: Penalties
    /// Added to the logits before everything else, by token, in ascending order of tokens.
    public let logitBias: [LogitBias]
    /// How many of the best tokens are reported with their log-probabilities beside the chosen one; nil reports none,
    /// not even the chosen one's.
    public let logProbabilities: Int?
    /// The same seed gives the same tokens.
    public let seed: UInt64

    public static let greedy = SamplingParameters()

    public enum Limit {
        public static let temperatures = 0.0...100.0
        public static let repetitions = 0.01...100.0
        public static let penalties = -100.0...100.0
        public static let window = 1 << 20
        /// Every position passes over them; OpenAI's interface allows 300.
        public static let biases = 4096
        public static let bias = 1000.0
        public static let logProbabilities = 0...100
    }

    private init() {
        temperature = 0
        topK = 0
        topP = 1
        minP = 0
        penalties = .none
        logitBias = []
        logProbabilities = nil
        seed = 0
    }

    public init(
        temperature: Double, topK: Int = 0, topP: Double = 1, minP: Double = 0, penalties: Penalties = .none,
        logitBias: [LogitBias] = [], logProbabilities: Int? = nil, seed: UInt64 = 0
    ) throws(SamplingError) {
        guard Limit.temperatures.contains(temperature) else { throw .temperature(temperature) }
        guard topK >= 0 else { throw .topK(topK) }
        guard topP > 0, topP <= 1 else { throw .topP(topP) }
        guard minP >= 0, minP <= 1 else { throw .minP(minP) }
        if let logProbabilities, !Limit.logProbabilities.contains(logProbabilities) {
            throw .logProbabilities(logProbabilities)
        }
        guard logitBias.count <= Limit.biases else { throw .tooManyBiases(logitBias.count) }
        let ordered = logitBias.sorted { $0.token < $1.token }
        for (index, bias) in ordered.enumerated() {
            let isRepeated = index > 0 && ordered[index - 1].token == bias.token
            // Minus infinity bans a token.
            guard bias.value == -.infinity || abs(bias.value) <= Float(Limit.bias), !isRepeated else {
                throw .bias(token: bias.token, value: bias.value)
            }
        }
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.penalties = penalties
        self.logitBias = ordered
        self.logProbabilities = logProbabilities
        self.seed = seed
    }
}

/// What is added to one token's logit.
public struct LogitBias: Sendable, Equatable {
    public let token: Int32
    /// Minus infinity bans the token.
    public let value: Float

    public init(token: Int32, value: Float) {
        self.token = token
        self.value = value
    }
}

/// What makes tokens less likely that have been there already, in the last `window` tokens of the session: the prompt's
/// and the answer's.
public struct Penalties: Sendable, Equatable {
    /// Logits above 0 are divided by it, those below multiplied with it (Keskar et al. 2019); 1 for no effect.
    public let repetition: Double
    /// Taken off for each time that the token has been there.
    public let frequency: Double
    /// Taken off once if the token has been there.
    public let presence: Double
    public let window: Int

    public static let none = Penalties()

    private init() {
        repetition = 1
        frequency = 0
        presence = 0
        window = 0
    }

    public init(
        repetition: Double = 1, frequency: Double = 0, presence: Double = 0, window: Int = 64
    ) throws(SamplingError) {
        typealias Limit = SamplingParameters.Limit
        guard Limit.repetitions.contains(repetition) else { throw .penalty("repetition", repetition) }
        guard Limit.penalties.contains(frequency) else { throw .penalty("frequency", frequency) }
        guard Limit.penalties.contains(presence) else { throw .penalty("presence", presence) }
        guard (0...Limit.window).contains(window) else { throw .penaltyWindow(window) }
        self.repetition = repetition
        self.frequency = frequency
        self.presence = presence
        self.window = window
    }

    /// Whether any logit can change.
    public var areActive: Bool { window > 0 && (repetition != 1 || frequency != 0 || presence != 0) }
}
