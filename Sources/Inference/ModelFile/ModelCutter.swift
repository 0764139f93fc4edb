import Glibc

/// A model as pieces: what a network's members must hold, named by digest.
public struct ModelCut: Sendable, Equatable {
    public struct Piece: Sendable, Equatable {
        /// BLAKE2b-256 of the whole piece, 32 bytes.
        public let digest: [UInt8]
        public let byteCount: Int

        public init(digest: [UInt8], byteCount: Int) {
            self.digest = digest
            self.byteCount = byteCount
        }

        /// The piece's name in a store: the digest in lowercase hexadecimal.
        public var fileName: String {
            let digits = Array("0123456789abcdef")
            return String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        }
    }

    /// Tokenizer, chat template and hyperparameters; every member needs it.
    public let metadata: Piece
    /// The pieces each block needs, blocks 0 to `layerCount + 1`. With tied embeddings the head needs the embedding's
    /// too.
    public let blockPieces: [[Piece]]
    public let hyperparameters: Hyperparameters
    public let architecture: String
    /// `general.name` of the file, or "unnamed".
    public let displayName: String

    /// Every piece once: metadata, then the blocks' in their order.
    public var pieces: [Piece] {
        var result = [metadata]
        for piece in blockPieces.joined() where !result.contains(piece) { result.append(piece) }
        return result
    }
}

/// Cuts a model into pieces. The same model gives the same pieces on every machine; one in safetensors gives the blocks
/// that its GGUF conversion gives.
public enum ModelCutter {
    /// Writes every piece into `directory` (made if it is missing) as a file named by its digest: under a temporary
    /// name first, fsynced, renamed. A piece that is there in the right size is not written again.
    ///
    /// - Parameter progress: called with 0 to 1, rising; what it throws ends the cutting.
    /// - Throws: `ModelFileError`.
    public static func cut(
        _ file: ModelFile, directory: String, progress: (Double) throws(ModelFileError) -> Void = { _ in }
    ) throws(ModelFileError) -> ModelCut {
        let store = try PieceStore(directory: directory)
        let shape = file.hyperparameters
        let layout = ModelLayout(shape)
        let metadata = PieceContents(metadataOf: file)
        var blocks: [PieceContents] = []
        for block in 0..<shape.blockCount {
            let tensors = layout.tensors(ofBlock: block).compactMap { file.shape(ofTensor: $0.name) }
            blocks.append(PieceContents(tensors: tensors, of: file))
        }
        let totalBytes = Double(blocks.reduce(metadata.byteCount) { $0 + $1.byteCount })
        var doneBytes = 0
        func write(_ contents: PieceContents) throws(ModelFileError) -> ModelCut.Piece {
            let piece = try store.write(contents)
            doneBytes += piece.byteCount
            try progress(Double(doneBytes) / totalBytes)
            return piece
        }
        let metadataPiece = try write(metadata)
        var blockPieces: [[ModelCut.Piece]] = []
        for contents in blocks {
            blockPieces.append([try write(contents)])
        }
        if shape.tiedEmbeddings {
            blockPieces[shape.headBlock] += blockPieces[0]
        }
        try store.synchronize()
        return ModelCut(
            metadata: metadataPiece, blockPieces: blockPieces, hyperparameters: shape,
            architecture: shape.architecture, displayName: file.displayName)
    }
}

/// A directory in which a piece is a file named by its digest, complete or not there at all.
private struct PieceStore {
    let directory: String

    init(directory: String) throws(ModelFileError) {
        self.directory = directory
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw .cannotWrite(path: directory, reason: String(cString: strerror(errno)))
        }
    }

    func write(_ contents: PieceContents) throws(ModelFileError) -> ModelCut.Piece {
        let digest = Self.digest(of: contents)
        let piece = ModelCut.Piece(digest: digest, byteCount: contents.byteCount)
        let path = directory + "/" + piece.fileName
        var status = stat()
        if stat(path, &status) == 0, Int(status.st_size) == piece.byteCount { return piece }

        var template = Array((directory + "/.piece-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: String(cString: strerror(errno))) }
        do throws(ModelFileError) {
            defer { close(descriptor) }
            try write(contents, to: descriptor, path: path, expecting: digest)
        } catch {
            unlink(template)
            throw error
        }
        guard rename(template, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(template)
            throw .cannotWrite(path: path, reason: reason)
        }
        return piece
    }

    /// Makes the names durable: a rename is on disk only when its directory is.
    func synchronize() throws(ModelFileError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotWrite(path: directory, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw .cannotWrite(path: directory, reason: String(cString: strerror(errno)))
        }
    }

    private static func digest(of contents: PieceContents) -> [UInt8] {
        let hasher = PieceHasher()
        contents.forEachChunk { hasher.update($0) }
        return hasher.finish()
    }

    /// Hashes what is written once more: a model file that changes between the two readings must not give a piece under
    /// a name that is not its own.
    private func write(
        _ contents: PieceContents, to descriptor: Int32, path: String, expecting digest: [UInt8]
    ) throws(ModelFileError) {
        let hasher = PieceHasher()
        try contents.forEachChunk { (chunk) throws(ModelFileError) in
            hasher.update(chunk)
            var rest = chunk
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw .cannotWrite(path: path, reason: String(cString: strerror(errno))) }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        guard hasher.finish() == digest else { throw .changedWhileRead(path: contents.model.path) }
        guard fsync(descriptor) == 0 else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)))
        }
    }
}
