/// Reads grammars in the notation of GBNF.
///
///     # A comment reaches to the end of the line.
///     root   ::= "yes" | "no" | number ("," number)*
///     number ::= [1-9] [0-9]{0,5} | "0"
///
/// Texts in quotes, classes of characters ([a-z], [^"\\]), any character (.), groups, `?`, `*`, `+`, `{n}`, `{n,}` and
/// `{n,m}`, up to four of these behind each other. Escapes: \n \r \t \\ \" \] \[ \- \^ \xHH \uHHHH \UHHHHHHHH. A rule
/// ends where the next one begins.
struct GrammarParser: ExpressionReader {
    let scalars: [Unicode.Scalar]
    var position = 0
    var depth = 0
    private var rules = GrammarRules()

    static func parse(_ source: String) throws(GrammarError) -> GrammarRules {
        guard source.utf8.count <= GrammarLimit.sourceBytes else {
            throw .limit(what: "more than \(GrammarLimit.sourceBytes) bytes")
        }
        var parser = GrammarParser(scalars: Array(source.unicodeScalars))
        let root = try parser.rules.number(of: "root")
        parser.skipSpace()
        while parser.next != nil { try parser.rule() }
        guard parser.rules.isDefined(root) else { throw .undefinedRule("root") }
        for (number, name) in parser.rules.names.enumerated() where !parser.rules.isDefined(number) {
            throw .undefinedRule(name)
        }
        return parser.rules
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    // MARK: Characters

    func problem(_ text: String) -> GrammarError {
        .syntax(line: 1 + scalars[..<min(position, scalars.count)].count { $0 == "\n" }, problem: text)
    }

    private mutating func skipSpace() {
        while let scalar = next {
            if scalar == "#" {
                while let scalar = next, scalar != "\n" { _ = take(scalar) }
            } else if scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" {
                position += 1
            } else {
                return
            }
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func belongsToName(_ scalar: Unicode.Scalar) -> Bool {
        isLetter(scalar) || ("0"..."9").contains(scalar) || scalar == "-" || scalar == "_"
    }

    private mutating func name() throws(GrammarError) -> String {
        guard let first = next, Self.isLetter(first) else {
            throw problem(next == nil ? "a rule's name is missing" : "a character is out of place")
        }
        let start = position
        skipName()
        return Array(scalars[start..<position]).string
    }

    private mutating func skipName() {
        let start = position
        while let scalar = next, Self.belongsToName(scalar), position - start < 128 { position += 1 }
    }

    /// Whether a new rule begins here: a name and "::=".
    ///
    /// It is asked before every element, so it costs next to nothing where no name begins.
    private var atRule: Bool {
        guard let first = next, Self.isLetter(first) else { return false }
        var parser = self
        parser.skipName()
        parser.skipSpace()
        return parser.take(":") && parser.take(":") && parser.take("=")
    }

    // MARK: Rules

    private mutating func rule() throws(GrammarError) {
        let name = try name()
        skipSpace()
        guard take(":"), take(":"), take("=") else { throw problem("\"::=\" is missing behind \(quoted(name))") }
        let number = try rules.number(of: name)
        try rules.define(number, as: try alternatives())
    }

    mutating func sequence() throws(GrammarError) -> GrammarExpression {
        var parts: [GrammarExpression] = []
        while true {
            skipSpace()
            guard let scalar = next, scalar != "|", scalar != ")", !atRule else { break }
            parts.append(try repeated(try element()))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func element() throws(GrammarError) -> GrammarExpression {
        if take("\"") { return .bytes(try literal()) }
        if take("[") { return .character(try characterClass()) }
        if take(".") { return .character(CodePoints.all) }
        if take("(") {
            let inner = try alternatives()
            guard take(")") else { throw problem("\")\" is missing") }
            return inner
        }
        return .rule(try rules.number(of: try name()))
    }

    private mutating func repeated(_ element: GrammarExpression) throws(GrammarError) -> GrammarExpression {
        var result = element
        var count = 0
        while true {
            // Each one is a level more of the expression, and what walks expressions goes down level by level.
            guard count <= GrammarLimit.quantifiers else {
                throw .limit(what: "more than \(GrammarLimit.quantifiers) quantifiers in a row")
            }
            count += 1
            if take("*") {
                result = .repetition(result, 0, nil)
            } else if take("+") {
                result = .repetition(result, 1, nil)
            } else if take("?") {
                result = .optional(result)
            } else if take("{") {
                let (least, most) = try bounds()
                result = .repetition(result, least, most)
            } else {
                return result
            }
        }
    }

    // MARK: Characters and their classes

    private mutating func literal() throws(GrammarError) -> [UInt8] {
        var bytes: [UInt8] = []
        while !take("\"") {
            guard next != "\n" else { throw problem("a text does not end") }
            bytes += CodePoints.encoded(try character())
        }
        return bytes
    }

    private mutating func characterClass() throws(GrammarError) -> [ClosedRange<UInt32>] {
        let isComplement = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !take("]") {
            let first = try character()
            var last = first
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                last = try character()
            }
            guard last >= first else { throw problem("a range of characters ends before it begins") }
            ranges.append(first...last)
        }
        let result = isComplement ? CodePoints.complement(ranges) : CodePoints.union(ranges)
        guard !result.isEmpty else { throw problem("a class of characters is empty") }
        return result
    }

    private mutating func character() throws(GrammarError) -> UInt32 {
        guard let scalar = next else { throw problem("a text or a class of characters does not end") }
        position += 1
        guard scalar == "\\" else { return scalar.value }
        guard let letter = next else { throw problem("an escape does not end") }
        position += 1
        switch letter {
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "x": return try hexadecimal(digits: 2)
        case "u": return try hexadecimal(digits: 4)
        case "U": return try hexadecimal(digits: 8)
        case "\\", "\"", "[", "]", "-", "^", "/": return letter.value
        default: throw problem("the escape \(quoted("\\" + String(Character(letter)))) is unknown")
        }
    }
}
