import Testing

@testable import Inference

@Suite("The grammar of a JSON Schema with oneOf")
struct JSONSchemaAlternativesTests {
    private static let kinds = #"""
        {"type":"object","properties":{"pet":{"oneOf":[{"$ref":"#/$defs/Cat"},{"$ref":"#/$defs/Dog"}],
        "discriminator":{"propertyName":"kind","mapping":{"cat":"#/$defs/Cat"}}}},"required":["pet"],
        "$defs":{"Cat":{"type":"object","properties":{"kind":{"const":"cat","type":"string"},"name":{"type":"string"}},
        "required":["kind","name"]},
        "Dog":{"type":"object","properties":{"kind":{"enum":["dog"],"type":"string"},"name":{"type":"string"}},
        "required":["kind","name"]}}}
        """#

    @Test(
        "takes alternatives that exclude each other",
        arguments: [
            (#"{"oneOf":[{"type":"string"},{"type":"null"},{"type":"array"}]}"#, #""a""#),
            (#"{"oneOf":[{"const":1},{"const":2},{"type":"string"}]}"#, "2"),
            (#"{"oneOf":[{"enum":["a","b"]},{"enum":["c"]}]}"#, #""c""#),
            (#"{"oneOf":[{"enum":["a",1]},{"type":"string","enum":["b",1]}]}"#, "1"),
            (#"{"oneOf":[{"const":{"a":1}},{"const":{"a":2}}]}"#, #"{"a":2}"#),
            (#"{"oneOf":[{"const":{"a":1}},{"type":"object","required":["b"]}]}"#, #"{"a":1}"#),
            (#"{"oneOf":[{"anyOf":[{"type":"string"},{"type":"null"}]},{"type":"integer"}]}"#, "null"),
            // A property that says which it is, required by both or by one.
            (kinds, #"{"pet":{"kind":"dog","name":"x"}}"#),
            (
                #"{"oneOf":[{"properties":{"k":{"const":1}},"required":["k"]},{"properties":{"k":{"const":2}}}]}"#,
                #"{"k":2}"#
            ),
            // Deeper inside.
            (
                #"""
                {"oneOf":[{"properties":{"a":{"properties":{"k":{"const":1}},"required":["k"]}},"required":["a"]},
                {"properties":{"a":{"properties":{"k":{"type":"string"}},"required":["k"]}},"required":["a"]}]}
                """#, #"{"a":{"k":"x"}}"#
            ),
            // A property that the other one does not have.
            (
                #"""
                {"oneOf":[{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false},
                {"type":"object","properties":{"b":{}},"required":["b"],"additionalProperties":false}]}
                """#, #"{"b":1}"#
            ),
            (
                #"{"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]}"#,
                #"{"a":1}"#
            ),
        ])
    func exclusive(schema: String, document: String) throws {
        #expect(try Grammar(jsonSchema: JSONValue(parsing: schema)).accepts(document))
    }

    @Test("takes long lists of alternatives, and refuses those that take too long to compare")
    func many() throws {
        func list(_ count: Int, _ entry: (Int) -> String) -> String { (0..<count).map(entry).joined(separator: ",") }
        let titled = #"{"oneOf":[\#(list(180) { #"{"const":"c\#($0)","title":"t"}"# })]}"#
        #expect(try Grammar(jsonSchema: JSONValue(parsing: titled)).accepts(#""c179""#))
        let words = list(1000) { #""s\#($0)""# }
        let numbers = list(1000) { "\($0)" }
        let large = #"{"oneOf":[{"enum":[\#(words)]},{"type":"string","enum":[\#(numbers),"a"]}]}"#
        let error = #expect(throws: GrammarError.self) { try Grammar(jsonSchema: JSONValue(parsing: large)) }
        guard case .limit = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "refuses alternatives that may both take a value",
        arguments: [
            #"{"oneOf":[{"enum":["a","b"]},{"enum":["a"]}]}"#, #"{"oneOf":[{"const":1},{"const":1.0}]}"#,
            #"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, #"{"oneOf":[{"const":1},{"type":"number"}]}"#,
            #"{"oneOf":[{"type":"string","maxLength":2},{"type":"string","minLength":1}]}"#, #"{"oneOf":[{},{}]}"#,
            #"{"oneOf":[true,{"type":"null"}]}"#, #"{"oneOf":[{"type":["string","null"]},{"type":["null","array"]}]}"#,
            // Without a type, what the other one says holds only of some values.
            #"{"oneOf":[{"type":"null"},{"minLength":1}]}"#,
            #"{"oneOf":[{"type":"object"},{"properties":{"k":{"const":2}}}]}"#,
            // The property that tells them apart may be missing, or is the same.
            #"{"oneOf":[{"properties":{"k":{"const":1}}},{"properties":{"k":{"const":2}}}]}"#,
            #"{"oneOf":[{"properties":{"k":{"const":1}},"required":["k"]},{"properties":{"k":{}},"required":["k"]}]}"#,
            // One has what the other one has, and more.
            #"{"oneOf":[{"properties":{"a":{}}},{"properties":{"a":{},"b":{}},"required":["b"]}]}"#,
            #"{"oneOf":[{"properties":{"a":{}},"additionalProperties":{}},{"required":["a"]}]}"#,
            #"{"oneOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"]}]}"#,
            #"{"oneOf":[{"anyOf":[{"type":"string"},{"type":"null"}]},{"type":"null"}]}"#,
            // Too deep to be looked through.
            ##"""
            {"properties":{"a":{"oneOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/y"}]}},
            "$defs":{"x":{"$ref":"#/$defs/y"},"y":{"$ref":"#/$defs/x"}}}
            """##,
        ])
    func overlapping(schema: String) throws {
        let value = try JSONValue(parsing: schema)
        let error = #expect(throws: GrammarError.self) { try Grammar(jsonSchema: value) }
        guard case .overlap? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("writes only the values that are of the type beside them")
    func types() throws {
        let grammar = try Grammar(
            jsonSchema: JSONValue(parsing: #"{"type":["string","integer"],"enum":["a",1,null,1.5,2.0]}"#))
        for text in [#""a""#, "1", "2.0"] { #expect(try grammar.accepts(text)) }
        for text in ["null", "1.5"] { #expect(try !grammar.accepts(text)) }
    }

    @Test("leads every random walk to a document that one alternative accepts", arguments: 0..<150)
    func walks(round: Int) throws {
        var generator = SplitMix(state: UInt64(round) + 7)
        let schemas = (0..<2).map { _ in Self.schema(&generator) }
        let schema = JSONValue.object(JSONObject([("oneOf", .array(schemas))]))
        guard let grammar = try? Grammar(jsonSchema: schema) else { return }
        let alternatives = try schemas.map { try Grammar(jsonSchema: $0) }
        let trie = SmallVocabulary.trie(SmallVocabulary.words)
        for _ in 0..<4 {
            guard let text = try JSONSchemaTests.walk(grammar, trie, &generator) else { continue }
            #expect(try alternatives.count { try $0.accepts(text) } == 1, "\(schema.text): \(text)")
            try JSONSchemaTests.keep(schema.text, text)
        }
    }

    /// Objects that have few names and values in common, and now and then something else.
    private static func schema(_ generator: inout SplitMix) -> JSONValue {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
        if number(0...9) == 0 { return RandomSchema.schema(&generator, depth: 3) }
        var properties: [(String, JSONValue)] = []
        var required: [JSONValue] = []
        for name in ["a", "b"] where number(0...2) > 0 {
            let schemas: [JSONValue] = [
                object([("const", .integer(number(1...2)))]), object([("enum", .array([.integer(1), .string("x")]))]),
                object([("type", .string("string")), ("maxLength", .integer(2))]),
                object([("type", .string("boolean"))]),
                object([("properties", object([("a", object([("const", .integer(number(1...2)))]))]))]),
                object([("type", .string("integer")), ("enum", .array([.integer(2), .string("x")]))]),
            ]
            properties.append((name, schemas[number(0...5)]))
            if number(0...2) > 0 { required.append(.string(name)) }
        }
        var members: [(String, JSONValue)] = [("required", .array(required))]
        if number(0...4) > 0 { members.append(("properties", object(properties))) }
        if number(0...2) == 0 { members.append(("type", .string("object"))) }
        if number(0...2) == 0 { members.append(("additionalProperties", .bool(number(0...1) == 0))) }
        return object(members)
    }
}
