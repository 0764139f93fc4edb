/// A model that this peer knows: an entry of `model list --json`, and all of `model show --json` and `model add --json`.
public struct ModelDocument: Codable, Equatable, Sendable {
    public var name: String
    public var architecture: String
    /// Embedding and head among them.
    public var blockCount: Int
    /// Bytes of all pieces together.
    public var size: UInt64
    /// Bytes of memory that all blocks take when they are ready to compute.
    public var memory: UInt64
    /// Positions.
    public var contextLength: Int
    /// Tokens.
    public var vocabulary: Int
    public var pieces: Int
    /// How many of the pieces are on this peer's disk.
    public var heldPieces: Int
    /// The file that it was cut from; null where it came from other peers.
    @ExplicitNull public var source: String?
    /// Names of the networks that use it.
    public var networks: [String]

    public init(
        name: String, architecture: String, blockCount: Int, size: UInt64, memory: UInt64, contextLength: Int,
        vocabulary: Int, pieces: Int, heldPieces: Int, source: String?, networks: [String]
    ) {
        self.name = name
        self.architecture = architecture
        self.blockCount = blockCount
        self.size = size
        self.memory = memory
        self.contextLength = contextLength
        self.vocabulary = vocabulary
        self.pieces = pieces
        self.heldPieces = heldPieces
        self.source = source
        self.networks = networks
    }

    enum CodingKeys: String, CodingKey {
        case name, architecture
        case blockCount = "block_count"
        case size, memory
        case contextLength = "context_length"
        case vocabulary, pieces
        case heldPieces = "held_pieces"
        case source, networks
    }
}
