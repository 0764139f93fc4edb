import Testing

@testable import Inference

/// Formats that were written to kill or to stall whoever compiles or follows them. Each test ends at once; without the
/// bound that it is about, it overflows the stack or goes on for minutes.
@Suite("A hostile format")
struct HostileGrammarTests {
    private func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    private func list(_ count: Int, _ separator: String = ",", _ item: (Int) -> String) -> String {
        (0..<count).map(item).joined(separator: separator)
    }

    private func refusedForItsSize(_ make: () throws -> Grammar) {
        do {
            _ = try make()
            Issue.record("it was taken")
        } catch GrammarError.limit {
        } catch {
            Issue.record("it was refused for another reason: \(error)")
        }
    }

    // MARK: Depth

    @Test("does not nest by quantifiers in a row")
    func quantifiers() throws {
        refusedForItsSize { try Grammar(gbnf: "root ::= \"a\"" + repeated("?", 200_000)) }
        refusedForItsSize { try Grammar(gbnf: "root ::= \"a\"" + repeated("{1}", 80_000)) }
        let deepest = repeated("(", 63) + "\"a\"" + repeated(")?*+?", 63)
        #expect(try Grammar(gbnf: "root ::= " + deepest).accepts("aaa"))
    }

    @Test("does not nest by a chain of references")
    func references() throws {
        let nested = { (inner: String) in
            self.repeated("{\"anyOf\":[", 30) + "{" + inner + "}" + self.repeated("]}", 30)
        }
        let definitions = list(680) { number in
            "\"d\(number)\":" + nested(number == 679 ? "\"type\":\"null\"" : "\"$ref\":\"#/$defs/d\(number + 1)\"")
        }
        let schema = try JSONValue(parsing: "{\"$ref\":\"#/$defs/d0\",\"$defs\":{\(definitions)}}")
        let grammar = try Grammar(jsonSchema: schema)
        #expect(grammar.starts.count == 681)
    }

    // MARK: Time to compile

    @Test("of many short elements is read in one go")
    func elements() throws {
        #expect(try Grammar(gbnf: "root ::= " + repeated("\"\"", 130_000)).accepts(""))
    }

    @Test("cannot repeat nothing for free")
    func repeatedNothing() {
        refusedForItsSize { try Grammar(gbnf: "root ::= \"a\" " + repeated("\"\"{65535}", 28_000)) }
    }

    @Test("of rules that wait for each other is walked once", arguments: ["\"x\"", "\"x\"?"])
    func waitingRules(last: String) throws {
        let count = 6000
        let rules = list(count, "\n") { "r\($0) ::= " + ($0 == 0 ? last : "r\($0 - 1)") }
        let calls = list(count, " ") { "r\((($0 + count - 1) % count))" }
        let grammar = try Grammar(gbnf: "root ::= \"\(repeated("a", 100_000))\" \(calls)\n\(rules)")
        #expect(grammar.starts.count == count + 1)
    }

