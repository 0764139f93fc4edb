/// One turn of a conversation. The client keeps the history and sends all of it; the session lets the peer find what it has
/// computed already.
public struct ChatRequest: Codable, Equatable, Sendable {
    public enum Role: String, Codable, Sendable { case system, user, assistant }

    public struct Message: Codable, Equatable, Sendable {
        public var role: Role
        public var content: String
        public init(role: Role, content: String) {
            self.role = role
            self.content = content
        }
    }

    /// Name or id. Nil where the peer is in one network only.
    public var network: String?
    public var messages: [Message]
    /// 32 hexadecimal digits. Nil begins a session.
    public var session: String?
    public var maxTokens: Int
    public var choice: TokenChoiceRequest
    /// Texts that end the answer where they appear in it; they are not part of it.
    public var stop: [String]
    public var format: FormatRequest?
    /// Whether another turn may follow: then the network keeps what it computed for this one.
    public var goesOn: Bool

    public init(
        network: String? = nil, messages: [Message], session: String? = nil, maxTokens: Int = 256,
        choice: TokenChoiceRequest = TokenChoiceRequest(), stop: [String] = [], format: FormatRequest? = nil,
        goesOn: Bool = true
    ) {
        self.network = network
        self.messages = messages
        self.session = session
        self.maxTokens = maxTokens
        self.choice = choice
        self.stop = stop
        self.format = format
        self.goesOn = goesOn
    }
}

/// How the answer's tokens are chosen. What is left at its beginning changes nothing.
public struct TokenChoiceRequest: Codable, Equatable, Sendable {
    /// 0 is greedy.
    public var temperature = 0.0
    /// 0 keeps every token.
    public var topK = 0
    /// 1 keeps every token.
    public var topP = 1.0
    /// 0 keeps every token.
    public var minP = 0.0
    /// 1 is none.
    public var repetitionPenalty = 1.0
    public var frequencyPenalty = 0.0
    public var presencePenalty = 0.0
    /// How many of the last tokens the penalties look at.
    public var penaltyWindow = 64
    /// What is added to the logits of single tokens, by their numbers; minus infinity bans one.
    public var bias: [TokenBiasRequest] = []
    /// How many of the model's best tokens are told at each place, with their probabilities; nil tells none.
    public var logProbabilities: Int?
    /// Nil lets the peer draw one; the answer tells which.
    public var seed: UInt64?

    public init() {}
}

public struct TokenBiasRequest: Codable, Equatable, Sendable {
    public var token: Int32
    /// Nil bans the token: JSON knows no infinity.
    public var value: Float?

    public init(token: Int32, value: Float?) {
        self.token = token
        self.value = value
    }
}

/// What the answer must be.
public enum FormatRequest: Codable, Equatable, Sendable {
    /// Any JSON object.
    case json
    /// A JSON value that keeps to this JSON Schema.
    case schema(String)
    /// A text of this grammar, in GBNF.
    case grammar(String)
}
