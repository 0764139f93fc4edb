import Foundation
import Identity
import Inference
import Storage
import Wire

/// What a peer needs of a model to turn a conversation into tokens and tokens into text.
struct ModelText: Sendable {
    private let metadata: ModelMetadata
    /// Ascending.
    let stopTokens: [Int32]

    var tokenizer: Tokenizer { metadata.tokenizer }

    init(path: String) throws {
        metadata = try ModelMetadata(path: path)
        let vocabulary = metadata.tokenizer.vocabulary
        stopTokens = (0..<Int32(vocabulary.count)).filter(vocabulary.isEndOfGeneration)
    }

    /// The tokens of a conversation, ready for the model's next answer. A model without a template of its own gets the last
    /// message as it is: such a model continues text, it does not chat.
    func tokens(of messages: [ChatRequest.Message]) throws -> [Int32] {
        guard metadata.chatTemplateSource != nil else {
            return tokenizer.encode(messages.last?.content ?? "", parseSpecial: false, atStart: true)
        }
        return try metadata.promptTokens(
            for: messages.map { ChatMessage(role: $0.role.rawValue, content: $0.content) }, formatTime: Self.presentTime
        )
    }

    /// The local time by a format of `strftime`.
    private static func presentTime(_ format: String) -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 256)
        let length = strftime(&text, text.count, format, &parts)
        return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Reads model files and metadata pieces, off the event loop, and keeps what was read.
actor ModelLibrary {
    private let pieces: PieceStore
    private var texts: [Digest: ModelText] = [:]

    init(pieces: PieceStore) { self.pieces = pieces }

    func text(for manifest: ModelManifest) throws -> ModelText {
        let digest = manifest.metadata.digest
        if let known = texts[digest] { return known }
        guard pieces.has(digest) else {
            throw ServiceFailure(
                "the model's description is still being fetched from other peers; try again in a moment")
        }
        let text = try ModelText(path: pieces.path(for: digest))
        texts[digest] = text
        return text
    }

    /// Cuts a model file into pieces in the store and says what they are.
    func cut(path: String, name: String, progress: @Sendable (Double) -> Void) throws -> ModelManifest {
        let file = try ModelFile(path: path)
        let cut = try ModelCutter.cut(file, directory: pieces.directory, progress: progress)
        return try ModelManifest(cut, name: name)
    }
}

extension ModelManifest {
    init(_ cut: ModelCut, name: String) throws {
        func piece(_ piece: ModelCut.Piece) throws -> Piece {
            guard let digest = Digest(piece.digest), piece.byteCount > 0 else {
                throw ServiceFailure("the model was cut into a piece without a name")
            }
            return Piece(digest: digest, size: UInt64(piece.byteCount))
        }
        let shape = cut.hyperparameters
        var blocks: [ModelManifest.Block] = []
        for (index, list) in cut.blockPieces.enumerated() {
            let bytes = list.reduce(0) { $0 + $1.byteCount }
            // Of the embedding only the rows of tokens in use are ever touched, through the mapping: what it takes is a table
            // of pages, not the matrix.
            let memory = index == 0 ? min(bytes, Self.embeddingMemory) : bytes
            blocks.append(ModelManifest.Block(pieces: try list.map(piece), memory: UInt64(memory)))
        }
        self.init(
            name: name, architecture: cut.architecture, metadata: try piece(cut.metadata), blocks: blocks,
            contextLength: shape.contextLength, vocabulary: shape.vocabularySize, width: shape.embeddingWidth)
    }

    private static let embeddingMemory = 1 << 20
}

/// One sentence for the person who asked: why it failed and what to do.
struct ServiceFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
