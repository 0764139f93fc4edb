/// Asks for the embeddings of some texts.
public struct EmbeddingRequest: Codable, Equatable, Sendable {
    /// Name or id. Nil where the peer is in one network only.
    public var network: String?
    public var texts: [String]

    public init(network: String? = nil, texts: [String]) {
        self.network = network
        self.texts = texts
    }
}

/// What `embed --json` prints. Tests outside the project rely on the keys.
public struct EmbeddingDocument: Codable, Equatable, Sendable {
    /// The network's name, and its model's.
    public var network: String
    public var model: String
    /// One for each text, in their order, each of length 1 (Euclid's).
    public var embeddings: [[Float]]
    /// Of all texts together.
    public var promptTokens: Int

    public init(network: String, model: String, embeddings: [[Float]], promptTokens: Int) {
        self.network = network
        self.model = model
        self.embeddings = embeddings
        self.promptTokens = promptTokens
    }

    enum CodingKeys: String, CodingKey {
        case network, model, embeddings
        case promptTokens = "prompt_tokens"
    }
}
