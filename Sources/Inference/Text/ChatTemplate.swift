/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// "system", "user" or "assistant"; what else is allowed, the template decides.
    public var role: String
    public var content: String

    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// The model's own way to write a conversation as one text: the Jinja template of its file, run by a small interpreter
/// with the settings and extras of Hugging Face's `apply_chat_template` (`trim_blocks`, `lstrip_blocks`, loop controls,
/// `raise_exception`, plain `tojson`, `strftime_now`).
///
/// Not covered, and refused when the template is read: inheritance and includes, `call`, `filter`, `with` and `do`
/// blocks, recursive loops, and filters and tests that no known chat template uses.
public struct ChatTemplate: Sendable {
    private let source: String

    /// - Throws: `TemplateError` where the source is no template or uses what is not implemented.
    public init(_ source: String) throws(TemplateError) {
        self.source = source
        _ = try TemplateParser.parse(source)
    }

    /// - Parameters:
    ///   - addGenerationPrompt: whether the text ends where the model's answer begins.
    ///   - bosToken: text of the model's first token, "" for none.
    ///   - eosToken: text of the token that ends an answer, "" for none.
    ///   - formatTime: gives the present time by a format of `strftime`; without it templates do not learn the date.
    /// - Throws: `TemplateError`; `.refused` where the template does not take such a conversation.
    public func render(
        messages: [ChatMessage], addGenerationPrompt: Bool, bosToken: String, eosToken: String,
        formatTime: ((String) -> String)? = nil
    ) throws(TemplateError) -> String {
        var list: [TemplateValue] = []
        for message in messages {
            let pairs = [("role", message.role), ("content", message.content)]
            list.append(.mapping(try TemplateMapping(pairs.map { (TemplateText(of: $0), .text($1)) })))
        }
        let evaluator = TemplateEvaluator(
            variables: [
                "messages": .list(try TemplateList(list)), "add_generation_prompt": .bool(addGenerationPrompt),
                "bos_token": .text(bosToken), "eos_token": .text(eosToken), "tools": .none, "documents": .none,
            ], formatTime: formatTime)
        return try evaluator.render(try TemplateParser.parse(source))
    }
}
