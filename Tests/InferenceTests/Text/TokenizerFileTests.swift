import Testing

@testable import Inference

private let vocabulary = #"{"a": 0, "b": 1, "ab": 2, "Ġ": 3}"#

private func file(
    model: String = #"{"type": "BPE", "vocab": \#(vocabulary), "merges": ["a b"]}"#,
    pre: String = #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}"#, normalizer: String = "null",
    added: String = "[]", post: String = "null"
) -> [UInt8] {
    Array(
        #"{"normalizer": \#(normalizer), "pre_tokenizer": \#(pre), "model": \#(model), "added_tokens": \#(added), "post_processor": \#(post)}"#
            .utf8)
}

@Suite("A tokenizer.json")
struct TokenizerFileTests {
    @Test("gives vocabulary, merges and added tokens")
    func reads() throws {
        let added = #"""
            [{"id": 4, "content": "<|x|>", "special": true, "lstrip": true, "rstrip": true},
             {"id": 5, "content": "<\u0079\ud83d\ude00>", "special": false}]
            """#
        let tokenizer = try Tokenizer(json: file(added: added))
        #expect(tokenizer.encode("ab b", parseSpecial: false) == [2, 3, 1])
        #expect(tokenizer.encode("a <|x|> b<y😀>", parseSpecial: true) == [0, 4, 1, 5])
        #expect(!tokenizer.encode("<|x|>", parseSpecial: false).contains(4))
    }

    @Test("takes merges as pairs, and the ends of a sequence from its template")
    func ends() throws {
        let model = #"{"type": "BPE", "vocab": \#(vocabulary), "merges": [["a", "b"]]}"#
        let post = #"""
            {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing", "single":
             [{"SpecialToken": {"id": "Ġ"}}, {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "b"}}]}]}
            """#
        let tokenizer = try Tokenizer(json: file(model: model, post: post))
        #expect(tokenizer.encode("ab", parseSpecial: false, atStart: true, atEnd: true) == [3, 2, 1])
    }

    @Test("finds several spaces that are an added token by merging them")
    func spaces() throws {
        let model = #"""
            {"type": "BPE", "vocab": {"<unk>": 0, "▁": 1, "▁▁": 2, "a": 3, "▁a": 4, "\n": 5, "\n\n": 6},
             "merges": [["▁", "▁"], ["▁", "a"]], "unk_token": "<unk>"}
            """#
        let added = #"[{"id": 2, "content": "▁▁"}, {"id": 6, "content": "\n\n"}, {"id": 5, "content": "\n"}]"#
        let tokenizer = try Tokenizer(
            json: file(
                model: model, pre: "null",
                normalizer: #"{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"#, added: added))
        #expect(tokenizer.encode("a   a\n\n\n  ", parseSpecial: false) == [3, 2, 4, 6, 5, 2])
        #expect(tokenizer.decode([2, 3]) == Array("  a".utf8))
    }

    @Test("composes text where it asks for that")
    func composes() throws {
        let model = #"{"type": "BPE", "vocab": {"e": 0, "Ã": 1, "©": 2}, "merges": []}"#
        let tokenizer = try Tokenizer(json: file(model: model, normalizer: #"{"type": "NFC"}"#))
        #expect(tokenizer.encode("ee\u{301}", parseSpecial: false) == [0, 1, 2])
        #expect(tokenizer.encode(bytes: [0x65, 0xFF, 0x65, 0xCC, 0x81], parseSpecial: false) == [0, 1, 2])
    }

    @Test(
        "is refused by name where it asks for what is not implemented",
        arguments: [
            (file(pre: #"{"type": "Split", "pattern": {"Regex": "[a-z]+"}, "behavior": "Isolated"}"#), "[a-z]+"),
            (file(pre: #"{"type": "BertPreTokenizer"}"#), "BertPreTokenizer"),
            (file(normalizer: #"{"type": "Lowercase"}"#), "Lowercase"),
            (file(model: #"{"type": "WordPiece"}"#), "WordPiece"),
            (file(pre: #"{"type": "ByteLevel", "add_prefix_space": true}"#), "add_prefix_space"),
            (file(added: #"[{"id": 4, "content": "x", "single_word": true}]"#), "single word"),
            (file(pre: "null"), "neither ByteLevel"),
        ])
    func unsupported(json: [UInt8], name: String) {
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: json) }
        #expect(error?.description.contains(name) == true, "\(String(describing: error))")
    }

    @Test("never traps, however it is damaged")
    func damaged() {
        let whole = file(added: #"[{"id": 4, "content": "<|x|>", "special": true}]"#)
        for length in 0..<whole.count {
            #expect(throws: TokenizerError.self) { try Tokenizer(json: Array(whole[..<length])) }
        }
        var generator = SplitMix(state: 3)
        let characters = Array(#"{}[]",:-0123456789eE.\untf x"#.utf8)
        for _ in 0..<2000 {
            var json = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<json.count, using: &generator)
                json[place] = characters.randomElement(using: &generator) ?? 0
            }
            if let tokenizer = try? Tokenizer(json: json) { _ = tokenizer.encode("a b<|x|>ab", parseSpecial: true) }
        }
        for id in ["-1", "1e300", "4194304", "0.5"] {
            let model = #"{"type": "BPE", "vocab": {"a": \#(id)}, "merges": []}"#
            #expect(throws: TokenizerError.self) { try Tokenizer(json: file(model: model)) }
        }
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: TokenizerError.self) { try Tokenizer(json: deep) }
    }
}

@Suite("Names of pre-tokenizers")
struct PreTokenizerNameTests {
    @Test("that are not known are refused with the list of those that are")
    func unknown() {
        let error = #expect(throws: TokenizerError.self) { try PreTokenizer.family(named: "novel-2") }
        #expect(error?.description.contains("novel-2") == true)
        #expect(error?.description.contains("llama-bpe") == true)
        #expect(error?.description.contains("tekken") == true)
    }

    @Test("stand for one family each")
    func unique() {
        let names = PreTokenizer.families.flatMap(\.names)
        #expect(Set(names).count == names.count)
    }
}
