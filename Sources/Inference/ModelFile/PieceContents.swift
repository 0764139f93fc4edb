/// The bytes of one piece before they are written: parts made new (header, table, padding, metadata) and parts of the
/// model's files, handed out in chunks so that no model is ever held in memory. Of a model in safetensors one tensor
/// at a time may be, where its rows are reordered or its parts are joined.
struct PieceContents {
    enum Part {
        case new([UInt8])
        /// Of the model's description.
        case document(Range<Int>)
        case tensor(TensorShape)

        var byteCount: Int {
            switch self {
            case .new(let bytes): bytes.count
            case .document(let range): range.count
            case .tensor(let shape): shape.byteCount
            }
        }
    }

    static let chunkBytes = 1 << 20

    let parts: [Part]
    let model: ModelFile
    var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

    /// A block's tensors in the layout of `PieceContainer`.
    init(tensors: [TensorShape], of model: ModelFile) {
        let (head, entries, _) = PieceContainer.head(of: tensors)
        var parts: [Part] = [.new(head)]
        var end = head.count
        for entry in entries {
            parts.append(.new([UInt8](repeating: 0, count: entry.range.lowerBound - end)))
            if let shape = model.shape(ofTensor: entry.name) { parts.append(.tensor(shape)) }
            end = entry.range.upperBound
        }
        self.parts = parts
        self.model = model
    }

    /// The metadata piece, described in `PieceContainer`.
    init(metadataOf model: ModelFile) {
        self.model = model
        let document = model.document
        guard !model.isDirectory else {
            parts = [.document(0..<document.file.bytes.count)]
            return
        }
        let kept = document.metadata.entries.filter {
            !$0.key.hasPrefix(ModelMetadata.reservedPrefix) && !$0.key.hasPrefix(GGUFSplit.prefix)
        }
        var added = GGUFEntries()
        for tensor in ModelTensor.allCases {
            guard let entry = document.entry(named: tensor.rawValue) else { continue }
            added.add(ModelMetadata.key(of: tensor), floats: document.bytes(of: entry))
        }
        added.add(ModelMetadata.tiedEmbeddingsKey, model.hyperparameters.tiedEmbeddings)
        parts =
            [.new(GGUFEntries.header(entries: kept.count + added.count))] + kept.map { .document($0.range) }
            + [.new(added.bytes)]
    }

    func forEachChunk<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        for part in parts {
            switch part {
            case .new(let bytes):
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
                defer { buffer.deallocate() }
                buffer.copyBytes(from: bytes)
                try body(UnsafeRawBufferPointer(buffer))
            case .document(let range):
                try Self.forEachChunk(
                    of: UnsafeRawBufferPointer(rebasing: model.document.file.bytes[range]), body)
            case .tensor(let shape):
                guard let tensor = model.tensor(named: shape.name), tensor.bytes.count == shape.byteCount else {
                    preconditionFailure("tensor \(shape) is listed and cannot be read")
                }
                try Self.forEachChunk(of: tensor.bytes, body)
                // The bytes last as long as their owner.
                withExtendedLifetime(tensor) {}
            }
        }
    }

    private static func forEachChunk<Failure: Error>(
        of bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var start = 0
        while start < bytes.count {
            let end = min(start + chunkBytes, bytes.count)
            try body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            start = end
        }
    }
}
