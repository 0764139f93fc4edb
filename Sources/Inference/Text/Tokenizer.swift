/// Text to token numbers and back: byte-level byte-pair encoding with the vocabulary, merges and special tokens of the
/// model's own file.
///
/// First the special tokens that stand in the text are cut out, then a `PreTokenizer` cuts what is left into words,
/// then each word's bytes are merged (`BytePairMerges`). A byte for which the vocabulary has no token is left out:
/// SmolLM2 lacks 21 of 256, six control characters and bytes that do not occur in UTF-8 or only in planes without
/// assigned characters.
public struct Tokenizer: Sendable {
    public let vocabulary: Vocabulary
    /// Whether the file wants a sequence to begin with the token `vocabulary.beginningOfSequence`.
    public let addsBeginningOfSequence: Bool
    private let preTokenizer: PreTokenizer
    private let merges: BytePairMerges
    /// The token of each single byte, -1 where there is none.
    private let byteTokens: [Int32]
    /// Whole words that are a token whatever the merges say (only where the pre-tokenizer asks for it).
    private let wholeWords: [[UInt8]: Int32]
    private let specials: SpecialTokens

    private enum Limit {
        static let merges = 1 << 22
        /// Words whose tokens are remembered during one call. English text repeats most of its words within the first
        /// thousands.
        static let cachedWords = 8192
        static let cachedWordBytes = 64
    }

    init(_ metadata: GGUFMetadata) throws {
        guard let model = try metadata.string("tokenizer.ggml.model") else {
            throw TokenizerError.missing(key: "tokenizer.ggml.model")
        }
        guard model == "gpt2" else {
            throw TokenizerError.unsupported(what: "a tokenizer of the kind \(quoted(model)) instead of \"gpt2\"")
        }
        guard let pre = try metadata.string("tokenizer.ggml.pre") else {
            throw TokenizerError.missing(key: "tokenizer.ggml.pre")
        }
        guard let preTokenizer = PreTokenizer(name: pre) else {
            throw TokenizerError.unsupported(what: "the pre-tokenizer \(quoted(pre))")
        }
        guard let texts = try metadata.strings("tokenizer.ggml.tokens", atMost: Vocabulary.Limit.tokens) else {
            throw TokenizerError.missing(key: "tokenizer.ggml.tokens")
        }
        guard let mergeTexts = try metadata.strings("tokenizer.ggml.merges", atMost: Limit.merges) else {
            throw TokenizerError.missing(key: "tokenizer.ggml.merges")
        }
        let kinds = try metadata.integers("tokenizer.ggml.token_type", atMost: Vocabulary.Limit.tokens)
        vocabulary = try Vocabulary(texts: texts, kinds: kinds, metadata: metadata)
        self.preTokenizer = preTokenizer
        addsBeginningOfSequence = try metadata.bool("tokenizer.ggml.add_bos_token") ?? false
        if addsBeginningOfSequence, vocabulary.beginningOfSequence == nil {
            throw TokenizerError.missing(key: "tokenizer.ggml.bos_token_id")
        }

        var idByText: [[UInt8]: Int32] = [:]
        idByText.reserveCapacity(texts.count)
        for (id, text) in texts.enumerated() {
            guard idByText.updateValue(Int32(id), forKey: text) == nil else {
                throw TokenizerError.malformed(what: "token \(id) stands in it twice")
            }
        }
        byteTokens = (0...255).map { idByText[Array(ByteAlphabet.character(for: UInt8($0)).utf8)] ?? -1 }
        merges = try Self.merges(mergeTexts, idByText: idByText)
        specials = SpecialTokens(vocabulary)
        var wholeWords: [[UInt8]: Int32] = [:]
        if case .llama3 = preTokenizer {
            for id in 0..<Int32(texts.count) where vocabulary.kind(of: id) == .normal {
                wholeWords[Array(vocabulary.bytes(of: id))] = id
            }
        }
        self.wholeWords = wholeWords
    }

    private static func merges(_ texts: [[UInt8]], idByText: [[UInt8]: Int32]) throws -> BytePairMerges {
        var merges = BytePairMerges(capacity: texts.count)
        for (rank, text) in texts.enumerated() {
            // Symbols are written in ByteAlphabet, which has no space: the one space stands between the two.
            guard let space = text.firstIndex(of: 0x20), let left = idByText[Array(text[..<space])],
                let right = idByText[Array(text[(space + 1)...])],
                let result = idByText[Array(text[..<space] + text[(space + 1)...])]
            else {
                throw TokenizerError.malformed(what: "merge \(rank) does not join two tokens to a third")
            }
            merges.add(left: left, right: right, result: result)
        }
        return merges
    }
}

// MARK: - Text to tokens

extension Tokenizer {
    /// - Parameters:
    ///   - parseSpecial: whether control tokens written in the text ("<|im_start|>") become those tokens. True for what
    ///     a chat template gave; false for text of which a user should not make more than text.
    ///   - atStart: whether the tokens begin a sequence; then the file's wish for a first token is honoured.
    public func encode(_ text: String, parseSpecial: Bool, atStart: Bool = false) -> [Int32] {
        encode(bytes: Array(text.utf8), parseSpecial: parseSpecial, atStart: atStart)
    }

    /// The same for any bytes, UTF-8 or not.
    public func encode(bytes: [UInt8], parseSpecial: Bool, atStart: Bool = false) -> [Int32] {
        var ids: [Int32] = []
        var cache: [ArraySlice<UInt8>: [Int32]] = [:]
        specials.forEachPart(of: bytes, includingControl: parseSpecial) { part in
            switch part {
            case .token(let id): ids.append(id)
            case .text(let range): appendWords(of: bytes[range], to: &ids, cache: &cache)
            }
        }
        if atStart, addsBeginningOfSequence, let first = vocabulary.beginningOfSequence, ids.first != first {
            ids.insert(first, at: 0)
        }
        return ids
    }

    private func appendWords(
        of text: ArraySlice<UInt8>, to ids: inout [Int32], cache: inout [ArraySlice<UInt8>: [Int32]]
    ) {
        for range in preTokenizer.words(in: text) {
            let word = text[text.startIndex + range.lowerBound..<text.startIndex + range.upperBound]
            if let known = cache[word] {
                ids.append(contentsOf: known)
                continue
            }
            let tokens = tokens(ofWord: word)
            ids.append(contentsOf: tokens)
            if word.count <= Limit.cachedWordBytes, cache.count < Limit.cachedWords { cache[word] = tokens }
        }
    }

    private func tokens(ofWord word: ArraySlice<UInt8>) -> [Int32] {
        if !wholeWords.isEmpty, let id = wholeWords[Array(word)] { return [id] }
        return merges.apply(to: word.lazy.map { byteTokens[Int($0)] }.filter { $0 >= 0 })
    }
}

// MARK: - Tokens to text

extension Tokenizer {
    /// The bytes that the tokens stand for, control tokens as their text unless `includingControl` is false. Numbers
    /// that are no token stand for nothing.
    public func decode(_ ids: [Int32], includingControl: Bool = true) -> [UInt8] {
        var result: [UInt8] = []
        for id in ids where includingControl || !vocabulary.isControl(id) {
            result.append(contentsOf: vocabulary.bytes(of: id))
        }
        return result
    }

    /// Whether an answer is over when this token is sampled.
    public func isEndOfGeneration(_ id: Int32) -> Bool { vocabulary.isEndOfGeneration(id) }
}