    @Test("may require thousands of names beside thousands of properties")
    func required() throws {
        let properties = list(8000) { "\"p\($0)\":true" }
        let schema = try JSONValue(
            parsing: "{\"properties\":{\(properties)},\"required\":[\(list(8000) { "\"q\($0)\"" })]}")
        refusedForItsSize { try Grammar(jsonSchema: schema) }
    }

    @Test("makes one rule of a place, however often and in whatever way it is named")
    func aliases() throws {
        let names = list(64) { number in
            "{\"$ref\":\"#/anyOf/64/$defs/" + (0..<6).map { number >> $0 & 1 == 0 ? "a" : "%61" }.joined() + "\"}"
        }
        let schema = try JSONValue(
            parsing: "{\"anyOf\":[\(names),{\"$defs\":{\"aaaaaa\":{\"type\":\"null\"}},\"type\":\"null\"}]}")
        #expect(try Grammar(jsonSchema: schema).starts.count == 2)
        let accents = "{\"$ref\":\"#/$defs/\u{e9}\"},{\"$ref\":\"#/$defs/e\u{301}\"}"
        let apart = try JSONValue(
            parsing: "{\"anyOf\":[\(accents)],\"$defs\":{\"\u{e9}\":{\"const\":1},\"e\u{301}\":{\"const\":2}}}")
        #expect(try Grammar(jsonSchema: apart).accepts("2"))
    }

    @Test("of long patterns makes each set of characters once")
    func patterns() throws {
        for part in [".", "|", "\\\\S"] {
            let pattern = repeated(part, 4000 / part.utf8.count)
            let schema = try JSONValue(parsing: "{\"anyOf\":[\(list(60) { _ in "{\"pattern\":\"\(pattern)\"}" })]}")
            refusedForItsSize { try Grammar(jsonSchema: schema) }
        }
    }

    @Test("names each type once")
    func types() throws {
        let schema = try JSONValue(parsing: "{\"type\":[\"object\",\"null\",\"object\"]}")
        #expect(throws: GrammarError.schema(problem: "a type is named twice", path: "#")) {
            try Grammar(jsonSchema: schema)
        }
    }

    // MARK: Work and memory while it is followed

    @Test("pays for alternatives that are the same")
    func sameAlternatives() throws {
        let grammar = try Grammar(gbnf: "root ::= (x \"a\"?){50}\nx ::= \"b\" | " + repeated("|", 1000))
        #expect(throws: GrammarError.self) { try GrammarAutomaton(grammar, workLimit: 20_000) }
        #expect(throws: Never.self) { try GrammarAutomaton(grammar, workLimit: 200_000) }
    }

    @Test("pays for every place that a byte is tried at")
    func triedPlaces() throws {
        var automaton = try GrammarAutomaton(try Grammar(gbnf: "root ::= (\"a\"?){1000} \"b\""))
        automaton.begin()
        // One place is reached, and a thousand are looked at.
        _ = try automaton.next(automaton.start, UInt8(ascii: "b"))
        #expect(automaton.work > 50)
    }

    @Test("is not what an enumeration of thousands of texts is taken for")
    func wideEnumeration() throws {
        let values = (0..<12000).map { String($0 * 7919 % 65536, radix: 32) }
        let schema = JSONValue.object(JSONObject([("enum", .array(values.map { .string($0) }))]))
        var matcher = try GrammarMatcher(try Grammar(jsonSchema: schema), SmallVocabulary.trie(values))
        #expect(try matcher.accept(Int32(UInt8(ascii: "\""))))
        #expect(try matcher.mask().tokens.count > 12000)
    }

    @Test("is forgotten in time if its states have many places")
    func manyPlaces() throws {
        var automaton = try GrammarAutomaton(try Grammar(gbnf: "root ::= ([ab]?){5000}"))
        var state = automaton.start
        for _ in 0..<60 {
            automaton.begin()
            state = try automaton.next(state, UInt8(ascii: "a"))
        }
        #expect(automaton.stateCount < 70)
        #expect(automaton.isFull)
        _ = try automaton.forget(allBut: state)
        #expect(!automaton.isFull)
    }

    @Test("is forgotten in time if it tells many bytes apart")
    func manyClasses() throws {
        let letters = String(decoding: Array(0x23...0x5B) + Array(0x5D...0x7E), as: UTF8.self)
        var automaton = try GrammarAutomaton(try Grammar(gbnf: "root ::= \"\(repeated(letters, 330))\""))
        var state = automaton.start
        for byte in repeated(letters, 330).utf8 {
            automaton.begin()
            state = try automaton.next(state, byte)
        }
        #expect(automaton.stateCount < GrammarLimit.states)
        #expect(automaton.isFull)
        _ = try automaton.forget(allBut: state)
        #expect(!automaton.isFull)
    }

    @Test("leaves few masks behind")
    func masks() throws {
        let trie = SmallVocabulary.trie([])
        var matcher = try GrammarMatcher(try Grammar(gbnf: "root ::= \"a\"{200}"), trie)
        for _ in 0..<200 {
            _ = try matcher.mask()
            #expect(try matcher.accept(Int32(UInt8(ascii: "a"))))
            #expect(matcher.masks.count <= 64)
        }
    }
}
