/// Turns a JSON Schema (draft 2020-12, as far as it goes) into a grammar whose texts are JSON documents that the schema
/// accepts: a part of them, never others.
///
/// Narrower than the schema, on purpose: properties come in the order of the schema; an object with `properties` but
/// without `additionalProperties` has no others; white space is short; numbers have up to 16 digits; an annotation by
/// `format` is kept to; schemas of a `oneOf` must be seen to exclude each other. A keyword that is not implemented is
/// refused by name, for left out it would make texts possible that the schema rejects.
struct JSONSchemaGrammar {
    private let root: JSONValue
    var comparisons = 0
    private(set) var rules = GrammarRules()
    /// The rules of what `$ref` leads to, by the members and indices on the way there, however they were written.
    private var referenceRules: [[[UInt8]]: Int] = [:]
    /// Rules that are not defined yet. They wait here, so that a chain of references goes no deeper than one schema.
    private var waiting: [(rule: Int, schema: JSONValue, path: String)] = []
    private var shared: [String: Int] = [:]

    static func rules(for schema: JSONValue) throws(GrammarError) -> GrammarRules {
        var builder = JSONSchemaGrammar(root: schema)
        let root = try builder.rules.number(of: "root")
        builder.waiting = [(root, schema, "#")]
        while let (rule, schema, path) = builder.waiting.popLast() {
            try builder.rules.define(rule, as: try builder.expression(schema, at: path))
        }
        return builder.rules
    }

    private init(root: JSONValue) {
        self.root = root
    }

    // MARK: Keywords

