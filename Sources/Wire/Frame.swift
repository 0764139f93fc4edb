import Identity

/// One message on a link. Each kind has a number, a header in Protocol Buffers and, for pieces and activations, a payload that
/// follows raw. docs/protocol.md lists them byte by byte.
public enum Frame: Hashable, Sendable {
    // The link itself.
    case hello(Hello)
    case ping
    case pong
    /// A signed beacon, for peers that multicast does not reach.
    case beacon(Signed)

    // Observed state.
    case gossip(network: NetworkID, GossipMessage)

    // Agreed state.
    case configOffer(network: NetworkID, version: ConfigVersion)
    /// `known` is what the sender has.
    case configRequest(network: NetworkID, known: ConfigVersion)
    case config(network: NetworkID, CertifiedConfig)
    /// `attempt` counts from 1 how often its proposer has sent it.
    case proposal(network: NetworkID, command: Signed, attempt: Int)
    case proposalResult(ProposalResult)
    /// A voter has applied a revision and signed its header, whose digest is `header`.
    case vouch(network: NetworkID, version: ConfigVersion, header: Digest, Vouch)
    case raft(network: NetworkID, generation: UInt64, RaftMessage)
    /// Asked by a peer that does not know whether its disk still says all that it has promised.
    case standingRequest(network: NetworkID, generation: UInt64, question: UInt64)
    /// How the log stands with the sender, and by which certified config it goes.
    case standing(network: NetworkID, question: UInt64, version: ConfigVersion, RaftStanding)

    // Pieces.
    case pieceRequest(PieceRequest)
    case pieceData(PieceData)

    // The chain.
    case routeOpen(RouteOpen)
    case resume(Resume)
    case tokens(Tokens)
    case activation(Activation)
    case sampled(Sampled)
    case embedded(Embedded)
    case stageProgress(Resume)
    case stageFailed(StageFailed)
    case sessionClose(session: SessionID, epoch: RouteEpoch)

    /// Frames that wait behind all others: they are large, and nobody waits for one of them.
    public var isBulk: Bool {
        if case .pieceData = self { return true }
        return false
    }
}

/// The first frame on every link, in both directions. A client sends nothing else before it has the server's: only then is it
/// known that the server has accepted the client's certificate.
public struct Hello: Hashable, Sendable {
    public static let currentVersion = 1
    public let version: Int
    public let name: String
    /// Where the speaker accepts links.
    public let linkPort: Int
    /// Drawn anew at each start of the process.
    public let boot: UInt64

    public init(version: Int = Hello.currentVersion, name: String, linkPort: Int, boot: UInt64) {
        self.version = version
        self.name = name
        self.linkPort = linkPort
        self.boot = boot
    }
}

public struct RecordDigestEntry: Hashable, Sendable {
    public let peer: PeerID
    public let version: RecordVersion
    public init(peer: PeerID, version: RecordVersion) {
        self.peer = peer
        self.version = version
    }
}

public struct ProposalResult: Hashable, Sendable {
    public let network: NetworkID
    public let proposal: ConfigCommand.Proposal
    public let accepted: Bool
    /// The revision that the change became, or the current one.
    public let revision: Revision
    /// One sentence; empty where it was accepted.
    public let reason: String
    /// It was decided through the log. A refusal that is not final was only the present leader's word.
    public let isFinal: Bool

    public init(
        network: NetworkID, proposal: ConfigCommand.Proposal, accepted: Bool, revision: Revision, reason: String,
        isFinal: Bool
    ) {
        self.network = network
        self.proposal = proposal
        self.accepted = accepted
        self.revision = revision
        self.reason = reason
        self.isFinal = isFinal
    }
}

public struct PieceRequest: Hashable, Sendable {
    public let digest: Digest
    public let offset: UInt64
    /// At most `Limits.piecePartBytes`.
    public let length: Int
    public init(digest: Digest, offset: UInt64, length: Int) {
        self.digest = digest
        self.offset = offset
        self.length = length
    }
}

public struct PieceData: Hashable, Sendable {
    public let digest: Digest
    public let offset: UInt64
    /// Bytes of the whole piece.
    public let total: UInt64
    /// Why the piece cannot be had; empty where it can.
    public let refusal: String
    public let payload: Payload
    public init(digest: Digest, offset: UInt64, total: UInt64, refusal: String, payload: Payload) {
        self.digest = digest
        self.offset = offset
        self.total = total
        self.refusal = refusal
        self.payload = payload
    }
}

/// A peer's part in a session's route.
public struct RouteStage: Hashable, Sendable {
    public let peer: PeerID
    public let blocks: BlockRange
    public init(peer: PeerID, blocks: BlockRange) {
        self.peer = peer
        self.blocks = blocks
    }
}

