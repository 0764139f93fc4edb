/// Why an output format cannot be kept to.
public enum GrammarError: Error, Equatable, Sendable {
    case syntax(line: Int, problem: String)
    case undefinedRule(String)
    case repeatedRule(String)
    /// The rule comes back to itself without having taken a character.
    case leftRecursion(String)
    /// No finite text matches the rule.
    case endless(String)
    /// A keyword or form of JSON Schema or of a regular expression, and where it stands.
    case unsupported(what: String, path: String)
    /// A schema that says something that is not possible.
    case schema(problem: String, path: String)
    /// Two schemas of a `oneOf`, counted from 0, that one value may be right by.
    case overlap(first: Int, second: Int, path: String)
    case limit(what: String)
}

extension GrammarError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .syntax(let line, let problem): "The grammar is wrong in line \(line): \(problem); correct it."
        case .undefinedRule(let name): "The grammar uses the rule \(quoted(name)), which it does not define; add it."
        case .repeatedRule(let name): "The grammar defines the rule \(quoted(name)) twice; join the two with \"|\"."
        case .leftRecursion(let name):
            "The grammar's rule \(quoted(name)) begins with itself (left recursion); write it with a repetition."
        case .endless(let name):
            "The grammar's rule \(quoted(name)) never comes to an end; give it an alternative without itself."
        case .unsupported(let what, let path):
            "The JSON Schema uses \(what) at \(quoted(path)), which is not implemented; leave it out."
        case .schema(let problem, let path): "The JSON Schema is wrong at \(quoted(path)): \(problem); correct it."
        case .overlap(let first, let second, let path):
            "The JSON Schema has schemas \(first) and \(second) at \(quoted(path)) that may both take the same value; "
                + "tell them apart by types or a required property with a \"const\", or write \"anyOf\"."
        case .limit(let what): "The output format has \(what); use a simpler one."
        }
    }
}

/// What a grammar may take up.
enum GrammarLimit {
    static let sourceBytes = 1 << 18
    static let rules = 1 << 14
    static let nodes = 1 << 18
    /// Groups inside each other.
    static let nesting = 64
    /// Quantifiers behind each other, as in `"a"+?`.
    static let quantifiers = 4
    /// Expressions compiled: those that make no place, such as `""{65536}`, cost time nevertheless.
    static let steps = 1 << 21
    static let repetitions = 1 << 16
    static let nameCharacters = 256
    /// Rules inside each other while text is matched: brackets within brackets. What would nest deeper is not allowed
    /// to follow.
    static let frames: Int32 = 256
    /// Places in the grammar at which a text can be at the same time.
    static let places = 1 << 15
    /// States remembered, each of some hundred bytes.
    static let states = 1 << 15
    /// Places of all states remembered, of 8 bytes each.
    static let rememberedPlaces = 1 << 18
    /// What follows the states remembered, 4 bytes for each state and class of bytes.
    static let transitions = 1 << 21
    /// Masks remembered, of a bit for each token: 32 KiB each for a vocabulary of 262,144.
    static let masks = 64
    /// Places looked at for one mask or token, where they were not known before: a fraction of a second.
    static let work = 1 << 20
}
