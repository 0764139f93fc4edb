/// Values as they are written: white space, literals, objects and arrays.
extension JSONSchemaGrammar {
    /// White space between the parts of a document: none, a space, or a new line with an indentation. Bounded, because
    /// a model that is at a loss goes on with white space forever.
    mutating func space() throws(GrammarError) -> GrammarExpression {
        try sharedRule("space") { _ in
            .choice([.nothing, .text(" "), .sequence([.text("\n"), .repetition(.text(" "), 0, 24)])])
        }
    }

    mutating func anyValue() throws(GrammarError) -> GrammarExpression {
        try sharedRule("value") { (builder) throws(GrammarError) in
            var choices: [GrammarExpression] = []
            for type in ["object", "array", "string", "number", "boolean", "null"] {
                let schema = JSONValue.object(JSONObject([("type", .string(type))]))
                choices.append(try builder.expression(schema, at: "#"))
            }
            return .choice(choices)
        }
    }

    /// Just this value, with white space where it may be.
    mutating func literal(_ value: JSONValue, at path: String) throws(GrammarError) -> GrammarExpression {
        let space = try space()
        switch value {
        case .real(let number) where !number.isFinite:
            throw .schema(problem: "a number is larger than any that can be read", path: path)
        case .array(let items):
            var parts: [GrammarExpression] = [.text("["), space]
            for (index, item) in items.enumerated() {
                if index > 0 { parts += [.text(","), space] }
                parts += [try literal(item, at: path), space]
            }
            return .sequence(parts + [.text("]")])
        case .object(let object):
            var parts: [GrammarExpression] = [.text("{"), space]
            for (index, member) in object.members.enumerated() {
                if index > 0 { parts += [.text(","), space] }
                parts += [.bytes(JSONValue.quoted(member.key)), space, .text(":"), space]
                parts += [try literal(member.value, at: path), space]
            }
            return .sequence(parts + [.text("}")])
        default: return .text(value.text)
        }
    }

    /// A count that a keyword gives: a whole number, zero or more.
    func count(_ keyword: String, of object: JSONObject, at path: String) throws(GrammarError) -> Int? {
        guard let value = object[keyword] else { return nil }
        guard let real = value.real, real >= 0, let count = Int(exactly: real) else {
            throw .schema(problem: "\"\(keyword)\" is no whole number, zero or more", path: path)
        }
        guard count <= GrammarLimit.repetitions else {
            throw .limit(what: "\"\(keyword)\" above \(GrammarLimit.repetitions) at \(quoted(path))")
        }
        return count
    }

    // MARK: Arrays

    mutating func array(_ object: JSONObject, at path: String) throws(GrammarError) -> GrammarExpression {
        let space = try space()
        let least = try count("minItems", of: object, at: path) ?? 0
        let most = try count("maxItems", of: object, at: path)
        guard most.map({ $0 >= least }) ?? true else {
            throw .schema(problem: "\"maxItems\" is below \"minItems\"", path: path)
        }
        var first: [GrammarExpression] = []
        if let prefix = object["prefixItems"] {
            guard let schemas = prefix.array else { throw .schema(problem: "\"prefixItems\" is no list", path: path) }
            for (index, schema) in schemas.enumerated() {
                first.append(try newRule(try expression(schema, at: "\(path)/prefixItems/\(index)")))
            }
        }
        var item: GrammarExpression?
        switch object["items"] {
        case .bool(false)?: break
        case nil: item = try anyValue()
        case .array?: throw .unsupported(what: "a list as \"items\"", path: path)
        case let schema?: item = try newRule(try expression(schema, at: "\(path)/items"))
        }
        if item == nil, first.count < least {
            throw .schema(problem: "\"minItems\" is more than there can be", path: path)
        }
        // From the last to the first: what may follow when so many are there.
        let comma = GrammarExpression.sequence([space, .text(","), space])
        var rest = GrammarExpression.nothing
        if let item, most.map({ $0 > first.count }) ?? true {
            rest = .repetition(
                .sequence([comma, item]), max(0, least - max(first.count, 1)), most.map { $0 - max(first.count, 1) })
        }
        let limit = min(first.count, most ?? first.count)
        for index in stride(from: limit - 1, to: 0, by: -1) {
            let part = GrammarExpression.sequence([comma, first[index], rest])
            rest = try newRule(index < least ? part : .optional(part))
        }
        let begin: GrammarExpression? = limit > 0 ? first[0] : most == 0 ? nil : item
        guard let begin else { return .sequence([.text("["), space, .text("]")]) }
        let filled = GrammarExpression.sequence([begin, rest, space])
        return .sequence([.text("["), space, least > 0 ? filled : .optional(filled), .text("]")])
    }

