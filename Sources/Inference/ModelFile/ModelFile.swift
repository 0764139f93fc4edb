import Glibc

/// A whole model as its makers hand it out, checked: a GGUF file, or the several of a split one, or a directory of
/// safetensors with the documents beside them. Every tensor that its architecture needs is there, in its shape, in a
/// type that is computed, within its file and apart from the others.
///
/// A directory gives the same model as its GGUF conversion: tensors under the same names, with the same bytes.
public final class ModelFile: TensorSource, Sendable {
    public let path: String
    public let hyperparameters: Hyperparameters
    /// `general.name`, shortened and without control characters; "unnamed" where the file gives none.
    public let displayName: String
    /// Bytes of all the model's files.
    public let byteCount: Int
    /// The GGUF files; or, of a directory, a metadata piece made of its documents.
    let document: GGUFDocument
    /// Whether the model is a directory, so that `document` is its metadata piece as it stands.
    let isDirectory: Bool
    let tensors: [TensorShape]
    private let shapeByName: [String: TensorShape]
    private let source: any TensorSource & Sendable

    /// - Parameter path: a GGUF file, any part of a split one whose other parts lie beside it, or a directory.
    /// - Throws: `ModelFileError`, in one sentence why the model is refused.
    public convenience init(path: String) throws(ModelFileError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            try self.init(directory: ModelDirectory(path: path))
        } else {
            try self.init(GGUFDocument(path: path), path: path)
        }
    }

    convenience init(_ file: MappedFile) throws(ModelFileError) {
        try self.init(GGUFDocument(file), path: file.path)
    }

    private convenience init(_ document: GGUFDocument, path: String) throws(ModelFileError) {
        let tensors = document.tensors.map { TensorShape(name: $0.name, type: $0.type, dimensions: $0.dimensions) }
        try self.init(
            document, tensors, from: document, path: path,
            byteCount: document.parts.reduce(0) { $0 + $1.bytes.count })
    }

    private convenience init(directory: ModelDirectory) throws(ModelFileError) {
        let model = try SafetensorsModel(directory)
        let metadata = MappedFile(copying: try model.metadata(directory))
        try self.init(
            GGUFDocument(metadata), model.tensorShapes, from: model, path: directory.path, byteCount: model.byteCount,
            isDirectory: true)
    }

    private init(
        _ document: GGUFDocument, _ tensors: [TensorShape], from source: any TensorSource & Sendable, path: String,
        byteCount: Int, isDirectory: Bool = false
    ) throws(ModelFileError) {
        self.document = document
        self.tensors = tensors
        self.source = source
        self.path = path
        self.byteCount = byteCount
        self.isDirectory = isDirectory
        var shapeByName: [String: TensorShape] = [:]
        for tensor in tensors { shapeByName[tensor.name] = tensor }
        self.shapeByName = shapeByName
        hyperparameters = try Hyperparameters(document)
        displayName = try Self.displayName(document.metadata)
        try ModelLayout(hyperparameters).check(tensors)
    }

    func shape(ofTensor name: String) -> TensorShape? { shapeByName[name] }

    public func tensor(named name: String) -> TensorView? { source.tensor(named: name) }

    static func displayName(_ metadata: GGUFMetadata) throws(ModelFileError) -> String {
        guard let name = try metadata.string("general.name"), !name.isEmpty else { return "unnamed" }
        return String(quoted(name).dropFirst().dropLast())
    }
}

extension GGUFDocument: TensorSource {
    func tensor(named name: String) -> TensorView? {
        guard let tensor = entry(named: name) else { return nil }
        return TensorView(
            name: tensor.name, type: tensor.type, dimensions: tensor.dimensions,
            bytes: bytes(of: tensor), owner: parts[tensor.part])
    }
}
