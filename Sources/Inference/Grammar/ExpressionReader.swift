/// What the readers of grammars and of regular expressions have in common: a text, a place in it, and expressions of
/// alternatives, groups and counts.
protocol ExpressionReader {
    var scalars: [Unicode.Scalar] { get }
    var position: Int { get set }
    /// Groups inside each other, here.
    var depth: Int { get set }
    /// What is wrong at this place.
    func problem(_ text: String) -> GrammarError
    /// What stands between two bars.
    mutating func sequence() throws(GrammarError) -> GrammarExpression
}

extension ExpressionReader {
    var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    mutating func alternatives() throws(GrammarError) -> GrammarExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= GrammarLimit.nesting else { throw .limit(what: "more than \(GrammarLimit.nesting) levels") }
        var choices = [try sequence()]
        while take("|") { choices.append(try sequence()) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    /// What follows `{`: `n}`, `n,}` or `n,m}`.
    mutating func bounds() throws(GrammarError) -> (least: Int, most: Int?) {
        let least = try count()
        var most: Int? = least
        if take(",") { most = next == "}" ? nil : try count() }
        guard take("}") else { throw problem("\"}\" is missing") }
        guard most.map({ $0 >= least }) ?? true else { throw problem("a repetition ends before it begins") }
        return (least, most)
    }

    private mutating func count() throws(GrammarError) -> Int {
        var number: Int?
        while let digit = next, ("0"..."9").contains(digit) {
            let value = (number ?? 0) * 10 + Int(digit.value - 48)
            guard value <= GrammarLimit.repetitions else {
                throw .limit(what: "a repetition of more than \(GrammarLimit.repetitions) times")
            }
            number = value
            position += 1
        }
        guard let number else { throw problem("a number is missing") }
        return number
    }

    mutating func hexadecimal(digits: Int) throws(GrammarError) -> UInt32 {
        guard position + digits <= scalars.count,
            scalars[position..<position + digits].allSatisfy({ $0.properties.isASCIIHexDigit }),
            let value = UInt32(Array(scalars[position..<position + digits]).string, radix: 16),
            Unicode.Scalar(value) != nil
        else { throw problem("an escape names no character") }
        position += digits
        return value
    }
}