    /// Keywords that say nothing about which documents are right.
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema",
        "$id", "$defs", "definitions", "discriminator",
    ]
    private static let byType: [(type: String, keywords: Set<String>)] = [
        ("object", ["properties", "required", "additionalProperties"]),
        ("array", ["items", "prefixItems", "minItems", "maxItems"]),
        ("string", ["pattern", "minLength", "maxLength", "format"]),
        ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
    ]

    static let allTypes: Set = ["null", "boolean", "integer", "number", "string", "array", "object"]

    /// A schema without a type is about the type whose keywords it uses.
    static func typesMeant(by keywords: Set<String>) -> [String] {
        byType.filter { !$0.keywords.isDisjoint(with: keywords) }.map(\.type)
    }

    mutating func expression(_ schema: JSONValue, at path: String) throws(GrammarError) -> GrammarExpression {
        guard path.utf8.count <= 4096 else { throw .limit(what: "a schema nested too deep") }
        if let flag = schema.bool {
            guard flag else { throw .schema(problem: "nothing is allowed here", path: path) }
            return try anyValue()
        }
        guard let object = schema.object else { throw .schema(problem: "this is no schema", path: path) }
        var asserting: Set<String> = []
        for (key, value) in object.members where !Self.annotations.contains(key) {
            // What is switched off asserts nothing.
            if key == "uniqueItems" || key == "nullable", value.bool == false { continue }
            asserting.insert(key)
        }
        for single in ["$ref", "const", "enum", "anyOf", "oneOf", "allOf"] where asserting.contains(single) {
            let others = asserting.subtracting([single]).subtracting(
                single == "const" || single == "enum" ? ["type"] : [])
            if let other = others.min() {
                throw .unsupported(what: "\(quoted(other)) beside \"\(single)\"", path: path)
            }
            return try combination(single, object, at: path)
        }
        return try typed(object, asserting, at: path)
    }

    private mutating func combination(
        _ keyword: String, _ object: JSONObject, at path: String
    ) throws(GrammarError) -> GrammarExpression {
        let place = "\(path)/\(keyword)"
        let value = object[keyword] ?? .null
        if keyword == "$ref" { return try reference(value, at: path) }
        if keyword == "const" { return try literals([value], of: object, at: place) }
        guard let parts = value.array, !parts.isEmpty else {
            throw .schema(problem: "this is no list with something in it", path: place)
        }
        if keyword == "enum" { return try literals(parts, of: object, at: place) }
        guard keyword != "allOf" || parts.count == 1 else {
            throw .unsupported(what: "\"allOf\" of more than one schema", path: path)
        }
        var choices: [GrammarExpression] = []
        for (index, part) in parts.enumerated() { choices.append(try expression(part, at: "\(place)/\(index)")) }
        if keyword == "oneOf", let (first, second) = try overlap(of: parts) {
            throw .overlap(first: first, second: second, path: place)
        }
        return .choice(choices)
    }

    /// Those of the values that are of a type that the schema allows.
    private mutating func literals(
        _ values: [JSONValue], of object: JSONObject, at path: String
    ) throws(GrammarError) -> GrammarExpression {
        let types = try types(of: object, at: path)
        var choices: [GrammarExpression] = []
        for value in values where types.map({ !Self.types(of: value).isDisjoint(with: $0) }) ?? true {
            choices.append(try literal(value, at: path))
        }
        guard !choices.isEmpty else {
            throw .schema(problem: "no value here is of the type that is asked for", path: path)
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    /// The types that a schema names; nil where it names none.
    private func types(of object: JSONObject, at path: String) throws(GrammarError) -> [String]? {
        var types: [String] = []
        switch object["type"] {
        case nil: return nil
        case .string(let name)?: types = [name]
        case .array(let names)?:
            for name in names {
                guard let name = name.string else { throw .schema(problem: "a type is no text", path: path) }
                types.append(name)
            }
        default: throw .schema(problem: "the type is neither a text nor a list", path: path)
        }
        guard !types.isEmpty else { throw .schema(problem: "there is no type", path: path) }
        guard Set(types).count == types.count else { throw .schema(problem: "a type is named twice", path: path) }
        if let other = types.first(where: { !Self.allTypes.contains($0) }) {
            throw .schema(problem: "\(quoted(other)) is no type", path: path)
        }
        return types
    }

    private mutating func typed(
        _ object: JSONObject, _ asserting: Set<String>, at path: String
    ) throws(GrammarError) -> GrammarExpression {
        let known = Self.byType.reduce(into: Set(["type"])) { $0.formUnion($1.keywords) }
        if let other = asserting.subtracting(known).min() { throw .unsupported(what: quoted(other), path: path) }
        let types = try types(of: object, at: path) ?? Self.typesMeant(by: asserting)
        if types.isEmpty { return try anyValue() }
        var choices: [GrammarExpression] = []
        for type in types { choices.append(try expression(type, object, at: path)) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private mutating func expression(
        _ type: String, _ object: JSONObject, at path: String
    ) throws(GrammarError) -> GrammarExpression {
        switch type {
        case "null": return .text("null")
        case "boolean": return .choice([.text("true"), .text("false")])
        case "integer", "number": return try number(object, isInteger: type == "integer", at: path)
        case "string": return try string(object, at: path)
        case "array": return try array(object, at: path)
        case "object": return try self.object(object, at: path)
        default: throw .schema(problem: "\(quoted(type)) is no type", path: path)
        }
    }

    // MARK: Rules

    mutating func newRule(_ body: GrammarExpression) throws(GrammarError) -> GrammarExpression {
        let number = try rules.newNumber(calling: "part \(rules.names.count)")
        try rules.define(number, as: body)
        return .rule(number)
    }

    /// The rule of that name, made when it is first asked for. It may ask for itself.
    mutating func sharedRule(
        _ name: String, _ body: (inout JSONSchemaGrammar) throws(GrammarError) -> GrammarExpression
    ) throws(GrammarError) -> GrammarExpression {
        if let known = shared[name] { return .rule(known) }
        let number = try rules.number(of: name)
        shared[name] = number
        try rules.define(number, as: try body(&self))
        return .rule(number)
    }

    private mutating func reference(_ value: JSONValue, at path: String) throws(GrammarError) -> GrammarExpression {
        let (way, target) = try target(of: value, at: path)
        if let known = referenceRules[way] { return .rule(known) }
        let pointer = value.string ?? ""
        let number = try rules.newNumber(calling: pointer)
        referenceRules[way] = number
        waiting.append((number, target, pointer))
        return .rule(number)
    }

    /// What a `$ref` leads to, and the members and indices on the way there.
    func target(of value: JSONValue, at path: String) throws(GrammarError) -> ([[UInt8]], JSONValue) {
        guard let pointer = value.string, pointer == "#" || pointer.hasPrefix("#/") else {
            throw .unsupported(what: "a \"$ref\" that does not begin with \"#\"", path: path)
        }
        var target = root
        var way: [[UInt8]] = []
        let parts = pointer.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false)
        for part in pointer == "#" ? [] : parts {
            let key = Self.unescaped(part)
            if let next = target[key] {
                target = next
                way.append(Array(key.utf8))
            } else if let items = target.array, let index = Int(key), items.indices.contains(index) {
                target = items[index]
                way.append(Array("\(index)".utf8))
            } else {
                throw .schema(problem: "\(quoted(pointer)) leads nowhere", path: path)
            }
        }
        return (way, target)
    }

    /// A part of a JSON pointer in a URI fragment (RFC 6901).
    private static func unescaped(_ part: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(part.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest.removeFirst(2)
            } else if byte == UInt8(ascii: "~"), let letter = rest.first, letter == 0x30 || letter == 0x31 {
                bytes.append(letter == 0x30 ? UInt8(ascii: "~") : UInt8(ascii: "/"))
                rest.removeFirst()
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Grammar {
    /// - Parameter schema: a JSON Schema; `JSONSchemaGrammar` says which part of it is implemented.
    /// - Throws: `GrammarError`.
    public init(jsonSchema schema: JSONValue) throws(GrammarError) {
        try self.init(try JSONSchemaGrammar.rules(for: schema))
    }

    /// Any JSON object.
    public static func jsonObject() throws(GrammarError) -> Grammar {
        try Grammar(jsonSchema: .object(JSONObject([("type", .string("object"))])))
    }
}
