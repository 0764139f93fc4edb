import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A part of a model that travels between peers, named by its digest.
public struct Piece: Hashable, Comparable, Sendable {
    public let digest: Digest
    /// Bytes.
    public let size: UInt64

    public init(digest: Digest, size: UInt64) {
        self.digest = digest
        self.size = size
    }
    public static func < (left: Piece, right: Piece) -> Bool { left.digest < right.digest }
}

/// What a network agrees on about its model: enough to plan, to fetch and to verify every block of it.
public struct ModelManifest: Hashable, Sendable {
    public struct Block: Hashable, Sendable {
        /// The pieces that it needs: its own, and for a tied head the embedding's too.
        public let pieces: [Piece]
        /// Bytes of memory that it takes when it is ready to compute.
        public let memory: UInt64
        public init(pieces: [Piece], memory: UInt64) {
            self.pieces = pieces
            self.memory = memory
        }
    }

    public let name: String
    public let architecture: String
    /// Tokenizer, chat template and hyperparameters. Every member needs it.
    public let metadata: Piece
    /// In the order of the chain: the embedding, the layers, the head.
    public let blocks: [Block]
    public let contextLength: Int
    public let vocabulary: Int
    /// Of the hidden state.
    public let width: Int

    public init(
        name: String, architecture: String, metadata: Piece, blocks: [Block], contextLength: Int, vocabulary: Int,
        width: Int
    ) {
        self.name = name
        self.architecture = architecture
        self.metadata = metadata
        self.blocks = blocks
        self.contextLength = contextLength
        self.vocabulary = vocabulary
        self.width = width
    }

    /// Every block, first to last.
    public var allBlocks: BlockRange { BlockRange(0...blocks.count - 1) }

    /// Every piece, once, in the order of the chain; the metadata comes first.
    public var pieces: [Piece] {
        var seen: Set<Digest> = []
        return ([metadata] + blocks.flatMap(\.pieces)).filter { seen.insert($0.digest).inserted }
    }
}

extension ModelManifest {
    public func encodedBytes() -> [UInt8] { encoded() }
    /// Names the model: two manifests that differ in anything have different ones.
    public func digest() -> Digest { Digest.of(encoded()) }
    public init(encodedBytes bytes: [UInt8]) throws(WireError) { try self.init(encoded: bytes) }
}

extension ModelManifest: ProtobufCodable {
    static var what: String { "model manifest" }

    var message: PBModelMessage {
        var message = PBModelMessage()
        message.name = name
        message.architecture = architecture
        message.metadata = metadata.message
        message.blocks = blocks.map { block in
            var inner = PBBlockMessage()
            inner.pieces = block.pieces.map(\.message)
            inner.memory = block.memory
            return inner
        }
        message.contextLength = UInt32(contextLength)
        message.vocabulary = UInt32(vocabulary)
        message.width = UInt32(width)
        return message
    }

    init(message: PBModelMessage) throws(WireError) {
        guard (2...Limits.blocks).contains(message.blocks.count) else {
            throw .outOfRange(field: "blocks", value: "\(message.blocks.count) entries")
        }
        var blocks: [Block] = []
        for block in message.blocks {
            guard (1...Limits.piecesPerBlock).contains(block.pieces.count) else {
                throw .outOfRange(field: "pieces", value: "\(block.pieces.count) entries")
            }
            var pieces: [Piece] = []
            for piece in block.pieces { pieces.append(try Piece(message: piece)) }
            // Sums over all blocks must stay within 64 bits.
            guard block.memory <= UInt64(1) << 50 else { throw .outOfRange(field: "memory", value: "\(block.memory)") }
            blocks.append(Block(pieces: pieces, memory: block.memory))
        }
        self.init(
            name: try Field.text(message.name, "name"),
            architecture: try Field.text(message.architecture, "architecture"),
            metadata: try Piece(message: message.metadata), blocks: blocks,
            contextLength: try Field.number(message.contextLength, "context_length", in: 1...Limits.positions),
            vocabulary: try Field.number(message.vocabulary, "vocabulary", in: 1...Limits.vocabulary),
            width: try Field.number(message.width, "width", in: 1...Limits.width))
    }
}

extension Piece {
    var message: PBPieceMessage {
        var message = PBPieceMessage()
        message.digest = Data(digest.bytes)
        message.size = size
        return message
    }

    init(message: PBPieceMessage) throws(WireError) {
        guard (1...Limits.pieceBytes).contains(message.size) else {
            throw .outOfRange(field: "size", value: "\(message.size)")
        }
        self.init(digest: try Field.digest(message.digest, "digest"), size: message.size)
    }
}
