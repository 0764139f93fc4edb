import Testing

@testable import Inference

extension Grammar {
    /// Whether the whole text keeps to the format.
    func accepts(_ text: String) throws -> Bool { try accepts(Array(text.utf8)) }

    func accepts(_ bytes: [UInt8]) throws -> Bool {
        var automaton = try GrammarAutomaton(self)
        var state = automaton.start
        for byte in bytes {
            state = try automaton.next(state, byte)
            if state == GrammarAutomaton.dead { return false }
        }
        return automaton.isAccepting(state)
    }
}

@Suite("A grammar")
struct GrammarTests {
    private func check(_ source: String, takes: [String], refuses: [String]) throws {
        let grammar = try Grammar(gbnf: source)
        for text in takes { #expect(try grammar.accepts(text), "\(source) should take \(text.debugDescription)") }
        for text in refuses { #expect(try !grammar.accepts(text), "\(source) should refuse \(text.debugDescription)") }
    }

    @Test("has texts, alternatives, groups and repetitions")
    func forms() throws {
        try check("root ::= \"a\" (\"b\" | \"c\")* \"d\"", takes: ["ad", "abcbd"], refuses: ["", "a", "abd ", "abad"])
        try check("root ::= \"x\"? \"y\"+", takes: ["y", "xyy"], refuses: ["x", "xx"])
        try check(
            "root ::= \"a\"{2} \"b\"{1,3} \"c\"{2,}", takes: ["aabcc", "aabbbcccc"],
            refuses: ["abcc", "aabbbbcc", "aabc"])
        try check("root ::= (\"ab\" | \"a\"){0,2}", takes: ["", "a", "ab", "aab", "aba"], refuses: ["aaa", "b"])
        try check("root ::= | \"a\"", takes: ["", "a"], refuses: ["aa"])
    }

    @Test("has rules, comments and lines")
    func lines() throws {
        try check(
            """
            # A list of numbers.
            root ::= number   # the first
                ("," number)*
              | "none"
            number ::= [1-9] [0-9]{0,2}
            """, takes: ["1", "12,345", "none"], refuses: ["", "0", "1,", "1234"])
    }

    @Test("has classes of characters, over all of Unicode")
    func classes() throws {
        try check("root ::= [a-cx]", takes: ["a", "c", "x"], refuses: ["d", "", "ax"])
        try check("root ::= [^a\"\\n]", takes: ["b", "\u{e9}", "\u{4f60}", "🚀"], refuses: ["a", "\"", "\n"])
        try check("root ::= [\\u4e00-\\u9fff]+", takes: ["你好"], refuses: ["a", "\u{3042}"])
        try check("root ::= [\\]\\-\\\\]", takes: ["]", "-", "\\"], refuses: ["a"])
        try check("root ::= \"\\U0001F680\\x41\\\"\"", takes: ["🚀A\""], refuses: ["A"])
        try check("root ::= .", takes: ["\n", "a", "\u{7FF}", "\u{FFFF}", "\u{10FFFF}"], refuses: ["ab", ""])
    }

    @Test("takes UTF-8 and nothing else for a character")
    func bytes() throws {
        let grammar = try Grammar(gbnf: "root ::= .")
        for bytes: [UInt8] in [
            [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xFF],
        ] {
            #expect(try !grammar.accepts(bytes))
        }
    }

    @Test("cuts ranges of characters into bytes without loss", arguments: 0..<200)
    func ranges(round: Int) throws {
        var generator = SplitMix(state: UInt64(round))
        func point() -> UInt32 {
            let bits = UInt32.random(in: 1...20, using: &generator)
            let value = UInt32.random(in: 0..<(1 << bits), using: &generator)
            return CodePoints.surrogates.contains(value) ? 0xD7FF : value
        }
        let (one, other) = (point(), point())
        let range = min(one, other)...max(one, other)
        let grammar = try Grammar(GrammarRules(root: .character(CodePoints.union([range]))))
        let edges = [range.lowerBound, range.upperBound, range.lowerBound &- 1, range.upperBound + 1, point(), point()]
        for edge in edges {
            guard let scalar = Unicode.Scalar(edge) else { continue }
            #expect(try grammar.accepts(String(Character(scalar))) == range.contains(edge), "\(range) \(edge)")
        }
    }

    @Test("nests without end, and repetition by recursion does not pile up")
    func recursion() throws {
        try check(
            "root ::= \"(\" root \")\" | \"x\"",
            takes: ["x", "((x))", String(repeating: "(", count: 200) + "x" + String(repeating: ")", count: 200)],
            refuses: ["(x", "x)", "()"])
        try check("root ::= \"a\" root | \"b\"", takes: [String(repeating: "a", count: 5000) + "b"], refuses: ["a"])
        // Deeper than the bound, brackets must not follow.
        try check("root ::= \"(\" root \")\" | \"x\"", takes: [], refuses: [String(repeating: "(", count: 300)])
    }

    @Test("reads what can be read in several ways")
    func ambiguity() throws {
        try check("root ::= (\"a\" | \"aa\")* \"a\"", takes: ["a", "aa", "aaaaaa"], refuses: ["", "b"])
        try check("root ::= (\"a\"* \"b\"*)* \"c\"", takes: ["c", "aababc"], refuses: ["ab"])
    }

    @Test("that begins with itself is refused by name")
    func leftRecursion() {
        #expect(throws: GrammarError.leftRecursion("root")) { try Grammar(gbnf: "root ::= root \"a\" | \"b\"") }
        #expect(throws: GrammarError.leftRecursion("list")) {
            try Grammar(gbnf: "root ::= \"x\" list\nlist ::= space list \"a\" | \"b\"\nspace ::= \" \"?")
        }
        #expect(throws: GrammarError.self) { try Grammar(gbnf: "root ::= a\na ::= b\nb ::= a | \"x\"") }
    }

    @Test("that never ends is refused by name")
    func endless() {
        #expect(throws: GrammarError.endless("loop")) {
            try Grammar(gbnf: "root ::= \"a\" | loop\nloop ::= \"x\" loop")
        }
    }

