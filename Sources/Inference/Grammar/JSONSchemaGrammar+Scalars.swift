/// Texts and numbers.
extension JSONSchemaGrammar {
    /// Characters that stand in a text as they are.
    static let plainCharacters = CodePoints.complement([0x00...0x1F, 0x22...0x22, 0x5C...0x5C])

    // MARK: Texts

    mutating func string(_ object: JSONObject, at path: String) throws(GrammarError) -> GrammarExpression {
        let least = try count("minLength", of: object, at: path) ?? 0
        let most = try count("maxLength", of: object, at: path)
        guard most.map({ $0 >= least }) ?? true else {
            throw .schema(problem: "\"maxLength\" is below \"minLength\"", path: path)
        }
        let limited = ["minLength", "maxLength"].filter { object[$0] != nil }
        let shaped = ["pattern", "format"].filter { object[$0] != nil }
        if let shape = shaped.first, let other = (limited + shaped.dropFirst()).first {
            throw .unsupported(what: "\"\(other)\" beside \"\(shape)\"", path: path)
        }
        if let pattern = object["pattern"] {
            guard let source = pattern.string else { throw .schema(problem: "\"pattern\" is no text", path: path) }
            return try RegularPattern.expression(source, at: path)
        }
        if let format = object["format"] {
            guard let name = format.string, let source = Self.formats[name] else {
                throw .unsupported(what: "the format \(quoted(format.string ?? format.text))", path: path)
            }
            return try RegularPattern.expression(source, at: path)
        }
        let character = try character()
        return .sequence([.text("\""), .repetition(character, least, most), .text("\"")])
    }

    /// One character of a text, as it is or escaped. Halves of surrogate pairs are no characters.
    private mutating func character() throws(GrammarError) -> GrammarExpression {
        try sharedRule("character") { _ in
            let digit = GrammarExpression.character(CodePoints.union([0x30...0x39, 0x41...0x46, 0x61...0x66]))
            let notD = GrammarExpression.character(
                CodePoints.union([0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63, 0x65...0x66]))
            let d = GrammarExpression.character([0x44...0x44, 0x64...0x64])
            let short = GrammarExpression.character(
                CodePoints.union("\"\\/bfnrt".unicodeScalars.map { $0.value...$0.value }))
            return .choice([
                .character(Self.plainCharacters),
                .sequence([
                    .text("\\"),
                    .choice([
                        short,
                        .sequence([
                            .text("u"),
                            .choice([
                                .sequence([notD, digit]), .sequence([d, .character([0x30...0x37])]),
                            ]), digit, digit,
                        ]),
                    ]),
                ]),
            ])
        }
    }

    /// Formats as regular expressions, each a little narrower than what its standard allows.
    private static let formats: [String: String] = {
        let date =
            "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
            + "02-(0[1-9]|1[0-9]|2[0-8]))"
        let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
        let byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
        return [
            "date": "^\(date)$", "time": "^\(time)$", "date-time": "^\(date)T\(time)$",
            "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "ipv4": "^\(byte)(\\.\(byte)){3}$",
            "email": "^[A-Za-z0-9_+-]{1,32}(\\.[A-Za-z0-9_+-]{1,32}){0,3}@([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\\.){1,3}"
                + "[a-z]{2,16}$",
        ]
    }()

    // MARK: Numbers

