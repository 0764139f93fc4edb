/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// "system", "user" or "assistant"; what else is allowed, the template decides.
    public var role: String
    public var content: String
    /// What else the message has, by the names that templates know: `tool_calls`, `tool_call_id`, `name`,
    /// `reasoning_content`. A `content` in it, such as a list of parts or null, stands in place of the text.
    public var fields: JSONObject

    public init(role: String, content: String, fields: JSONObject = JSONObject()) {
        self.role = role
        self.content = content
        self.fields = fields
    }
}

/// The model's own way to write a conversation as one text: the Jinja template of its file, run by a small interpreter
/// with the settings and extras of Hugging Face's `apply_chat_template` (`trim_blocks`, `lstrip_blocks`, loop controls,
/// `raise_exception`, plain `tojson`, `strftime_now`).
///
/// Not covered, and refused when the template is read: inheritance and includes, `filter`, `with` and `do` blocks,
/// recursive loops, and filters and tests that no known chat template uses.
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
    ///   - tools: the functions that the model may call, each described by a JSON object in the style of OpenAI's
    ///     interface; none leaves `tools` undefined for the template's purposes (`none`, as Hugging Face does).
    ///   - variables: what else the template may look at, such as `enable_thinking` or `date_string`.
    ///   - formatTime: gives the present time by a format of `strftime`; without it templates do not learn the date.
    ///   - isCancelled: is asked every few milliseconds whether the text is not wanted any more.
    /// - Throws: `TemplateError`; `.refused` where the template does not take such a conversation, `.limit` where the
    ///   template takes longer than any that is meant to work: up to a second, with some 100 MiB of memory.
    public func render(
        messages: [ChatMessage], addGenerationPrompt: Bool, bosToken: String, eosToken: String,
        tools: [JSONValue] = [], variables: JSONObject = JSONObject(), formatTime: ((String) -> String)? = nil,
        isCancelled: (() -> Bool)? = nil
    ) throws(TemplateError) -> String {
        var list: [TemplateValue] = []
        for message in messages {
            var members = JSONObject([("role", .string(message.role)), ("content", .string(message.content))])
            for (key, value) in message.fields.members { members[key] = value }
            list.append(try TemplateValue(.object(members)))
        }
        var known: [String: TemplateValue] = [
            "messages": .list(try TemplateList(list)), "add_generation_prompt": .bool(addGenerationPrompt),
            "bos_token": .text(bosToken), "eos_token": .text(eosToken), "documents": .none,
            "tools": tools.isEmpty ? .none : try TemplateValue(.array(tools)),
        ]
        for (name, value) in variables.members where known[name] == nil { known[name] = try TemplateValue(value) }
        let input = known.values.reduce(0) { $0 + $1.size }
        let evaluator = TemplateEvaluator(
            variables: known, budget: TemplateBudget(input: input, isCancelled: isCancelled),
            outputMax: TemplateLimit.outputScalars + TemplateLimit.outputPerInput * input, formatTime: formatTime)
        return try evaluator.render(try TemplateParser.parse(source))
    }
}

extension TemplateValue {
    /// Of a value that shares nothing, such as a document: the characters in it, and as many as its parts cost.
    fileprivate var size: Int {
        switch self {
        case .text(let text): TemplateCost.value + text.count
        case .list(let list): list.items.reduce(TemplateCost.value) { $0 + $1.size }
        case .mapping(let mapping):
            // A template takes some steps for each message, however short it is.
            zip(mapping.keys, mapping.values).reduce(2 * TemplateCost.step) { $0 + $1.0.count + $1.1.size }
        default: TemplateCost.value
        }
    }

    /// A JSON document as Python reads it.
    init(_ json: JSONValue) throws(TemplateError) {
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(number)
        case .real(let number): self = .real(number)
        case .string(let text): self = .text(text)
        case .array(let items):
            var list: [TemplateValue] = []
            for item in items { list.append(try TemplateValue(item)) }
            self = .list(try TemplateList(list))
        case .object(let object):
            var pairs: [(TemplateText, TemplateValue)] = []
            for (key, value) in object.members { pairs.append((TemplateText(of: key), try TemplateValue(value))) }
            self = .mapping(try TemplateMapping(pairs))
        }
    }
}
