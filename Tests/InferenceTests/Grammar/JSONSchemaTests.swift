import Foundation
import Testing

@testable import Inference

/// What the package `jsonschema` says of documents (tools/fixtures/record-schemas.py).
struct RecordedSchema: Decodable, Sendable, CustomTestStringConvertible {
    struct Document: Decodable {
        let text: String
        let valid: Bool
        /// Right by the schema, but left out by the grammar on purpose.
        let left_out: Bool
    }

    let schema: String
    let documents: [Document]
    var testDescription: String { schema }

    static func all() throws -> [RecordedSchema] {
        try Fixture.decode([RecordedSchema].self, from: "schemas.json")
    }

    func grammar() throws -> Grammar { try Grammar(jsonSchema: JSONValue(parsing: schema)) }
}

@Suite("The grammar of a JSON Schema")
struct JSONSchemaTests {
    @Test("takes the documents that the schema accepts, and no others", arguments: try RecordedSchema.all())
    func documents(recorded: RecordedSchema) throws {
        let grammar = try recorded.grammar()
        for document in recorded.documents {
            let expected = document.valid && !document.left_out
            #expect(try grammar.accepts(document.text) == expected, "\(document.text)")
        }
    }

    @Test(
        "refuses by name what it cannot keep to",
        arguments: [
            ("{\"type\":\"object\",\"minProperties\":1}", "minProperties"),
            ("{\"type\":\"array\",\"uniqueItems\":true}", "uniqueItems"),
            ("{\"type\":\"array\",\"contains\":{}}", "contains"),
            ("{\"not\":{\"type\":\"string\"}}", "not"),
            ("{\"if\":{},\"then\":{}}", "if"),
            ("{\"type\":\"number\",\"multipleOf\":2}", "multipleOf"),
            ("{\"type\":\"number\",\"maximum\":2}", "maximum"),
            ("{\"type\":\"object\",\"patternProperties\":{}}", "patternProperties"),
            ("{\"anyOf\":[{}],\"type\":\"string\"}", "type"),
            ("{\"allOf\":[{},{}]}", "allOf"),
            ("{\"enum\":[\"a\"],\"minLength\":3}", "minLength"), ("{\"const\":\"a\",\"pattern\":\"b\"}", "pattern"),
            ("{\"enum\":[1],\"minimum\":5}", "minimum"), ("{\"const\":{},\"required\":[\"a\"]}", "required"),
            ("{\"const\":1,\"enum\":[2]}", "enum"), ("{\"oneOf\":[{\"const\":1}],\"type\":\"null\"}", "type"),
            ("{\"$ref\":\"other.json\"}", "$ref"),
            ("{\"type\":\"string\",\"pattern\":\"a\",\"minLength\":1}", "minLength"),
            ("{\"type\":\"string\",\"format\":\"iri\"}", "iri"),
            ("{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "(?"),
            ("{\"type\":\"string\",\"pattern\":\"a*?\"}", "lazy"),
            ("{\"type\":\"string\",\"pattern\":\"\\\\bx\"}", "b"),
            ("{\"type\":\"array\",\"items\":[{}]}", "items"),
        ])
    func unsupported(schema: String, name: String) throws {
        do {
            _ = try Grammar(jsonSchema: JSONValue(parsing: schema))
            Issue.record("\(schema) was taken")
        } catch let error as GrammarError {
            guard case .unsupported(let what, _) = error else { throw error }
            #expect(what.contains(name))
        }
    }

    @Test("refuses names that would take it too deep")
    func longNames() throws {
        let name = String(repeating: "n", count: 100_000)
        let schema = try JSONValue(
            parsing: "{\"type\":\"object\",\"properties\":{\"\(name)\":{}},\"additionalProperties\":true}")
        #expect(throws: GrammarError.self) { try Grammar(jsonSchema: schema) }
    }

    @Test(
        "refuses schemas that are none",
        arguments: [
            "1", "{\"type\":\"text\"}", "{\"type\":3}", "false", "{\"enum\":[]}", "{\"$ref\":\"#/nowhere\"}",
            "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "{\"type\":\"string\",\"minLength\":-1}",
            "{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", "{\"type\":\"string\",\"pattern\":\"(a\"}",
            "{\"type\":\"string\",\"pattern\":\"a)\"}", "{\"type\":\"string\",\"pattern\":\"[\"}",
            "{\"type\":\"object\",\"properties\":[]}", "{\"$ref\":\"#\"}",
            "{\"type\":\"array\",\"items\":false,\"minItems\":1}", "{\"required\":[3]}",
            "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
            // Values that are not of the type that stands beside them, and numbers that nothing can hold.
            "{\"type\":\"string\",\"enum\":[1,2]}", "{\"type\":\"string\",\"const\":5}",
            "{\"type\":\"integer\",\"const\":\"x\"}", "{\"type\":\"integer\",\"enum\":[1.5]}",
            "{\"type\":[\"string\",\"null\"],\"const\":false}", "{\"type\":\"text\",\"const\":1}",
            "{\"const\":1e400}", "{\"enum\":[{\"a\":[-1e400]}]}",
        ])
    func wrong(schema: String) throws {
        let value = try JSONValue(parsing: schema)
        #expect(throws: GrammarError.self) { try Grammar(jsonSchema: value) }
    }

    @Test("leads every random walk to a document that the schema accepts", arguments: 0..<60)
    func walks(round: Int) throws {
        var generator = SplitMix(state: UInt64(round) + 77)
        let recorded = try RecordedSchema.all()
        let schema =
            round < recorded.count
            ? try JSONValue(parsing: recorded[round].schema) : RandomSchema.schema(&generator, depth: 0)
        let trie = SmallVocabulary.trie(SmallVocabulary.words)
        let grammar = try Grammar(jsonSchema: schema)
        for _ in 0..<8 {
            guard let text = try Self.walk(grammar, trie, &generator) else { continue }
            let document = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            _ = document
            try Self.keep(schema.text, text)
        }
    }

    /// A document by chance: mostly any token that may follow, and towards the end those that close.
    static func walk(_ grammar: Grammar, _ trie: TokenTrie, _ generator: inout SplitMix) throws -> String? {
        var matcher = try GrammarMatcher(grammar, trie)
        var bytes: [UInt8] = []
        for step in 0..<2000 {
            let mask = try matcher.mask()
            #expect(!mask.isEmpty)
            if mask[SmallVocabulary.end], Int.random(in: 0..<4, using: &generator) == 0 || step > 60 { break }
            var tokens = mask.tokens.filter { $0 != SmallVocabulary.end }
            if step > 60 {
                let closing = tokens.filter {
                    [UInt8(ascii: "]"), 0x7D, 0x22, 0x3A].contains(UInt8(truncatingIfNeeded: $0)) && $0 < 256
                }
                if !closing.isEmpty, Int.random(in: 0..<8, using: &generator) > 0 { tokens = closing }
            }
            guard let token = tokens.randomElement(using: &generator) else { break }
            #expect(try matcher.accept(token))
            bytes += Array(trie.text(of: token))
        }
        guard matcher.isAccepting else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Writes a walk where `record-schemas.py --check` finds it, if that is asked for.
    static func keep(_ schema: String, _ text: String) throws {
        guard let path = ProcessInfo.processInfo.environment["TIKTRUE_WALKS"] else { return }
        let line = JSONValue.object(JSONObject([("schema", .string(schema)), ("text", .string(text))])).text + "\n"
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        defer { close(file) }
        let bytes = Array(line.utf8)
        #expect(write(file, bytes, bytes.count) == bytes.count)
    }
}

/// Schemas by chance, out of what is implemented.
enum RandomSchema {
    static func schema(_ generator: inout SplitMix, depth: Int) -> JSONValue {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
        switch number(0...(depth < 3 ? 10 : 6)) {
        case 0: return object([("type", .string("boolean"))])
        case 1:
            let low = number(-1200...1200)
            return object([
                ("type", .string("integer")), ("minimum", .integer(low)), ("maximum", .integer(low + number(0...2000))),
            ])
        case 2: return object([("type", .string("number"))])
        case 3:
            let least = number(0...3)
            return object([
                ("type", .string("string")), ("minLength", .integer(least)),
                ("maxLength", .integer(least + number(0...5))),
            ])
        case 4:
            let patterns = ["^[a-z]+\\d?$", "x", "^(ab|c[^d])*$", "\\w\\s\\S", "^.{2,4}$", "\"|\\\\"]
            return object([("type", .string("string")), ("pattern", .string(patterns[number(0...5)]))])
        case 5:
            return object([
                ("enum", .array([.integer(number(0...9)), .string("e\u{e9}\n"), .null, .array([.bool(true)])]))
            ])
        case 6:
            let low = number(0...10000)
            return object([
                ("type", .string("integer")), (["minimum", "exclusiveMinimum"][number(0...1)], .integer(low)),
            ])
        case 7:
            let least = number(0...2)
            return object([
                ("type", .string("array")), ("items", schema(&generator, depth: depth + 1)),
                ("minItems", .integer(least)),
                ("maxItems", .integer(least + number(0...2))),
            ])
        case 8:
            return object([
                ("anyOf", .array([schema(&generator, depth: depth + 1), schema(&generator, depth: depth + 1)]))
            ])
        default:
            let names = ["a", "ab", "b\"c", "\u{e9}"]
            var properties: [(String, JSONValue)] = []
            var required: [JSONValue] = []
            for name in names.prefix(number(0...4)) {
                properties.append((name, schema(&generator, depth: depth + 1)))
                if number(0...1) == 0 { required.append(.string(name)) }
            }
            var members: [(String, JSONValue)] = [
                ("type", .string("object")), ("properties", object(properties)), ("required", .array(required)),
            ]
            switch number(0...2) {
            case 0: members.append(("additionalProperties", .bool(false)))
            case 1: members.append(("additionalProperties", schema(&generator, depth: depth + 1)))
            default: break
            }
            return object(members)
        }
    }
}