    mutating func number(_ object: JSONObject, isInteger: Bool, at path: String) throws(GrammarError)
        -> GrammarExpression
    {
        var bounds: [String: Double] = [:]
        for keyword in ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"] {
            guard let value = object[keyword] else { continue }
            guard let bound = value.real else { throw .schema(problem: "\"\(keyword)\" is no number", path: path) }
            bounds[keyword] = bound
        }
        guard isInteger else {
            guard bounds.isEmpty || (bounds.count == 1 && bounds["minimum"] == 0) else {
                throw .unsupported(
                    what: "\"\(bounds.keys.min() ?? "")\" of numbers that are not integers (but for \"minimum\": 0)",
                    path: path)
            }
            return try real(isSigned: bounds.isEmpty)
        }
        var least: Int?
        var most: Int?
        for keyword in bounds.keys.sorted() {
            // Bounds beyond what 16 digits reach bound nothing more.
            let bound = min(max(bounds[keyword] ?? 0, -1e17), 1e17)
            switch keyword {
            case "minimum": least = max(least ?? .min, Int(bound.rounded(.up)))
            case "exclusiveMinimum": least = max(least ?? .min, Int(bound.rounded(.down)) + 1)
            case "maximum": most = min(most ?? .max, Int(bound.rounded(.down)))
            default: most = min(most ?? .max, Int(bound.rounded(.up)) - 1)
            }
        }
        let widest = 9_999_999_999_999_999
        let (low, high) = (max(least ?? -widest, -widest), min(most ?? widest, widest))
        guard low <= high else { throw .schema(problem: "no integer lies between the bounds", path: path) }
        if least == nil, most == nil { return try sharedRule("integer") { _ in IntegerRange.expression(low, high) } }
        return try newRule(IntegerRange.expression(low, high))
    }

    private mutating func real(isSigned: Bool) throws(GrammarError) -> GrammarExpression {
        try sharedRule(isSigned ? "number" : "number of zero or more") { _ in
            let digit = GrammarExpression.character([0x30...0x39])
            let whole = GrammarExpression.choice([
                .text("0"), .sequence([.character([0x31...0x39]), .repetition(digit, 0, 15)]),
            ])
            let fraction = GrammarExpression.sequence([.text("."), .repetition(digit, 1, 16)])
            let exponent = GrammarExpression.sequence([
                .choice([.text("e"), .text("E")]), .optional(.choice([.text("+"), .text("-")])),
                .repetition(digit, 1, 2),
            ])
            return .sequence([
                isSigned ? .optional(.text("-")) : .nothing, whole, .optional(fraction), .optional(exponent),
            ])
        }
    }
}

/// The decimal numbers from one to another.
enum IntegerRange {
    static func expression(_ low: Int, _ high: Int) -> GrammarExpression {
        var choices: [GrammarExpression] = []
        if low < 0 {
            choices.append(.sequence([.text("-"), natural(max(1, high < 0 ? -high : 1), -low)]))
        }
        if high >= 0 { choices.append(natural(max(0, low), high)) }
        return .choice(choices)
    }

    private static func natural(_ low: Int, _ high: Int) -> GrammarExpression {
        var choices: [GrammarExpression] = []
        var start = low
        while start <= high {
            // As far as numbers have as many digits.
            var end = 9
            while end < start { end = end * 10 + 9 }
            end = min(end, high)
            choices.append(between(Array("\(start)".utf8)[...], Array("\(end)".utf8)[...]))
            start = end + 1
        }
        return .choice(choices)
    }

    private static func digits(_ low: UInt8, _ high: UInt8) -> GrammarExpression {
        .character([UInt32(low)...UInt32(high)])
    }

    /// Numbers of as many digits as both have.
    private static func between(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> GrammarExpression {
        guard let first = low.first, let last = high.first else { return .nothing }
        let (lowRest, highRest) = (low.dropFirst(), high.dropFirst())
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: lowRest.count)
        let nines = [UInt8](repeating: UInt8(ascii: "9"), count: lowRest.count)
        let startsWhole = lowRest.elementsEqual(zeros)
        let endsWhole = highRest.elementsEqual(nines)
        if first == last {
            if startsWhole, endsWhole { return .sequence([digits(first, first), any(lowRest.count)]) }
            return .sequence([digits(first, first), between(lowRest, highRest)])
        }
        var choices: [GrammarExpression] = []
        if !startsWhole { choices.append(.sequence([digits(first, first), between(lowRest, nines[...])])) }
        let (from, to) = (startsWhole ? first : first + 1, endsWhole ? last : last - 1)
        if from <= to { choices.append(.sequence([digits(from, to), any(lowRest.count)])) }
        if !endsWhole { choices.append(.sequence([digits(last, last), between(zeros[...], highRest)])) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private static func any(_ count: Int) -> GrammarExpression {
        .repetition(digits(UInt8(ascii: "0"), UInt8(ascii: "9")), count, count)
    }
}
