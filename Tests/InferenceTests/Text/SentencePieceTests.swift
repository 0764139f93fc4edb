import Foundation
import Testing

@testable import Inference

/// "<unk>", "<s>", "</s>", all bytes, and some words with scores.
private func definition(_ words: [(String, Double)]) -> TokenizerDefinition {
    var definition = TokenizerDefinition(
        model: .scoredPieces, spelling: .escapedSpaces, beginningOfSequence: 1, endOfSequence: 2, unknown: 0,
        addsBeginningOfSequence: true)
    func add(_ text: String, _ kind: Vocabulary.Kind, _ score: Double) {
        definition.texts.append(Array(text.utf8))
        definition.kinds.append(kind)
        definition.scores.append(score)
    }
    add("<unk>", .unknown, 0)
    add("<s>", .control, 0)
    add("</s>", .control, 0)
    for byte in 0..<256 {
        let digits = String(byte, radix: 16, uppercase: true)
        add("<0x\(digits.count < 2 ? "0" : "")\(digits)>", .byte, 0)
    }
    for (text, score) in words { add(text, .normal, score) }
    return definition
}

private let words: [(String, Double)] = [
    ("a", -10), ("b", -11), ("c", -12), ("▁", -13), ("ab", -2), ("bc", -1), ("▁a", -3), ("▁▁", 0), ("s>", -1),
    ("<s", -1),
    ("<", -20), ("s", -21), (">", -22),
]

private func text(_ ids: [Int32], of tokenizer: Tokenizer) -> [String] {
    ids.map { String(decoding: tokenizer.vocabulary.bytes(of: $0), as: UTF8.self) }
}

@Suite("A SentencePiece vocabulary")
struct SentencePieceTests {
    private func encode(_ input: String, parseSpecial: Bool = false, prefix: TextPreparation.SpacePrefix = .never)
        throws -> [String]
    {
        var definition = definition(words)
        definition.preparation.prefix = prefix
        let tokenizer = try Tokenizer(definition)
        return text(tokenizer.encode(input, parseSpecial: parseSpecial), of: tokenizer)
    }

    @Test("merges the neighbours that make the token of the highest score")
    func scores() throws {
        #expect(try encode("abc") == ["a", "bc"])
        #expect(try encode("ab") == ["ab"])
        #expect(try encode("   a") == ["  ", " a"])
    }

    @Test("writes characters that it lacks as their bytes, and brings them back")
    func bytes() throws {
        let tokenizer = try Tokenizer(definition(words))
        #expect(tokenizer.encode("aé", parseSpecial: false) == [259, 3 + 0xC3, 3 + 0xA9])
        var decoder = StreamingDecoder(tokenizer)
        #expect([259, 3 + 0xC3, 3 + 0xA9].map { decoder.push($0) } == ["a", "", "é"])
    }

    @Test("never makes control tokens of what a user wrote")
    func control() throws {
        #expect(try encode("a<s>", parseSpecial: true) == ["a", "<s>"])
        let plain = try Tokenizer(definition(words)).encode("a<s>", parseSpecial: false)
        #expect(!plain.contains(1))
    }

    @Test("gets a space before it at the start and behind special tokens, and gives it back")
    func prefix() throws {
        #expect(try encode("ab", prefix: .afterSpecials) == [" ", "ab"])
        #expect(try encode("a<s>a", parseSpecial: true, prefix: .afterSpecials) == [" a", "<s>", " a"])
        #expect(try encode("a<s>a", parseSpecial: true, prefix: .atStart) == [" a", "<s>", "a"])
        var definition = definition(words)
        definition.preparation.prefix = .afterSpecials
        let tokenizer = try Tokenizer(definition)
        for input in ["ab", " ab", "  ", "", "a b"] {
            let ids = tokenizer.encode(input, parseSpecial: false)
            #expect(String(decoding: tokenizer.decode(ids), as: UTF8.self) == input)
            #expect(tokenizer.decode(ids, continuing: true).count == input.utf8.count + (input.isEmpty ? 0 : 1))
            var decoder = StreamingDecoder(tokenizer)
            #expect(ids.map { decoder.push($0) }.joined() + decoder.finish() == input)
        }
    }

