/// What `bench --json` prints. Tests outside the project rely on `model`, `threads`, the two speeds and `hop_ms`; threads, sequences
/// and speeds are those of the last of `runs`.
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

    /// Bytes that the process took, models mapped from the file included.
    public struct Memory: Codable, Equatable, Sendable {
        /// The model's weights as they are computed with.
        public var weights: Int
        /// The model's file, of which only parts are read into memory.
        public var file: Int
        /// The most that this process has had in memory at once; nil where the system does not tell.
        public var residentMax: Int?

        enum CodingKeys: String, CodingKey {
            case weights, file
            case residentMax = "resident_max"
        }
    }

    /// One count of threads, and one of sequences.
    public struct Run: Codable, Equatable, Sendable {
        public var threads: Int
        /// How many sequences decoded side by side; the speed of decoding is that of all together.
        public var sequences: Int
        public var prefillTokensPerSecond: Double
        public var decodeTokensPerSecond: Double
        /// How fast so many threads read memory on this machine, measured right after.
        public var memoryBytesPerSecond: Double
        /// Bytes of weights that decoding reads a second, as a share of that. Above 1 where caches hold some of them.
        public var decodeBandwidthShare: Double

        enum CodingKeys: String, CodingKey {
            case threads, sequences
            case prefillTokensPerSecond = "prefill_tokens_per_second"
            case decodeTokensPerSecond = "decode_tokens_per_second"
            case memoryBytesPerSecond = "memory_bytes_per_second"
            case decodeBandwidthShare = "decode_bandwidth_share"
        }
    }

    public var model: String
    /// The instruction set that was computed with.
    public var instructions: String
    public var threads: Int
    public var prefillTokensPerSecond: Double
    public var decodeTokensPerSecond: Double
    /// Positions in front of the decoded ones.
    public var context: Int
    public var sequences: Int
    /// In which format keys and values were kept.
    public var cacheFormat: String
    public var hop: Hop
    public var memory: Memory
    public var runs: [Run]

    /// - Parameter runs: one or more.
    init(
        model: String, instructions: String, context: Int, cacheFormat: String,
        hop: Hop, memory: Memory, runs: [Run]
    ) {
        precondition(!runs.isEmpty, "a benchmark without a run")
        self.model = model
        self.instructions = instructions
        self.context = context
        sequences = runs[runs.count - 1].sequences
        self.cacheFormat = cacheFormat
        self.hop = hop
        self.memory = memory
        self.runs = runs
        threads = runs[runs.count - 1].threads
        prefillTokensPerSecond = runs[runs.count - 1].prefillTokensPerSecond
        decodeTokensPerSecond = runs[runs.count - 1].decodeTokensPerSecond
    }

    enum CodingKeys: String, CodingKey {
        case model, instructions, threads, context, sequences, memory, runs
        case prefillTokensPerSecond = "prefill_tokens_per_second"
        case decodeTokensPerSecond = "decode_tokens_per_second"
        case cacheFormat = "cache_format"
        case hop = "hop_ms"
    }
}
