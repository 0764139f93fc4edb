import Identity
import Wire

/// A stage among all stages of a peer: a peer may hold two ranges of one route.
public struct StageKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let session: SessionID
    public let firstBlock: Int

    public init(session: SessionID, firstBlock: Int) {
        self.session = session
        self.firstBlock = firstBlock
    }

    public var description: String { "\(session) from block \(firstBlock)" }
    public static func < (left: StageKey, right: StageKey) -> Bool {
        (left.session, left.firstBlock) < (right.session, right.firstBlock)
    }
}

/// Names one computation, so that the result of one that was given up meanwhile is told from the result that is waited for.
/// Unique within one `Stages`, also after a stage was dropped and opened again.
public struct StageTicket: Hashable, Sendable {
    public let incarnation: UInt64
    public let number: UInt64
}

/// What the shell is to compute: some positions through some blocks, on the KV cache named by `key`.
public struct StageWork: Hashable, Sendable {
    public enum Input: Hashable, Sendable {
        case tokens([Int32])
        /// Hidden states of the consecutive positions of these tokens, float32, little-endian.
        case hidden(Payload, tokens: [Int32])

        public var tokens: [Int32] {
            switch self {
            case .tokens(let tokens), .hidden(_, let tokens): tokens
            }
        }
        public var count: Int { tokens.count }
    }

    /// What is wanted of it besides the entries in the KV cache.
    public enum Output: Hashable, Sendable {
        /// The hidden states of all its positions: this is not the last stage. Answered with `StageResult.hidden`.
        case hidden
        /// Nothing: this is the last stage, and no token is wanted here. Answered with `StageResult.cached`.
        case nothing
        /// The token at `position`, sampled from the logits of the last position computed. Where the settings name a format, it
        /// begins at `answerStart`. Answered with `StageResult.token`.
        case token(SamplingSettings, position: Position, answerStart: Position)
        /// Nothing yet, but the states of its positions are kept beside the cache: an embedding will be wanted. Answered with
        /// `StageResult.cached`.
        case states
        /// The embedding of all positions up to the last of these. Answered with `StageResult.embedding`.
        case embedding
    }

    public let key: StageKey
    public let network: NetworkID
    public let blocks: BlockRange
    /// The first position; the KV cache holds exactly the positions below it.
    public let first: Position
    public let input: Input
    public let output: Output
    public let ticket: StageTicket
    /// Of the KV cache.
    public let cacheFormat: CacheFormat

    public var count: Int { input.count }
    /// The position after the last one computed.
    public var end: Position { first.advanced(by: count) }
}

/// How a computation ended.
public enum StageResult: Hashable, Sendable {
    /// Hidden states of all positions of the work, as many bytes for each.
    case hidden(Payload)
    case cached
    case token(TokenChoice)
    /// As `Embedded` carries it.
    case embedding(Payload)
    /// Nothing was computed: of what the cache should hold, everything from this position on is gone. It is applied again.
    case missing(from: Position)
    /// The answer cannot go on, and no other machine could make it: one sentence that says why.
    case refused(String)
    /// One sentence that says why. What the KV cache holds from the work's first position on counts as nothing.
    case failed(String)
}

/// What a stage wants done. Effects that name the same key are carried out in the order given, a computation before the
/// truncation that follows it.
public enum StageEffect: Hashable, Sendable {
    case send(Frame, to: PeerID)
    case compute(StageWork)
    /// The KV cache keeps the positions below this one.
    case truncateCache(StageKey, to: Position)
    /// Make an empty KV cache for these blocks in the place of any that is there.
    case resetCache(StageKey, blocks: BlockRange)
    /// Free the KV cache: the stage is gone.
    case dropCache(StageKey)
    /// Make these blocks ready to compute, and say so by `blocksReady` or `blocksRefused`.
    case needBlocks(StageKey, network: NetworkID, blocks: BlockRange)
}
