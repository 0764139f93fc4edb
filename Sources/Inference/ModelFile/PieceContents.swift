/// The bytes of one piece before they are written: parts made new (header, table, padding, metadata) and runs of the
/// model file, handed out in chunks so that no model is ever held in memory.
struct PieceContents {
    enum Part {
        case new([UInt8])
        case file(Range<Int>)

        var byteCount: Int {
            switch self {
            case .new(let bytes): bytes.count
            case .file(let range): range.count
            }
        }
    }

    static let chunkBytes = 1 << 20

    let parts: [Part]
    let file: MappedFile
    var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

    /// A block's tensors in the layout of `PieceContainer`.
    init(tensors: [GGUFDocument.Tensor], of document: GGUFDocument) {
        let (head, entries, _) = PieceContainer.head(of: tensors)
        var parts: [Part] = [.new(head)]
        var end = head.count
        for entry in entries {
            parts.append(.new([UInt8](repeating: 0, count: entry.range.lowerBound - end)))
            if let tensor = document.tensor(named: entry.name) { parts.append(.file(tensor.range)) }
            end = entry.range.upperBound
        }
        self.parts = parts
        self.file = document.file
    }

    /// The metadata piece, described in `PieceContainer`.
    init(metadataOf document: GGUFDocument, tiedEmbeddings: Bool) {
        let kept = document.metadata.entries.filter { !$0.key.hasPrefix(ModelMetadata.reservedPrefix) }
        let shared = ModelTensor.allCases.compactMap { tensor in
            document.tensor(named: tensor.rawValue).map { (ModelMetadata.key(of: tensor), $0) }
        }
        var head = Array("GGUF".utf8)
        head.append(littleEndian: UInt32(3))
        head.append(littleEndian: UInt64(0))
        head.append(littleEndian: UInt64(kept.count + shared.count + 1))
        var parts: [Part] = [.new(head)] + kept.map { .file($0.range) }
        for (key, tensor) in shared {
            var entry: [UInt8] = []
            entry.append(littleEndian: UInt64(key.utf8.count))
            entry.append(contentsOf: key.utf8)
            entry.append(littleEndian: GGUFValueType.array.rawValue)
            entry.append(littleEndian: GGUFValueType.float32.rawValue)
            entry.append(littleEndian: UInt64(tensor.range.count / 4))
            parts += [.new(entry), .file(tensor.range)]
        }
        var tail: [UInt8] = []
        tail.append(littleEndian: UInt64(ModelMetadata.tiedEmbeddingsKey.utf8.count))
        tail.append(contentsOf: ModelMetadata.tiedEmbeddingsKey.utf8)
        tail.append(littleEndian: GGUFValueType.bool.rawValue)
        tail.append(tiedEmbeddings ? 1 : 0)
        self.parts = parts + [.new(tail)]
        self.file = document.file
    }

    func forEachChunk<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        for part in parts {
            switch part {
            case .new(let bytes):
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
                defer { buffer.deallocate() }
                buffer.copyBytes(from: bytes)
                try body(UnsafeRawBufferPointer(buffer))
            case .file(let range):
                var start = range.lowerBound
                while start < range.upperBound {
                    let end = min(start + Self.chunkBytes, range.upperBound)
                    try body(UnsafeRawBufferPointer(rebasing: file.bytes[start..<end]))
                    start = end
                }
            }
        }
    }
}
