/// What every member of a network knows of its model: from the metadata piece, or from a whole model file.
public struct ModelMetadata: Sendable {
    static let reservedPrefix = "tiktrue."
    static let tiedEmbeddingsKey = "tiktrue.tied_embeddings"

    public let hyperparameters: Hyperparameters
    /// `general.name`, shortened and without control characters; "unnamed" where the file gives none.
    public let displayName: String
    public let tokenizer: Tokenizer
    /// The source of the file's chat template (Jinja); nil where the model is not made for chat.
    public let chatTemplateSource: String?

    /// - Parameter path: a metadata piece, or a GGUF file.
    /// - Throws: `ModelFileError` or `TokenizerError`.
    public init(path: String) throws {
        try self.init(MappedFile(path: path))
    }

    public init(_ file: ModelFile) throws {
        try self.init(file.document)
    }

    init(_ file: MappedFile) throws {
        try self.init(GGUFDocument(file))
    }

    private init(_ document: GGUFDocument) throws {
        let metadata = document.metadata
        let tied: Bool
        if document.tensors.isEmpty {
            guard let value = try metadata.bool(Self.tiedEmbeddingsKey) else {
                throw ModelFileError.missing(what: Self.tiedEmbeddingsKey)
            }
            tied = value
        } else {
            tied = document.tensor(named: ModelLayout.headTensor) == nil
        }
        hyperparameters = try Hyperparameters(metadata, tiedEmbeddings: tied)
        displayName = try ModelFile.displayName(metadata)
        tokenizer = try Tokenizer(metadata)
        chatTemplateSource = try metadata.string("tokenizer.chat_template")
    }
}