    @Test(
        "that is malformed is refused",
        arguments: [
            "", "a ::= \"x\"", "root := \"a\"", "root ::= \"a", "root ::= (\"a\"", "root ::= [z-a]", "root ::= []",
            "root ::= \"\\q\"", "root ::= \"a\"{2", "root ::= \"a\"{3,2}", "root ::= b",
            "root ::= \"a\"\nroot ::= \"b\"",
            "root ::= \"\\ud800\"", "root ::= [a", "root ::= )", "root ::= \"a\"{99999999}", "root ::= *",
        ])
    func malformed(source: String) {
        #expect(throws: GrammarError.self) { try Grammar(gbnf: source) }
    }

    @Test("is bounded in size")
    func size() {
        let nested = String(repeating: "(", count: 70) + "\"a\"" + String(repeating: ")", count: 70)
        #expect(throws: GrammarError.self) { try Grammar(gbnf: "root ::= " + nested) }
        #expect(throws: GrammarError.self) {
            try Grammar(gbnf: "root ::= " + String(repeating: "(\"abc\"{60000} | \"x\") ", count: 10))
        }
        #expect(throws: GrammarError.self) { try Grammar(gbnf: String(repeating: "#\n", count: 1 << 18)) }
    }

    @Test("of thousands of rules in a row is compiled at once")
    func long() throws {
        let count = 8000
        let rules = (1..<count).map { "r\($0) ::= r\($0 + 1) r\($0 + 1)?" } + ["r\(count) ::= \"a\"?"]
        #expect(try Grammar(gbnf: "root ::= \"b\" | \"c\" r7998\n" + rules.joined(separator: "\n")).accepts("caa"))
    }

    @Test("keeps classes of characters apart that are repeated")
    func classesApart() throws {
        try check(
            "root ::= [\\u00e0-\\u00ff]{2} [\\u4e00-\\u4e0f]{2}", takes: ["\u{e9}\u{e8}\u{4e00}\u{4e01}"],
            refuses: ["\u{e9}\u{e8}\u{e9}\u{e8}", "\u{4e00}\u{4e01}\u{4e00}\u{4e01}"])
    }

    @Test("counts repetitions of repetitions without multiplying its size")
    func counted() throws {
        let grammar = try Grammar(gbnf: "root ::= (((\"ab\"{50}){50}){50} \"c\")")
        #expect(grammar.nodes.count < 1000)
    }
}

extension GrammarRules {
    /// A grammar of one rule.
    init(root: GrammarExpression) throws(GrammarError) {
        self.init()
        let number = try number(of: "root")
        try define(number, as: root)
    }
}