    // MARK: Objects

    mutating func object(_ object: JSONObject, at path: String) throws(GrammarError) -> GrammarExpression {
        var properties: [(name: String, schema: JSONValue, path: String)] = []
        if let given = object["properties"] {
            guard let members = given.object?.members else {
                throw .schema(problem: "\"properties\" is no object", path: path)
            }
            properties = members.map { ($0.key, $0.value, "\(path)/properties/\($0.key)") }
        }
        var required: Set<[UInt8]> = []
        var known = Set(properties.map { Array($0.name.utf8) })
        if let given = object["required"] {
            guard let names = given.array else { throw .schema(problem: "\"required\" is no list", path: path) }
            for name in names {
                guard let name = name.string else { throw .schema(problem: "a required name is no text", path: path) }
                required.insert(Array(name.utf8))
                if known.insert(Array(name.utf8)).inserted {
                    let other = object["additionalProperties"] ?? .bool(true)
                    properties.append((name, other, "\(path)/additionalProperties"))
                }
            }
        }
        var additional: JSONValue? = object["additionalProperties"]
        if additional == nil, object["properties"] == nil { additional = .bool(true) }
        if additional == .bool(false) { additional = nil }

        let space = try space()
        let comma = GrammarExpression.sequence([space, .text(","), space])
        var others: GrammarExpression?
        if let additional {
            others = .sequence([
                try self.name(except: properties.map(\.name)), space, .text(":"), space,
                try newRule(try expression(additional, at: "\(path)/additionalProperties")),
            ])
        }
        // From the last to the first: what may follow behind a property, and what where none has been yet.
        var behind = try newRule(others.map { .repetition(.sequence([comma, $0]), 0, nil) } ?? .nothing)
        var before = try newRule(others.map { .optional(.sequence([$0, behind, space])) } ?? .nothing)
        for property in properties.reversed() {
            let isRequired = required.contains(Array(property.name.utf8))
            if property.schema == .bool(false), !isRequired { continue }
            let member = try newRule(
                .sequence([
                    .bytes(JSONValue.quoted(property.name)), space, .text(":"), space,
                    try expression(property.schema, at: property.path),
                ]))
            let begun = GrammarExpression.sequence([member, behind, space])
            before = try newRule(isRequired ? begun : .choice([begun, before]))
            let goesOn = GrammarExpression.sequence([comma, member, behind])
            behind = try newRule(isRequired ? goesOn : .choice([goesOn, behind]))
        }
        return .sequence([.text("{"), space, before, .text("}")])
    }

    /// The name of a property that is none of `names`: written without escapes, so that none is hidden in them.
    private mutating func name(except names: [String]) throws(GrammarError) -> GrammarExpression {
        if names.isEmpty { return try string(JSONObject(), at: "#") }
        // What follows goes down one level for each character.
        for name in names where name.unicodeScalars.count > GrammarLimit.nameCharacters {
            throw .limit(what: "a property's name of more than \(GrammarLimit.nameCharacters) characters")
        }
        let rest = try plainText()
        return .sequence([.text("\""), try self.text(except: names.map { Array($0.unicodeScalars)[...] }, rest)])
    }

    private mutating func plainText() throws(GrammarError) -> GrammarExpression {
        try sharedRule("plain text") { _ in .repetition(.character(Self.plainCharacters), 0, nil) }
    }

    private mutating func text(
        except names: [ArraySlice<Unicode.Scalar>], _ rest: GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        var firsts: [Unicode.Scalar] = []
        var rests: [Unicode.Scalar: [ArraySlice<Unicode.Scalar>]] = [:]
        for name in names {
            guard let first = name.first else { continue }
            if rests[first] == nil { firsts.append(first) }
            rests[first, default: []].append(name.dropFirst())
        }
        var choices: [GrammarExpression] = []
        if !names.contains(where: \.isEmpty) { choices.append(.text("\"")) }
        for first in firsts {
            // A name with a character that stands escaped cannot be met here.
            guard CodePoints.intersection(Self.plainCharacters, [first.value...first.value]) != [] else { continue }
            choices.append(
                try newRule(
                    .sequence([.character([first.value...first.value]), try text(except: rests[first] ?? [], rest)])))
        }
        let others = CodePoints.intersection(
            Self.plainCharacters, CodePoints.complement(firsts.map { $0.value...$0.value }))
        choices.append(.sequence([.character(others), rest, .text("\"")]))
        return .choice(choices)
    }
}
