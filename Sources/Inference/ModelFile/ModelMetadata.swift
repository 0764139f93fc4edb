/// What every member of a network knows of its model: from the metadata piece, or from a whole model file.
public struct ModelMetadata: Sendable {
    static let reservedPrefix = "tiktrue."
    static let tiedEmbeddingsKey = "tiktrue.tied_embeddings"
    /// Under which a metadata piece holds the elements of a tensor that the whole model shares.
    static func key(of tensor: ModelTensor) -> String { reservedPrefix + tensor.rawValue }

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
        hyperparameters = try Hyperparameters(document)
        displayName = try ModelFile.displayName(metadata)
        tokenizer = try Tokenizer(metadata)
        chatTemplateSource = try metadata.string("tokenizer.chat_template")
    }
}

extension ModelMetadata {
    /// A conversation as the model wants to read it, up to where its answer begins.
    ///
    /// - Parameters:
    ///   - tools: the functions that the model may call, described in JSON.
    ///   - variables: what else the template may look at, such as `enable_thinking`.
    ///   - formatTime: gives the present time by a format of `strftime`, for templates that tell the model the date.
    ///   - isCancelled: is asked every few milliseconds whether the tokens are not wanted any more.
    /// - Throws: `ModelFileError.missing` for a model that is not made for chat, or `TemplateError`.
    public func promptTokens(
        for messages: [ChatMessage], tools: [JSONValue] = [], variables: JSONObject = JSONObject(),
        formatTime: ((String) -> String)? = nil, isCancelled: (() -> Bool)? = nil
    ) throws -> [Int32] {
        guard let chatTemplateSource else { throw ModelFileError.missing(what: "chat template") }
        let vocabulary = tokenizer.vocabulary
        func text(of id: Int32?) -> String {
            id.map { String(decoding: vocabulary.bytes(of: $0), as: UTF8.self) } ?? ""
        }
        let prompt = try ChatTemplate(chatTemplateSource).render(
            messages: messages, addGenerationPrompt: true, bosToken: text(of: vocabulary.beginningOfSequence),
            eosToken: text(of: vocabulary.endOfSequence), tools: tools, variables: variables, formatTime: formatTime,
            isCancelled: isCancelled)
        return tokenizer.encode(prompt, parseSpecial: true, atStart: true)
    }
}
