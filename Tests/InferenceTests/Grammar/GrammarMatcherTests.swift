import Testing

@testable import Inference

/// Vocabularies made for tests: every byte, and words.
enum SmallVocabulary {
    static let end: Int32 = 300
    static let control: Int32 = 301

    static func trie(_ words: [String], seed: UInt64 = 0) -> TokenTrie {
        let texts = texts(words)
        return TokenTrie(tokenCount: texts.count, ends: [end]) { token in texts[Int(token)].map { $0[...] } }
    }

    /// Tokens 0 to 255 are the bytes; 300 ends an answer, 301 is no text; words follow.
    static func texts(_ words: [String]) -> [[UInt8]?] {
        var texts: [[UInt8]?] = (0..<256).map { [UInt8($0)] }
        texts += [[UInt8]?](repeating: nil, count: 46)
        return texts + words.map { Array($0.utf8) }
    }

    static let words = [
        "{\"", "\":", "\", \"", "\": \"", "\"}", "true", "false", "null", "12", "345", " \n", "name", "\u{e9}l\u{e8}ve",
        "🚀",
        "\"", "}}", "]]", "[[", "ab", "abc", "ab", "aba", "\\u00", "\\n", ",", ", ", "-1", "0.", "e5", "items",
    ]
}

@Suite("Following a grammar")
struct GrammarMatcherTests {
    /// The mask in the plainest way: every token tried by itself.
    private func plainMask(_ matcher: GrammarMatcher, _ trie: TokenTrie) throws -> TokenMask {
        var mask = TokenMask(count: trie.tokenCount)
        for token in 0..<Int32(trie.tokenCount) {
            var copy = matcher
            mask[token] = try copy.accept(token)
        }
        return mask
    }

    @Test("allows a token if its bytes can go on, and the end where the text may end")
    func masks() throws {
        let trie = SmallVocabulary.trie(SmallVocabulary.words)
        var matcher = try GrammarMatcher(try Grammar(gbnf: "root ::= \"ab\" (\"a\" | \"c\")?"), trie)
        func texts(_ mask: TokenMask) -> [String] {
            mask.tokens.map { $0 == SmallVocabulary.end ? "end" : String(decoding: trie.text(of: $0), as: UTF8.self) }
        }
        #expect(texts(try matcher.mask()) == ["a", "ab", "abc", "ab", "aba"])
        #expect(try matcher.accept(Int32(UInt8(ascii: "a"))))
        #expect(texts(try matcher.mask()) == ["b"])
        #expect(try !matcher.accept(Int32(UInt8(ascii: "a"))))
        #expect(try !matcher.accept(SmallVocabulary.end))
        #expect(try matcher.accept(Int32(UInt8(ascii: "b"))))
        #expect(texts(try matcher.mask()) == ["a", "c", "end"])
        #expect(try matcher.accept(SmallVocabulary.end))
        #expect(matcher.isFinished)
        #expect(try matcher.mask().isEmpty)
        #expect(try !matcher.accept(Int32(UInt8(ascii: "a"))))
    }

