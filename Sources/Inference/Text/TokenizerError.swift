/// Why a model's vocabulary cannot be used.
public enum TokenizerError: Error, Equatable, Sendable {
    case missing(key: String)
    case unsupported(what: String)
    case malformed(what: String)
}

extension TokenizerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missing(let key):
            "The model file has no \(key), without which it cannot read text; use a complete copy of it."
        case .unsupported(let what):
            "The model's text needs \(what), which is not implemented; choose another model."
        case .malformed(let what):
            "The model file's vocabulary is damaged: \(what); fetch the file again."
        }
    }
}
