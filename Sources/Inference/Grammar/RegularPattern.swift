/// A simple part of ECMA-262's regular expressions, as texts of JSON: characters as JSON writes them, with quotes
/// around.
///
/// Alternatives, groups, classes of characters, `\d \w \s` and their opposites, `.`, and the greedy quantifiers. `^`
/// and `$` at the ends of the alternatives; without them any text may come before or behind. Refused: look-around, back
/// references, word borders, lazy quantifiers, properties of Unicode.
struct RegularPattern: ExpressionReader {
    let scalars: [Unicode.Scalar]
    private let path: String
    var position = 0
    var depth = 0
    /// What stands for a set of characters, made once for each: a "." alone is thirty alternatives.
    private var characters: [[ClosedRange<UInt32>]: GrammarExpression] = [:]

    static func expression(_ source: String, at path: String) throws(GrammarError) -> GrammarExpression {
        var parser = RegularPattern(scalars: Array(source.unicodeScalars), path: path)
        guard source.utf8.count <= 4096 else { throw .limit(what: "a pattern of more than 4096 bytes") }
        var choices: [GrammarExpression] = []
        let anything = GrammarExpression.repetition(parser.character(in: CodePoints.all), 0, nil)
        repeat {
            let fromStart = parser.take("^")
            var parts = [try parser.sequence()]
            let toEnd = parser.take("$")
            if !fromStart { parts.insert(anything, at: 0) }
            if !toEnd { parts.append(anything) }
            choices.append(.sequence(parts))
        } while parser.take("|")
        guard parser.next == nil else {
            throw parser.problem("\(quoted(String(Character(parser.next ?? " ")))) is out of place")
        }
        return .sequence([.text("\""), .choice(choices), .text("\"")])
    }

    private init(scalars: [Unicode.Scalar], path: String) {
        self.scalars = scalars
        self.path = path
    }

    func problem(_ text: String) -> GrammarError { .schema(problem: "in the pattern, \(text)", path: path) }
    private func unsupported(_ what: String) -> GrammarError { .unsupported(what: "\(what) in a pattern", path: path) }

    mutating func sequence() throws(GrammarError) -> GrammarExpression {
        var parts: [GrammarExpression] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if scalar == "$", depth == 0 { break }
            parts.append(try quantified(try element()))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func element() throws(GrammarError) -> GrammarExpression {
        guard let scalar = next else { throw problem("something is missing") }
        position += 1
        switch scalar {
        case "(":
            if take("?"), !take(":") { throw unsupported("a group that begins with \"(?\"") }
            let inner = try alternatives()
            guard take(")") else { throw problem("\")\" is missing") }
            return inner
        case "[": return character(in: try characterClass())
        case ".": return character(in: Self.notLineEnds)
        case "^", "$": throw unsupported("\"\(scalar)\" other than at an end")
        case "*", "+", "?", "{", "}", "]": throw problem("\"\(scalar)\" is out of place")
        case "\\": return character(in: try escape())
        default: return character(in: [scalar.value...scalar.value])
        }
    }

    private mutating func quantified(_ element: GrammarExpression) throws(GrammarError) -> GrammarExpression {
        var result = element
        if take("*") {
            result = .repetition(element, 0, nil)
        } else if take("+") {
            result = .repetition(element, 1, nil)
        } else if take("?") {
            result = .optional(element)
        } else if take("{") {
            let (least, most) = try bounds()
            result = .repetition(element, least, most)
        } else {
            return element
        }
        if next == "?" { throw unsupported("a lazy quantifier") }
        if next == "*" || next == "+" || next == "{" { throw problem("two quantifiers follow each other") }
        return result
    }

    // MARK: Characters

    private static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    private static let letters: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    private static let spaces: [ClosedRange<UInt32>] = [0x09...0x0D, 0x20...0x20]
    /// For `\S` all that may count as white space is left out, for `\s` only what is white space everywhere is taken.
    private static let wideSpaces: [ClosedRange<UInt32>] = [
        0x09...0x0D, 0x1C...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
        0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ]
    private static let notLineEnds = CodePoints.complement([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029])
    /// Digits and letters of any script and rare white space are left out of `\D` and `\W`, and of complements that
    /// name such a class: readers differ in whether they are meant.
    private static let certain: [ClosedRange<UInt32>] = [0x00...0x1B, 0x20...0x7F]

    private mutating func escape() throws(GrammarError) -> [ClosedRange<UInt32>] {
        guard let letter = next else { throw problem("an escape does not end") }
        position += 1
        switch letter {
        case "d": return Self.digits
        case "w": return Self.letters
        case "s": return Self.spaces
        case "D": return CodePoints.intersection(Self.certain, CodePoints.complement(Self.digits))
        case "W": return CodePoints.intersection(Self.certain, CodePoints.complement(Self.letters))
        case "S": return CodePoints.complement(Self.wideSpaces)
        case "n": return [0x0A...0x0A]
        case "r": return [0x0D...0x0D]
        case "t": return [0x09...0x09]
        case "f": return [0x0C...0x0C]
        case "v": return [0x0B...0x0B]
        case "x", "u":
            let value = try hexadecimal(digits: letter == "x" ? 2 : 4)
            return [value...value]
        default:
            guard letter.isASCII, !letter.properties.isAlphabetic, letter.properties.numericType == nil else {
                throw unsupported("the escape \(quoted("\\" + String(Character(letter))))")
            }
            return [letter.value...letter.value]
        }
    }

    private mutating func characterClass() throws(GrammarError) -> [ClosedRange<UInt32>] {
        let isComplement = take("^")
        var namesClass = false
        var ranges: [ClosedRange<UInt32>] = []
        while !take("]") {
            namesClass = namesClass || atNamedClass
            var part = try classPart()
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                let end = try classPart()
                guard part.count == 1, end.count == 1, part[0].count == 1, end[0].count == 1,
                    part[0].lowerBound <= end[0].lowerBound
                else { throw problem("a range of characters is wrong") }
                part = [part[0].lowerBound...end[0].lowerBound]
            }
            ranges += part
        }
        var result = isComplement ? CodePoints.complement(ranges) : CodePoints.union(ranges)
        if isComplement, namesClass { result = CodePoints.intersection(result, Self.certain) }
        guard !result.isEmpty else { throw problem("a class of characters is empty") }
        return result
    }

    private var atNamedClass: Bool {
        next == "\\" && position + 1 < scalars.count && "dwsDWS".unicodeScalars.contains(scalars[position + 1])
    }

    private mutating func classPart() throws(GrammarError) -> [ClosedRange<UInt32>] {
        guard let scalar = next else { throw problem("\"]\" is missing") }
        position += 1
        if scalar == "\\" { return try take("b") ? [0x08...0x08] : escape() }
        return [scalar.value...scalar.value]
    }

    /// A character as it stands in a text of JSON.
    private mutating func character(in ranges: [ClosedRange<UInt32>]) -> GrammarExpression {
        if let known = characters[ranges] { return known }
        let plain = CodePoints.intersection(ranges, JSONSchemaGrammar.plainCharacters)
        var choices: [GrammarExpression] = plain.isEmpty ? [] : [.character(plain)]
        let escaped = CodePoints.intersection(ranges, CodePoints.complement(JSONSchemaGrammar.plainCharacters))
        for point in escaped.joined() { choices.append(.bytes(JSONValue.escaped(UInt8(point)))) }
        let result = choices.count == 1 ? choices[0] : .choice(choices)
        characters[ranges] = result
        return result
    }
}
