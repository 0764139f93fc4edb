/// What `bench --json` prints. Tests outside the project rely on the keys.
public struct BenchDocument: Codable, Equatable, Sendable {
    /// What the chain adds for each hop, in milliseconds.
    public struct Hop: Codable, Equatable, Sendable {
        public var p50: Double
        public var p99: Double
        public init(p50: Double, p99: Double) {
            self.p50 = p50
            self.p99 = p99
        }
    }

    public var model: String
    public var threads: Int
    public var prefillTokensPerSecond: Double
    public var decodeTokensPerSecond: Double
    public var hop: Hop

    public init(
        model: String, threads: Int, prefillTokensPerSecond: Double, decodeTokensPerSecond: Double, hop: Hop
    ) {
        self.model = model
        self.threads = threads
        self.prefillTokensPerSecond = prefillTokensPerSecond
        self.decodeTokensPerSecond = decodeTokensPerSecond
        self.hop = hop
    }

    enum CodingKeys: String, CodingKey {
        case model, threads
        case prefillTokensPerSecond = "prefill_tokens_per_second"
        case decodeTokensPerSecond = "decode_tokens_per_second"
        case hop = "hop_ms"
    }
}
