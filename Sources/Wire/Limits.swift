/// Every bound on what may come from outside, each with its reason. They are checked when a message is decoded.
public enum Limits {
    /// One datagram fits one Ethernet frame: 1500 less IPv4 and UDP headers, less room for a tunnel.
    public static let datagramBytes = 1400
    /// A frame's header: the largest is a certified config with the whole proof, at most 4096 headers of some 700
    /// bytes, or the snapshot of one.
    public static let frameHeaderBytes = 4 << 20
    /// A frame's payload: 64 positions of a width of 16,384 in single precision are 4 MiB.
    public static let framePayloadBytes = 8 << 20
    /// A piece travels in parts of this size, so that smaller frames slip in between.
    public static let piecePartBytes = 256 << 10
    /// The largest piece: an embedding of 262,144 tokens of width 16,384 in half precision is 8 GiB.
    public static let pieceBytes: UInt64 = 16 << 30
    /// Names of peers, networks and models.
    public static let nameBytes = 128
    /// A sentence that says why.
    public static let reasonBytes = 512
    /// Addresses that a peer tells of itself.
    public static let addresses = 8
    /// Networks that a beacon names; more do not fit a datagram.
    public static let beaconNetworks = 8
    /// Members of a network. PRODUCT speaks of fifty machines; schools have more.
    public static let members = 1024
    /// Blocks of a model. The deepest published models have some 130 layers.
    public static let blocks = 1024
    /// Pieces that one block needs: its own, and the embedding where the head is tied to it.
    public static let piecesPerBlock = 4
    /// Bytes that a block keeps of one position: a key and a value of the greatest width, in single precision. So what all stages of a
    /// peer keep is counted within 64 bits.
    public static let cacheBytes = 1 << 20
    /// Ranges in a record or an assignment: at worst every other block.
    public static let ranges = 1024
    /// Open invitations of a network.
    public static let invitations = 256
    /// Peers that were removed and stay so.
    public static let removed = 4096
    /// Admins of a network. Each stands in every header, which travel in numbers.
    public static let admins = 32
    /// Voters in a config, a certificate or a voter set. A policy allows fewer.
    public static let voters = 16
    /// Those who follow the voters' log without voting.
    public static let learners = 32
    /// Bytes of a revision's header: voters and admins at their limits take 1.8 KiB.
    public static let headerBytes = 2048
    /// Headers in the proof of a config: one for each time that its voters or admins changed.
    public static let chain = 4096
    /// Times that a proposal is sent.
    public static let attempts = 1000
    /// Accepted commands of a member that are remembered, so that one that arrives twice is done once.
    public static let rememberedAccepted = 16
    /// Refused commands of a member that are remembered beside those. More, since a member may be refused often, and what was
    /// accepted is not to be pushed out by that.
    public static let rememberedRefused = 16
    /// Bytes of a signed command: a model of 1024 blocks takes some 180 KiB.
    public static let commandBytes = 512 << 10
    /// Bytes of a log entry: a command with the plan that belongs to it.
    public static let entryBytes = 1 << 20
    /// Entries in one message of Raft: empty ones count with 16 bytes each, and 256 KiB of them are sent at once.
    public static let raftEntries = 16_384
    /// Bytes of the state in a snapshot: a frame's header, less what stands around it.
    public static let snapshotBytes = frameHeaderBytes - (4 << 10)
    /// Rumours in one message of gossip; a datagram holds fewer than twenty.
    public static let rumours = 64
    /// Records in one message of gossip; a datagram holds a handful.
    public static let gossipRecords = 32
    /// Stages of a route: each holds a block at least.
    public static let stages = 64
    /// Positions in one frame of tokens or activations.
    public static let positionsPerFrame = 1024
    /// Positions of a session. The longest contexts are about a million.
    public static let positions = 1 << 24
    /// Tokens of any vocabulary, with room to spare.
    public static let vocabulary = 1 << 24
    /// Tokens with a bias: each position passes over them.
    public static let biases = 4096
    /// Tokens that are told with their probabilities beside the chosen one.
    public static let logProbabilities = 100
    /// Bytes of a grammar or a schema.
    public static let formatBytes = 256 << 10
    /// Revisions, epochs, sequences, terms and log indices: adding to one never overflows, and no peer lives to see it
    /// reached.
    public static let counter: UInt64 = 1 << 62
    /// Width of a hidden state.
    public static let width = 1 << 17
}

/// Why a message from outside was refused.
public enum WireError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    case unknownKind(UInt8)
    case outOfRange(field: String, value: String)
    case tooLarge(what: String, bytes: Int, limit: Int)

    public var description: String {
        switch self {
        case .malformed(let what): "the message is no valid \(what)"
        case .unknownKind(let kind): "frames of kind \(kind) are not known to this version"
        case .outOfRange(let field, let value): "the field \(field) holds \(value), which is out of range"
        case .tooLarge(let what, let bytes, let limit): "\(what) of \(bytes) bytes is over the limit of \(limit)"
        }
    }
}
