/// A whole model in one GGUF v3 file, mapped into memory and checked: every tensor that its architecture needs is
/// there, in its shape, in a type that is computed, within the file and apart from the others.
public final class ModelFile: TensorSource, Sendable {
    public let path: String
    public let hyperparameters: Hyperparameters
    /// `general.name`, shortened and without control characters; "unnamed" where the file gives none.
    public let displayName: String
    let document: GGUFDocument

    /// - Throws: `ModelFileError`, in one sentence why the file is refused.
    public convenience init(path: String) throws(ModelFileError) {
        try self.init(MappedFile(path: path))
    }

    init(_ file: MappedFile) throws(ModelFileError) {
        document = try GGUFDocument(file)
        path = file.path
        hyperparameters = try Hyperparameters(document)
        displayName = try Self.displayName(document.metadata)
        try ModelLayout(hyperparameters).check(document.tensors)
    }

    public func tensor(named name: String) -> TensorView? {
        guard let tensor = document.tensor(named: name) else { return nil }
        return TensorView(
            name: tensor.name, type: tensor.type, dimensions: tensor.dimensions,
            bytes: UnsafeRawBufferPointer(rebasing: document.file.bytes[tensor.range]), owner: document.file)
    }

    /// Bytes of the whole file.
    public var byteCount: Int { document.file.bytes.count }

    static func displayName(_ metadata: GGUFMetadata) throws(ModelFileError) -> String {
        guard let name = try metadata.string("general.name"), !name.isEmpty else { return "unnamed" }
        return String(quoted(name).dropFirst().dropLast())
    }
}
