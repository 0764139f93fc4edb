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

    public var text: String
    public var tokenIDs: [Int]
    /// 32 hexadecimal digits.
    public var session: String
    /// The network's name.
    public var network: String
    public var seed: UInt64
    /// `stop` at the model's own end, `length` at the limit of tokens.
    public var finishReason: String
    /// As it was when the answer ended.
    public var route: [Stage]
    /// How often another peer had to take over in the middle of the answer.
    public var reroutes: Int
    public var timings: Timings

    public init(
        text: String, tokenIDs: [Int], session: String, network: String, seed: UInt64, finishReason: String,
        route: [Stage], reroutes: Int, timings: Timings
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
    }

    enum CodingKeys: String, CodingKey {
        case text
        case tokenIDs = "token_ids"
        case session, network, seed
        case finishReason = "finish_reason"
        case route, reroutes, timings
    }
}
