import Foundation
import Identity
import Inference
import Storage
import Synchronization
import Wire

/// What a peer needs of a model to turn a conversation into tokens and tokens into text.
struct ModelText: Sendable {
    private let metadata: ModelMetadata
    /// Ascending.
    let stopTokens: [Int32]

    var tokenizer: Tokenizer { metadata.tokenizer }
    /// For an answer. A model without a template goes on with the text that it was given, a space between the two included.
    var decoder: StreamingDecoder {
        StreamingDecoder(tokenizer, continuing: metadata.chatTemplateSource == nil)
    }

    /// Of one token by itself; what is no whole character shows as a replacement.
    func text(of token: Int32) -> String {
        String(decoding: tokenizer.decode([token], continuing: true), as: UTF8.self)
    }

    init(path: String) throws {
        metadata = try ModelMetadata(path: path)
        let vocabulary = metadata.tokenizer.vocabulary
        stopTokens = (0..<Int32(vocabulary.count)).filter(vocabulary.isEndOfGeneration)
    }

    /// The tokens of a conversation, ready for the model's next answer. A model without a template of its own gets the last
    /// message as it is: such a model continues text, it does not chat.
    ///
    /// Templates are programs of strangers, and one that makes the most of its limits takes a second: not for a thread
    /// that all tasks share.
    func tokens(of messages: [ChatRequest.Message], isCancelled: (() -> Bool)? = nil) throws -> [Int32] {
        guard metadata.chatTemplateSource != nil else {
            return tokenizer.encode(messages.last?.content ?? "", parseSpecial: false, atStart: true)
        }
        return try metadata.promptTokens(
            for: messages.map { ChatMessage(role: $0.role.rawValue, content: $0.content) },
            formatTime: Self.presentTime, isCancelled: isCancelled)
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
    private let state: StateStore
    private var texts: [Digest: ModelText] = [:]
    /// A large model is cut for minutes: not here, where a chat asks for its tokenizer, nor on a thread that all tasks share.
    private let cutting = DispatchQueue(label: "cutting")
    /// Conversations are written out here one after the other, so that hostile templates take the memory of one.
    private let writing = DispatchQueue(label: "writing")

    init(pieces: PieceStore, state: StateStore) {
        self.pieces = pieces
        self.state = state
    }

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

    /// The tokens of a conversation. Cancelling the task ends it early.
    nonisolated func tokens(of messages: [ChatRequest.Message], for text: ModelText) async throws -> [Int32] {
        let isCancelled = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                writing.async {
                    continuation.resume(
                        with: Result {
                            try text.tokens(of: messages) { isCancelled.isTrue.load(ordering: .relaxed) }
                        })
                }
            }
        } onCancel: {
            isCancelled.isTrue.store(true, ordering: .relaxed)
        }
    }

    /// Cuts a model, a file or a directory, into pieces in the store, one model at a time, and keeps it under its name.
    /// Where that fails, or is cancelled, what was written of it is removed again. One that could never answer is refused
    /// before anything is written.
    ///
    /// - Parameter notice: told what the person should know of the model, a sentence each.
    nonisolated func add(
        path: String, name: String, notice: @escaping @Sendable (String) -> Void = { _ in },
        progress: @escaping @Sendable (Double) -> Void
    ) async throws -> ModelManifest {
        let isCancelled = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                cutting.async { [self] in
                    continuation.resume(
                        with: Result {
                            try cut(
                                path: path, name: name, isCancelled: isCancelled, notice: notice, progress: progress)
                        })
                }
            }
        } onCancel: {
            isCancelled.isTrue.store(true, ordering: .relaxed)
        }
    }

    private final class Cancellation: Sendable {
        let isTrue = Atomic(false)
    }

    private nonisolated func cut(
        path: String, name: String, isCancelled: Cancellation, notice: @Sendable (String) -> Void,
        progress: @Sendable (Double) -> Void
    ) throws -> ModelManifest {
        func checkCancellation() throws {
            if isCancelled.isTrue.load(ordering: .relaxed) { throw ServiceFailure("adding \(name) was cancelled") }
        }
        try checkCancellation()
        let before = Set(try pieces.heldDigests())
        do {
            let file = try ModelFile(path: path)
            try file.checkCanAnswer()
            guard file.hyperparameters.blockCount <= Limits.blocks else {
                throw ServiceFailure(
                    "\(name) has \(file.hyperparameters.blockCount) blocks, and a network describes up to \(Limits.blocks)"
                )
            }
            if let problem = file.chatTemplateProblem {
                notice("\(name) cannot chat, only make embeddings: \(problem)")
            }
            let cut = try ModelCutter.cut(file, directory: pieces.directory) { (fraction) throws(ModelFileError) in
                if isCancelled.isTrue.load(ordering: .relaxed) { throw .cancelled }
                progress(fraction)
            }
            try checkCancellation()
            let manifest = try ModelManifest(cut, name: name)
            // The same pieces are the same model; the version that has cut them may have told less about it.
            if let known = try state.models().first(where: { $0.name == name }),
                known.manifest.pieces != manifest.pieces
            {
                throw ServiceFailure("another model is called \(name) here already; choose another name with --name")
            }
            // What cannot be read back would stand in the way of every other model.
            do {
                _ = try ModelManifest(encodedBytes: manifest.encodedBytes())
            } catch {
                throw ServiceFailure("\(name) is larger than a network can describe: \(error)")
            }
            try state.saveModel(name: name, manifest: manifest, sourcePath: path)
            return manifest
        } catch {
            // A failure here leaves files behind and nothing else; the person is told the one that matters.
            try? removeUnused(except: before)
            try checkCancellation()
            throw error
        }
    }

    /// Removes the pieces that no model and no network here needs, except some.
    private nonisolated func removeUnused(except kept: Set<Digest>) throws {
        let networks = try state.networks().map { try NetworkConfig(payload: $0.certified.config).model }
        let needed = Set((try state.models().map(\.manifest) + networks).flatMap(\.pieces).map(\.digest))
        for digest in try pieces.heldDigests() where !kept.contains(digest) && !needed.contains(digest) {
            try pieces.remove(digest)
        }
    }

    /// Removes what a peer that was killed while it cut a model has left behind. Only before anything is cut.
    static func removeUnfinished(in pieces: PieceStore) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: pieces.directory)) ?? []
        for name in names where name.hasPrefix(".piece-") { unlink("\(pieces.directory)/\(name)") }
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
            blocks.append(
                ModelManifest.Block(
                    pieces: try list.map(piece), memory: UInt64(memory),
                    cache: ModelManifest.Cache(of: index, in: shape)))
        }
        self.init(
            name: name, architecture: cut.architecture, metadata: try piece(cut.metadata), blocks: blocks,
            contextLength: shape.contextLength, vocabulary: shape.vocabularySize, width: shape.embeddingWidth)
    }

    private static let embeddingMemory = 1 << 20
}

extension ModelManifest.Cache {
    init(of block: Int, in shape: Hyperparameters) {
        let layer = block - 1
        guard shape.layers.indices.contains(layer) else {
            self = .none
            return
        }
        self.init(
            f16: shape.keyValueBytesPerPosition(layer: layer, format: .f16),
            q8_0: shape.keyValueBytesPerPosition(layer: layer, format: .q8_0),
            positions: shape.keyValuePositionsMax(layer: layer, piece: ComputeQueue.positions))
    }
}
