/// What the last stage makes of the positions that passed through all blocks.
public enum HeadTask: Hashable, Sendable {
    /// A token after the last of them.
    case sampling(SamplingSettings)
    /// One state for all of them, pooled as the model asks.
    case embedding

    /// For stages that choose nothing: a format may be long.
    public var withoutFormat: HeadTask {
        guard case .sampling(var settings) = self else { return self }
        settings.format = nil
        return .sampling(settings)
    }

    /// Whether it matters where the answer began.
    public var hasFormat: Bool {
        if case .sampling(let settings) = self { settings.format != nil } else { false }
    }
}

/// How a token is chosen from the logits. `temperature` 0 is greedy, `topK` 0, `topP` 1 and `minP` 0 leave all tokens in.
public struct SamplingSettings: Hashable, Sendable {
    public var temperature: Double
    public var topK: Int
    public var topP: Double
    public var minP: Double
    public var seed: UInt64
    /// Nil for none.
    public var penalties: PenaltySettings?
    /// Ascending by token, each once.
    public var bias: [TokenBias]
    /// How many of the best tokens are told beside the chosen one, with their probabilities; nil tells not even that one's.
    public var logProbabilities: Int?
    /// Nil where any text may be answered.
    public var format: AnswerFormat?

    public init(
        temperature: Double, topK: Int, topP: Double, minP: Double = 0, seed: UInt64,
        penalties: PenaltySettings? = nil, bias: [TokenBias] = [], logProbabilities: Int? = nil,
        format: AnswerFormat? = nil
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.seed = seed
        self.penalties = penalties
        self.bias = bias
        self.logProbabilities = logProbabilities
        self.format = format
    }
}

/// What makes tokens less likely that are among the session's last `window` ones.
public struct PenaltySettings: Hashable, Sendable {
    /// Divides logits above 0 and multiplies those below; 1 for none.
    public let repetition: Double
    /// Taken off for each time that a token is there.
    public let frequency: Double
    /// Taken off once.
    public let presence: Double
    public let window: Int

    public init(repetition: Double, frequency: Double, presence: Double, window: Int) {
        self.repetition = repetition
        self.frequency = frequency
        self.presence = presence
        self.window = window
    }
}

/// What is added to the logit of one token; minus infinity bans it.
public struct TokenBias: Hashable, Sendable {
    public let token: Int32
    public let value: Float

    public init(token: Int32, value: Float) {
        self.token = token
        self.value = value
    }
}

/// What an answer must be.
public enum AnswerFormat: Hashable, Sendable {
    /// A text of this grammar, in GBNF.
    case grammar(String)
    /// A JSON value of this JSON Schema.
    case schema(String)
}

/// A chosen token, and how probable it was.
public struct TokenChoice: Hashable, Sendable {
    public struct Candidate: Hashable, Sendable {
        public let token: Int32
        /// Natural logarithm of the model's own probability.
        public let logProbability: Double

        public init(token: Int32, logProbability: Double) {
            self.token = token
            self.logProbability = logProbability
        }
    }

    public let token: Int32
    /// Nil where nobody asked for it.
    public let logProbability: Double?
    /// The model's best tokens, the likeliest first.
    public let best: [Candidate]

    public init(token: Int32, logProbability: Double? = nil, best: [Candidate] = []) {
        self.token = token
        self.logProbability = logProbability
        self.best = best
    }
}