/// Where a session's text last went another way: in an answer that was cut short, or a turn that was written anew.
public struct TextCut: Hashable, Sendable {
    /// The first epoch of the present text. What a stage has applied in an older one may belong to another.
    public let epoch: RouteEpoch
    /// The first epoch of the text before. What a stage has applied in a yet older one is of no text that is known any more.
    public let since: RouteEpoch
    /// Positions that the present text and the one before begin with.
    public let kept: Position
    public init(epoch: RouteEpoch, since: RouteEpoch, kept: Position) {
        self.epoch = epoch
        self.since = since
        self.kept = kept
    }
}

/// From the driver to every stage: this is the session's route from now on.
public struct RouteOpen: Hashable, Sendable {
    public let network: NetworkID
    /// The digest of the manifest that the driver goes by. With another one the blocks of the same numbers are not the same.
    public let model: Digest
    public let session: SessionID
    public let epoch: RouteEpoch
    /// In the order of the chain; together they hold every block once.
    public let stages: [RouteStage]
    /// Which of them the receiver is.
    public let stage: Int
    public let task: HeadTask
    /// The position of the answer's first token, where its format begins. Of no account without a format.
    public let answerStart: Position
    /// The position whose sample the driver waits for, where it waits for one.
    public let awaiting: Position?
    /// Nil while the session's text has only grown.
    public let cut: TextCut?
    /// In which format the session's stages keep what they compute. A stage goes by this, whatever policy it knows of.
    public let cacheFormat: CacheFormat

    public init(
        network: NetworkID, model: Digest, session: SessionID, epoch: RouteEpoch, stages: [RouteStage], stage: Int,
        task: HeadTask, answerStart: Position, awaiting: Position?, cut: TextCut? = nil,
        cacheFormat: CacheFormat = .f16
    ) {
        self.network = network
        self.model = model
        self.session = session
        self.epoch = epoch
        self.stages = stages
        self.stage = stage
        self.task = task
        self.answerStart = answerStart
        self.awaiting = awaiting
        self.cut = cut
        self.cacheFormat = cacheFormat
    }
}

/// From a stage to whoever feeds it: send from this position on.
public struct Resume: Hashable, Sendable {
    public let session: SessionID
    public let epoch: RouteEpoch
    public let stage: Int
    public let next: Position
    public init(session: SessionID, epoch: RouteEpoch, stage: Int, next: Position) {
        self.session = session
        self.epoch = epoch
        self.stage = stage
        self.next = next
    }
}

/// From the driver to the first stage.
public struct Tokens: Hashable, Sendable {
    public let session: SessionID
    public let epoch: RouteEpoch
    public let first: Position
    public let tokens: [Int32]
    /// A token is to be sampled after the last of these.
    public let sample: Bool
    public init(session: SessionID, epoch: RouteEpoch, first: Position, tokens: [Int32], sample: Bool) {
        self.session = session
        self.epoch = epoch
        self.first = first
        self.tokens = tokens
        self.sample = sample
    }
}

/// From a stage to the next one: hidden states of consecutive positions, float32, little-endian.
public struct Activation: Hashable, Sendable {
    public let session: SessionID
    public let epoch: RouteEpoch
    /// The stage that is to apply it.
    public let stage: Int
    public let first: Position
    /// At these positions: the last stage chooses by what came before. Four bytes beside the kilobytes of a hidden state.
    public let tokens: [Int32]
    public let sample: Bool
    public let payload: Payload

    public var count: Int { tokens.count }

    public init(
        session: SessionID, epoch: RouteEpoch, stage: Int, first: Position, tokens: [Int32], sample: Bool,
        payload: Payload
    ) {
        self.session = session
        self.epoch = epoch
        self.stage = stage
        self.first = first
        self.tokens = tokens
        self.sample = sample
        self.payload = payload
    }
}

/// From the last stage to the driver.
public struct Sampled: Hashable, Sendable {
    public let session: SessionID
    public let epoch: RouteEpoch
    /// The position that the token takes.
    public let position: Position
    public let choice: TokenChoice
    public init(session: SessionID, epoch: RouteEpoch, position: Position, choice: TokenChoice) {
        self.session = session
        self.epoch = epoch
        self.position = position
        self.choice = choice
    }
}

/// From the last stage to the driver: what was asked for instead of a token.
public struct Embedded: Hashable, Sendable {
    public let session: SessionID
    public let epoch: RouteEpoch
    /// The position after the last one embedded.
    public let position: Position
    /// As many numbers as the model is wide, float32, little-endian.
    public let payload: Payload
    public init(session: SessionID, epoch: RouteEpoch, position: Position, payload: Payload) {
        self.session = session
        self.epoch = epoch
        self.position = position
        self.payload = payload
    }
}

public struct StageFailed: Hashable, Sendable {
    public let session: SessionID
    public let epoch: RouteEpoch
    public let stage: Int
    public let reason: String
    /// The answer itself cannot go on: whoever took over would say the same.
    public let isFinal: Bool
    public init(session: SessionID, epoch: RouteEpoch, stage: Int, reason: String, isFinal: Bool = false) {
        self.session = session
        self.epoch = epoch
        self.stage = stage
        self.reason = reason
        self.isFinal = isFinal
    }
}
