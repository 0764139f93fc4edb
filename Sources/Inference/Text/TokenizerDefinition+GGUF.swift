/// Keys of a metadata piece for what a tokenizer.json says and GGUF has no key for. No GGUF file has them.
enum TokenizerKey {
    /// The pre-tokenizer's stages by name, where no name in `tokenizer.ggml.pre` stands for them.
    static let words = "tiktrue.tokenizer.words"
    static let keepsWholeWords = "tiktrue.tokenizer.keeps_whole_words"
    static let composes = "tiktrue.tokenizer.composes"
    /// The numbers of special tokens that take the white space before, or behind, them along.
    static let stripsBefore = "tiktrue.tokenizer.strips_before"
    static let stripsBehind = "tiktrue.tokenizer.strips_behind"
    /// Whether a space is put before a whole text, and not before what follows a special token.
    static let prefixesAtStart = "tiktrue.tokenizer.prefixes_at_start"
    static let keepsOwnSpace = "tiktrue.tokenizer.keeps_own_space"
    static let fusesUnknown = "tiktrue.tokenizer.fuses_unknown"
    /// The numbers of further tokens that end an answer.
    static let endings = "tiktrue.tokenizer.endings"

    /// The value of `tokenizer.ggml.model` for merges of characters in an order, as tokenizer.json files keep
    /// SentencePiece's.
    static let characterPairs = "character-pairs"
}

extension TokenizerDefinition {
    /// Writes what a tokenizer.json said as entries that `Tokenizer` reads.
    ///
    /// - Throws: `TokenizerError` for what the entries cannot say.
    func write(to entries: inout GGUFEntries) throws(TokenizerError) {
        switch model {
        case .bytePairs(let preTokenizer, let keepsWholeWords):
            entries.add("tokenizer.ggml.model", "gpt2")
            if let name = PreTokenizer.name(of: preTokenizer, keepsWholeWords: keepsWholeWords) {
                entries.add("tokenizer.ggml.pre", name)
            } else {
                entries.add(TokenizerKey.words, preTokenizer.stages.map { Array($0.name.utf8) })
                entries.add(TokenizerKey.keepsWholeWords, keepsWholeWords)
            }
        case .characterPairs where !keepsWholeLines && preparation.characterMap == nil && !preparation.replacesBroken:
            entries.add("tokenizer.ggml.model", TokenizerKey.characterPairs)
            if let words { entries.add(TokenizerKey.words, words.stages.map { Array($0.name.utf8) }) }
            entries.add("tokenizer.ggml.add_space_prefix", preparation.prefix != .never)
            entries.add("tokenizer.ggml.remove_extra_whitespaces", preparation.collapsesSpaces)
            entries.add(TokenizerKey.prefixesAtStart, preparation.prefix == .atStart)
            entries.add(TokenizerKey.keepsOwnSpace, preparation.keepsOwnSpace)
            entries.add(TokenizerKey.fusesUnknown, fusesUnknown)
        default: throw .unsupported(what: "a tokenizer of the kind Unigram")
        }
        entries.add("tokenizer.ggml.tokens", texts)
        entries.add("tokenizer.ggml.token_type", kinds.map { Int32($0.rawValue) })
        guard merges.allSatisfy({ !$0.left.contains(0x20) }) else {
            throw .unsupported(what: "merges of tokens with spaces")
        }
        entries.add("tokenizer.ggml.merges", merges.map { Array($0.left) + [0x20] + $0.right })
        for (key, id) in [
            ("bos", beginningOfSequence), ("eos", endOfSequence), ("eot", endOfTurn), ("unknown", unknown),
        ] {
            if let id { entries.add("tokenizer.ggml.\(key)_token_id", UInt32(id)) }
        }
        entries.add("tokenizer.ggml.add_bos_token", addsBeginningOfSequence)
        entries.add("tokenizer.ggml.add_eos_token", addsEndOfSequence)
        if composes { entries.add(TokenizerKey.composes, true) }
        for (key, side) in [
            (TokenizerKey.stripsBefore, SpecialTokens.Stripping.before), (TokenizerKey.stripsBehind, .behind),
        ] {
            let ids = stripping.filter { $0.value.contains(side) }.keys.sorted()
            if !ids.isEmpty { entries.add(key, ids) }
        }
        if !endings.isEmpty { entries.add(TokenizerKey.endings, endings) }
    }
}

extension PreTokenizer {
    /// A name in `tokenizer.ggml.pre` that stands for these stages.
    static func name(of preTokenizer: PreTokenizer, keepsWholeWords: Bool) -> String? {
        families.first {
            $0.family.preTokenizer == preTokenizer && $0.family.keepsWholeWords == keepsWholeWords
        }?.names.first
    }
}

extension WordPattern {
    /// Under which a metadata piece has it.
    private static let names: [(name: String, pattern: WordPattern)] = [
        ("gpt2", .gpt2), ("each-number", .eachNumber), ("numbers", .numbers(upTo: .max)),
        ("numbers-3", .numbers(upTo: 3)), ("llama3", .words(.llama3)), ("qwen2", .words(.qwen2)),
        ("qwen35", .words(.qwen35)), ("tekken", .casedWords(.tekken)), ("gpt-4o", .casedWords(.gpt4o)),
        ("east-asian", .eastAsian), ("deepseek3", .deepSeek3), ("lines", .lines),
        ("each-punctuation", .eachPunctuation), ("space-separated", .spaceSeparated),
    ]

    var name: String { Self.names.first { $0.pattern == self }?.name ?? "" }

    init(named name: String) throws(TokenizerError) {
        guard let known = Self.names.first(where: { $0.name == name }) else {
            throw .unsupported(what: "the word pattern \(quoted(name))")
        }
        self = known.pattern
    }
}
