/// What `chat --json` prints for one answer. Tests outside the project rely on the keys.
public struct ChatDocument: Codable, Equatable, Sendable {
    /// A peer of the route that computed the answer, in the order of the chain.
    public struct Stage: Codable, Equatable, Sendable {
        public var peer: String
        public var firstBlock: Int
        public var lastBlock: Int

        public init(peer: String, firstBlock: Int, lastBlock: Int) {
            self.peer = peer
            self.firstBlock = firstBlock
            self.lastBlock = lastBlock
        }

        enum CodingKeys: String, CodingKey {
            case peer
            case firstBlock = "first_block"
            case lastBlock = "last_block"
        }
    }

    /// Counts of tokens, and the milliseconds that they took.
    public struct Timings: Codable, Equatable, Sendable {
        public var promptTokens: Int
        public var promptMilliseconds: Double
        public var predictedTokens: Int
        public var predictedMilliseconds: Double

        public init(
            promptTokens: Int, promptMilliseconds: Double, predictedTokens: Int, predictedMilliseconds: Double
        ) {
            self.promptTokens = promptTokens
            self.promptMilliseconds = promptMilliseconds
            self.predictedTokens = predictedTokens
            self.predictedMilliseconds = predictedMilliseconds
        }

        enum CodingKeys: String, CodingKey {
            case promptTokens = "prompt_tokens"
            case promptMilliseconds = "prompt_ms"
            case predictedTokens = "predicted_tokens"
            case predictedMilliseconds = "predicted_ms"
        }
    }

    /// One token of the answer and how probable the model thought it, by its own figures: before temperature, penalties and format.
    public struct Token: Codable, Equatable, Sendable {
        public var id: Int
        /// The characters that it brought; empty where they were not complete yet.
        public var text: String
        /// Natural logarithm of its probability. Nil stands for minus infinity: JSON has no number for it.
        public var logProbability: Double?
        /// The model's best tokens at this place, the likeliest first.
        public var top: [Candidate]

        public struct Candidate: Codable, Equatable, Sendable {
            public var id: Int
            public var text: String
            public var logProbability: Double?

            public init(id: Int, text: String, logProbability: Double?) {
                self.id = id
                self.text = text
                self.logProbability = logProbability
            }

            enum CodingKeys: String, CodingKey {
                case id, text
                case logProbability = "logprob"
            }
        }

        public init(id: Int, text: String, logProbability: Double?, top: [Candidate]) {
            self.id = id
            self.text = text
            self.logProbability = logProbability
            self.top = top
        }

        enum CodingKeys: String, CodingKey {
            case id, text
            case logProbability = "logprob"
            case top
        }
    }

    public var text: String
    public var tokenIDs: [Int]
    /// 32 hexadecimal digits.
    public var session: String
    /// The network's name.
    public var network: String
    public var seed: UInt64
    /// `stop` at the model's own end or a stop string, `length` at the limit of tokens.
    public var finishReason: String
    /// As it was when the answer ended.
    public var route: [Stage]
    /// How often another peer had to take over in the middle of the answer.
    public var reroutes: Int
    public var timings: Timings
    /// Where log-probabilities were asked for.
    public var logProbabilities: [Token]?

    public init(
        text: String, tokenIDs: [Int], session: String, network: String, seed: UInt64, finishReason: String,
        route: [Stage], reroutes: Int, timings: Timings, logProbabilities: [Token]? = nil
    ) {
        self.text = text
        self.tokenIDs = tokenIDs
        self.session = session
        self.network = network
        self.seed = seed
        self.finishReason = finishReason
        self.route = route
        self.reroutes = reroutes
        self.timings = timings
        self.logProbabilities = logProbabilities
    }

    enum CodingKeys: String, CodingKey {
        case text
        case tokenIDs = "token_ids"
        case session, network, seed
        case finishReason = "finish_reason"
        case route, reroutes, timings
        case logProbabilities = "logprobs"
    }
}