    @Test("begins and ends sequences as the file asks")
    func ends() throws {
        var definition = definition(words)
        definition.addsEndOfSequence = true
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode("a", parseSpecial: false, atStart: true, atEnd: true) == [1, 259, 2])
        #expect(tokenizer.encode("a", parseSpecial: false) == [259])
    }

    @Test("is read in time that grows with the text, however long a word is")
    func longWords() throws {
        let tokenizer = try Tokenizer(definition(words))
        // A quadratic merge would take hours here.
        let ids = tokenizer.encode(String(repeating: "abc", count: 100_000), parseSpecial: false)
        #expect(ids.count == 200_000)
    }

    @Test("never traps, however its file is damaged", arguments: ["sentencepiece-bpe", "sentencepiece-unigram"])
    func damaged(name: String) throws {
        let whole = Array(try Fixture.data("tokenizers/\(name).vocabulary"))
        let scratch = try ScratchDirectory()
        let text = SampleText.bytes(300)
        var generator = SplitMix(state: 8)
        for _ in 0..<60 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                bytes[Int.random(in: 24..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            try bytes.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: scratch.file("damaged"))) }
            if let tokenizer = try? Tokenizer(gguf: scratch.file("damaged")) {
                _ = tokenizer.decode(tokenizer.encode(bytes: text, parseSpecial: true))
            }
        }
    }

    @Test("is refused where it contradicts itself")
    func refused() {
        var changes: [(inout TokenizerDefinition) -> Void] = []
        changes.append { $0.scores.removeLast() }
        changes.append { $0.scores[300 % $0.scores.count] = .nan }
        changes.append { $0.scores[5] = .infinity }
        changes.append { $0.kinds.removeLast() }
        changes.append { $0.kinds[260] = .byte }
        changes.append { $0.unknown = -1 }
        changes.append { $0.unknown = .max }
        changes.append { $0.beginningOfSequence = Int32($0.texts.count) }
        for change in changes {
            var definition = definition(words)
            change(&definition)
            #expect(throws: TokenizerError.self) { try Tokenizer(definition) }
        }
    }
}

@Suite("A unigram vocabulary")
struct UnigramTests {
    @Test("is cut where the scores add up to the most, and fuses unknown characters")
    func bestPath() throws {
        var definition = definition([("a", -1), ("b", -1), ("ab", -2.5), ("bab", -0.5), ("c", -1)])
        definition.model = .unigram
        definition.kinds = definition.kinds.map { $0 == .byte ? .unused : $0 }
        let tokenizer = try Tokenizer(definition)
        #expect(text(tokenizer.encode("abab", parseSpecial: false), of: tokenizer) == ["a", "bab"])
        #expect(text(tokenizer.encode("ab", parseSpecial: false), of: tokenizer) == ["a", "b"])
        for _ in 0..<2 {
            #expect(tokenizer.encode("axyxa zz c", parseSpecial: false).filter { $0 == 0 }.count == 2)
        }
        #expect(tokenizer.encode("xyxyxyxyxy", parseSpecial: false) == [0])
    }

    @Test("finds nothing in a damaged character map, and never leaves it")
    func damagedMap() throws {
        #expect(throws: TokenizerError.self) { try CharacterMap([1, 2]) }
        #expect(throws: TokenizerError.self) { try CharacterMap([8, 0, 0, 0, 1, 1, 1, 1]) }
        var generator = SplitMix(state: 5)
        let text = SampleText.bytes(200)
        for _ in 0..<300 {
            let units = Int.random(in: 0...40, using: &generator)
            var bytes: [UInt8] = [UInt8(units * 4), 0, 0, 0]
            bytes += (0..<units * 4).map { _ in UInt8.random(in: 0...255, using: &generator) }
            bytes += [0x41, 0x42, 0, 0]
            let map = try CharacterMap(bytes)
            text.withUnsafeBufferPointer { text in
                for position in 0..<text.count {
                    if let (length, _) = map.match(text, at: position) { #expect(length > 0) }
                }
            }
        }
    }
}
