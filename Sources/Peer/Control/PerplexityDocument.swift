/// What `perplexity --json` prints.
public struct PerplexityDocument: Codable, Equatable, Sendable {
    public var model: String
    public var threads: Int
    /// Tokens of a window.
    public var context: Int
    /// In which format keys and values were kept.
    public var cacheFormat: String
    public var perplexity: Double
    public var standardError: Double
    public var tokens: Int
    /// Those whose probability counted: the second half of each window.
    public var scoredTokens: Int
    public var windows: Int
    public var seconds: Double

    enum CodingKeys: String, CodingKey {
        case model, threads, context, perplexity, tokens, windows, seconds
        case cacheFormat = "cache_format"
        case standardError = "standard_error"
        case scoredTokens = "scored_tokens"
    }
}