    @Test("characters may be cut anywhere by tokens")
    func cutCharacters() throws {
        let trie = SmallVocabulary.trie([])
        var matcher = try GrammarMatcher(try Grammar(gbnf: "root ::= [🚀🚂]"), trie)
        let bytes = Array("🚀".utf8)
        for byte in bytes.dropLast() { #expect(try matcher.accept(Int32(byte))) }
        #expect(try matcher.mask().tokens == [0x80, 0x82])
    }

    @Test("no text of a token, and no token without text, is taken twice or lost in the tree")
    func tree() {
        var generator = SplitMix(state: 4)
        for _ in 0..<50 {
            let words = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                    "abc".randomElement(using: &generator).map(String.init) ?? ""
                }.joined()
            }
            let texts = SmallVocabulary.texts(words)
            let trie = SmallVocabulary.trie(words)
            var found: [Int32: [UInt8]] = [:]
            var path: [UInt8] = []
            for node in trie.bytes.indices {
                path.removeSubrange(Int(trie.depths[node])...)
                path.append(trie.bytes[node])
                for place in trie.firstToken[node]..<trie.firstToken[node + 1] { found[trie.tokens[Int(place)]] = path }
            }
            for (token, text) in texts.enumerated() {
                #expect(found[Int32(token)] == (text?.isEmpty == false ? text : nil))
            }
        }
    }

    @Test("tokens alone say where an answer stands")
    func restart() throws {
        let trie = SmallVocabulary.trie(SmallVocabulary.words)
        let grammar = try Grammar.jsonObject()
        var matcher = try GrammarMatcher(grammar, trie)
        var generator = SplitMix(state: 8)
        var tokens: [Int32] = []
        for _ in 0..<60 {
            let mask = try matcher.mask()
            guard let token = mask.tokens.filter({ $0 != SmallVocabulary.end }).randomElement(using: &generator) else {
                break
            }
            #expect(try matcher.accept(token))
            tokens.append(token)
            var other = try GrammarMatcher(grammar, trie)
            #expect(try other.restart(tokens))
            #expect(try other.mask() == matcher.mask())
        }
        #expect(tokens.count > 10)
        #expect(try !matcher.restart([Int32(UInt8(ascii: "x"))]))
        #expect(try matcher.restart())
        #expect(try matcher.accept(Int32(UInt8(ascii: "{"))))
    }

    @Test("masks are what trying every token gives, for grammars of all kinds", arguments: 0..<40)
    func property(round: Int) throws {
        var generator = SplitMix(state: UInt64(round))
        let source = RandomGrammar.source(&generator)
        let trie = SmallVocabulary.trie(SmallVocabulary.words)
        guard let grammar = try? Grammar(gbnf: source) else { return }
        var matcher = try GrammarMatcher(grammar, trie)
        var bytes: [UInt8] = []
        for _ in 0..<25 {
            let mask = try matcher.mask()
            #expect(try mask == plainMask(matcher, trie), "\(source)")
            #expect(mask[SmallVocabulary.end] == (try grammar.accepts(bytes)))
            #expect(!mask.isEmpty, "a place that leads nowhere: \(source)")
            guard let token = mask.tokens.filter({ $0 != SmallVocabulary.end }).randomElement(using: &generator) else {
                break
            }
            #expect(try matcher.accept(token))
            bytes += Array(trie.text(of: token))
        }
    }

    @Test("a grammar that can be read in too many ways ends in an error, not in a long wait")
    func tooMuchWork() throws {
        // Every byte leads to another set of places.
        let parts = (1...20).map { "[ab]{\($0)} [ac]{\($0)}" }
        let grammar = try Grammar(gbnf: "root ::= (" + parts.joined(separator: " | ") + ")*")
        let trie = SmallVocabulary.trie(
            (0..<200).map { number in String((0..<8).map { number >> $0 & 1 == 0 ? "a" : "b" }) })
        var automaton = try GrammarAutomaton(grammar, workLimit: 1000)
        var mask = TokenMask(count: trie.tokenCount)
        let start = automaton.start
        #expect(throws: GrammarError.self) { try automaton.allow(trie, from: start, in: &mask) }
        var patient = try GrammarAutomaton(grammar, workLimit: 1_000_000)
        #expect(throws: Never.self) { try patient.allow(trie, from: start, in: &mask) }
    }

    @Test("what was forgotten is found again")
    func forgetting() throws {
        let grammar = try Grammar(gbnf: "root ::= \"[\" (root (\",\" root){0,3})? \"]\" | [a-z]{1,900}")
        var automaton = try GrammarAutomaton(grammar)
        var state = automaton.start
        for byte in "[[abc,[d],e".utf8 { state = try automaton.next(state, byte) }
        var kept = automaton
        var moved = try kept.forget(allBut: state)
        for byte in ",xy],[]".utf8 {
            state = try automaton.next(state, byte)
            moved = try kept.next(moved, byte)
            #expect((state == GrammarAutomaton.dead) == (moved == GrammarAutomaton.dead))
        }
        state = try automaton.next(state, UInt8(ascii: "]"))
        moved = try kept.next(moved, UInt8(ascii: "]"))
        #expect(automaton.isAccepting(state))
        #expect(kept.isAccepting(moved))
        #expect(kept.stateCount < automaton.stateCount)
    }

    @Test("a grammar works with the sampler: the answer keeps to it whatever the logits")
    func sampling() throws {
        let trie = SmallVocabulary.trie(SmallVocabulary.words)
        let grammar = try Grammar(gbnf: "root ::= \"{\" [a-z]{3} \":\" (\"true\" | \"false\") \"}\"")
        var sampler = Sampler()
        for seed in 0..<20 as Range<UInt64> {
            var generator = SplitMix(state: seed)
            var matcher = try GrammarMatcher(grammar, trie)
            var bytes: [UInt8] = []
            let parameters = try SamplingParameters(temperature: 1, topK: 3, seed: seed)
            while !matcher.isFinished {
                let logits = (0..<trie.tokenCount).map { _ in Float.random(in: -5...5, using: &generator) }
                let token = try sampler.sample(
                    logits: logits, parameters: parameters, position: bytes.count, allowed: matcher.mask()
                ).token
                #expect(try matcher.accept(token))
                bytes += Array(trie.text(of: token))
            }
            #expect(try grammar.accepts(bytes))
        }
    }
}

/// Grammars by chance.
enum RandomGrammar {
    static func source(_ generator: inout SplitMix) -> String {
        let count = Int.random(in: 1...4, using: &generator)
        return (0..<count).map { rule in
            "\(rule == 0 ? "root" : "r\(rule)") ::= " + alternatives(count, depth: 0, &generator)
        }.joined(separator: "\n")
    }

    private static func alternatives(_ rules: Int, depth: Int, _ generator: inout SplitMix) -> String {
        (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            (0..<Int.random(in: 1...3, using: &generator)).map { _ in element(rules, depth: depth, &generator) }
                .joined(separator: " ")
        }.joined(separator: " | ")
    }

    private static func element(_ rules: Int, depth: Int, _ generator: inout SplitMix) -> String {
        let atoms = [
            "\"a\"", "\"ab\"", "\"12\"", "[a-c]", "[^\"]", "\"🚀\"", "[\\u00e0-\\u00ff]", "\"{\"", "\"\\\"\"",
            "\"true\"",
        ]
        var result: String
        switch Int.random(in: 0...9, using: &generator) {
        case 0...1 where depth < 3: result = "(" + alternatives(rules, depth: depth + 1, &generator) + ")"
        case 2...3 where rules > 1: result = "r\(Int.random(in: 1..<rules, using: &generator))"
        default: result = atoms.randomElement(using: &generator) ?? "\"a\""
        }
        switch Int.random(in: 0...9, using: &generator) {
        case 0: result += "*"
        case 1: result += "+"
        case 2: result += "?"
        case 3: result += "{1,3}"
        case 4: result += "{2,}"
        default: break
        }
        return result
    }
}
