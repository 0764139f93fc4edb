/// Why a chat template cannot be used, or did not take a conversation.
public enum TemplateError: Error, Equatable, Sendable {
    case syntax(line: Int, problem: String)
    case unsupported(line: Int, what: String)
    /// An operation that Jinja refuses too, such as adding a number to a text.
    case evaluation(problem: String)
    /// The template itself refused the conversation by `raise_exception`.
    case refused(reason: String)
    /// The template wants more work, memory, output or nesting than any chat needs.
    case limit(what: String)
    /// Nobody waits for the text any more.
    case cancelled
}

extension TemplateError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .syntax(let line, let problem):
            "The model's chat template is damaged in line \(line): \(problem); use another conversion of the model."
        case .unsupported(let line, let what):
            "The model's chat template uses \(what) in line \(line), which is not implemented; choose another model."
        case .evaluation(let problem):
            "The model's chat template failed: \(problem); use another conversion of the model."
        case .refused(let reason):
            "The model's chat template refuses this conversation: \(quoted(reason)); change the messages accordingly."
        case .limit(let what):
            "The model's chat template was stopped because of \(what); shorten the conversation or use another model."
        case .cancelled: "The conversation was not written out to its end: this was cancelled."
        }
    }
}
