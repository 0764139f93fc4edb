/// One piece of a model, mapped into memory and checked: the tensors of a block.
///
/// Whoever stored the piece has compared its digest; this reader still believes nothing that it says, because a disk
/// can change what rests on it.
public final class PieceFile: TensorSource, Sendable {
    private let file: MappedFile
    private let entries: [String: PieceContainer.Entry]

    /// - Throws: `ModelFileError`.
    public convenience init(path: String) throws(ModelFileError) {
        try self.init(MappedFile(path: path))
    }

    init(_ file: MappedFile) throws(ModelFileError) {
        self.file = file
        var entries: [String: PieceContainer.Entry] = [:]
        for entry in try PieceContainer.entries(of: file.bytes) {
            // Names that differ in bytes may still be equal as texts (combining marks).
            guard entries.updateValue(entry, forKey: entry.name) == nil else {
                throw .duplicate(what: "tensor \(quoted(entry.name))")
            }
        }
        self.entries = entries
    }

    public var byteCount: Int { file.bytes.count }

    /// In ascending order.
    public var tensorNames: [String] { entries.keys.sorted() }

    public func tensor(named name: String) -> TensorView? {
        guard let entry = entries[name] else { return nil }
        return TensorView(
            name: entry.name, type: entry.type, dimensions: entry.dimensions,
            bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]), owner: file)
    }
}

/// The pieces that a peer holds, as one source of tensors. Where two hold the same name the first one counts.
public struct PieceSet: TensorSource, Sendable {
    private let files: [PieceFile]

    public init(_ files: [PieceFile]) {
        self.files = files
    }

    public func tensor(named name: String) -> TensorView? {
        for file in files {
            if let tensor = file.tensor(named: name) { return tensor }
        }
        return nil
    }
}
