extension Tokenizer {
    private enum Limit {
        static let merges = 1 << 22
        static let stages = 64
        static let characterMapBytes = 1 << 24
    }

    /// The tokenizer that a GGUF file's metadata describe.
    ///
    /// - Throws: `ModelFileError`, or `TokenizerError` for one that is not implemented or contradicts itself.
    init(_ metadata: GGUFMetadata) throws {
        guard let model = try metadata.string("tokenizer.ggml.model") else {
            throw TokenizerError.missing(key: "tokenizer.ggml.model")
        }
        var definition: TokenizerDefinition
        switch model {
        case "gpt2": definition = try Self.byteLevel(metadata)
        case TokenizerKey.characterPairs:
            definition = TokenizerDefinition(model: .characterPairs, spelling: .escapedSpaces)
            definition.words = try Self.words(metadata)
        case "gemma4":
            definition = TokenizerDefinition(
                model: .characterPairs, spelling: .escapedSpaces, words: PreTokenizer([.lines]), keepsWholeLines: true,
                addsBeginningOfSequence: true)
        case "llama":
            definition = TokenizerDefinition(
                model: .scoredPieces, spelling: .escapedSpaces, beginningOfSequence: 1, endOfSequence: 2, unknown: 0,
                addsBeginningOfSequence: true)
            definition.preparation.prefix = .afterSpecials
        case "t5":
            definition = TokenizerDefinition(
                model: .unigram, spelling: .escapedSpaces, endOfSequence: 1, unknown: 2, addsEndOfSequence: true)
            definition.preparation.replacesBroken = true
        default:
            throw TokenizerError.unsupported(
                what: "a tokenizer of the kind \(quoted(model)), none of gpt2, llama, t5, gemma4")
        }
        try Self.readTokens(metadata, into: &definition)
        try Self.readMerges(metadata, into: &definition)
        try Self.readSettings(metadata, into: &definition)
        try self.init(definition)
    }

    private static func byteLevel(_ metadata: GGUFMetadata) throws -> TokenizerDefinition {
        if let words = try words(metadata) {
            let keepsWholeWords = try metadata.bool(TokenizerKey.keepsWholeWords) ?? false
            return TokenizerDefinition(
                model: .bytePairs(words, keepsWholeWords: keepsWholeWords), spelling: .byteAlphabet)
        }
        guard let pre = try metadata.string("tokenizer.ggml.pre") else {
            throw TokenizerError.missing(key: "tokenizer.ggml.pre")
        }
        let family = try PreTokenizer.family(named: pre)
        return TokenizerDefinition(
            model: .bytePairs(family.preTokenizer, keepsWholeWords: family.keepsWholeWords), spelling: .byteAlphabet,
            addsBeginningOfSequence: family.addsBeginningOfSequence)
    }

    /// The stages that a metadata piece names one by one.
    private static func words(_ metadata: GGUFMetadata) throws -> PreTokenizer? {
        try metadata.strings(TokenizerKey.words, atMost: Limit.stages).map { names in
            PreTokenizer(try names.map { try WordPattern(named: String(decoding: $0, as: UTF8.self)) })
        }
    }

    private static func readTokens(_ metadata: GGUFMetadata, into definition: inout TokenizerDefinition) throws {
        guard let texts = try metadata.strings("tokenizer.ggml.tokens", atMost: Vocabulary.Limit.tokens) else {
            throw TokenizerError.missing(key: "tokenizer.ggml.tokens")
        }
        definition.texts = texts
        let kinds = try metadata.integers("tokenizer.ggml.token_type", atMost: Vocabulary.Limit.tokens)
        definition.kinds =
            try kinds.map { kinds in
                try kinds.enumerated().map { id, raw in
                    guard let kind = Vocabulary.Kind(rawValue: raw) else {
                        throw TokenizerError.malformed(what: "token \(id) is of type \(raw)")
                    }
                    return kind
                }
            } ?? [Vocabulary.Kind](repeating: .normal, count: texts.count)
        switch definition.model {
        case .bytePairs, .characterPairs: return
        case .scoredPieces, .unigram: break
        }
        guard let scores = try metadata.reals("tokenizer.ggml.scores", atMost: Vocabulary.Limit.tokens) else {
            throw TokenizerError.missing(key: "tokenizer.ggml.scores")
        }
        definition.scores = scores.map { Double($0) }
        guard definition.kinds.count == texts.count, scores.count == texts.count else { return }
        for (id, text) in texts.enumerated() where definition.kinds[id] == .userDefined {
            // Several spaces that are a token: found by merging, for the text has no "▁".
            guard text.contains(0xE2), text.starts(with: [0xE2, 0x96, 0x81]) else { continue }
            definition.kinds[id] = .normal
            if case .unigram = definition.model { definition.scores[id] = 0 }
        }
    }

    private static func readMerges(_ metadata: GGUFMetadata, into definition: inout TokenizerDefinition) throws {
        switch definition.model {
        case .scoredPieces, .unigram: return
        case .bytePairs, .characterPairs: break
        }
        guard let texts = try metadata.strings("tokenizer.ggml.merges", atMost: Limit.merges) else {
            throw TokenizerError.missing(key: "tokenizer.ggml.merges")
        }
        definition.merges = try texts.enumerated().map { rank, text in
            // Neither spelling has spaces: the one space stands between the two.
            guard let space = text.firstIndex(of: 0x20) else {
                throw TokenizerError.malformed(what: "merge \(rank) does not join two tokens to a third")
            }
            return (text[..<space], text[(space + 1)...])
        }
    }

    private static func readSettings(_ metadata: GGUFMetadata, into definition: inout TokenizerDefinition) throws {
        let count = definition.texts.count
        func id(_ key: String, default known: Int32?) throws -> Int32? {
            guard let value = try metadata.integer(key) else { return known.flatMap { $0 < count ? $0 : nil } }
            guard value < UInt64(count) else {
                throw TokenizerError.malformed(what: "\(key) is \(value), and there are \(count) tokens")
            }
            return Int32(value)
        }
        definition.beginningOfSequence = try id(
            "tokenizer.ggml.bos_token_id", default: definition.beginningOfSequence)
        definition.endOfSequence = try id("tokenizer.ggml.eos_token_id", default: definition.endOfSequence)
        definition.endOfTurn = try id("tokenizer.ggml.eot_token_id", default: nil)
        definition.unknown = try id("tokenizer.ggml.unknown_token_id", default: definition.unknown)
        if let adds = try metadata.bool("tokenizer.ggml.add_bos_token") {
            definition.addsBeginningOfSequence = adds
        } else if definition.beginningOfSequence == nil {
            definition.addsBeginningOfSequence = false
        }
        if let adds = try metadata.bool("tokenizer.ggml.add_eos_token") {
            definition.addsEndOfSequence = adds
        } else if definition.endOfSequence == nil {
            definition.addsEndOfSequence = false
        }
        definition.composes = try metadata.bool(TokenizerKey.composes) ?? false
        definition.endings = try ids(TokenizerKey.endings, metadata)
        for (key, side) in [
            (TokenizerKey.stripsBefore, SpecialTokens.Stripping.before), (TokenizerKey.stripsBehind, .behind),
        ] {
            for id in try ids(key, metadata) { definition.stripping[id, default: []].insert(side) }
        }
        if case .bytePairs = definition.model { return }
        if let adds = try metadata.bool("tokenizer.ggml.add_space_prefix") {
            definition.preparation.prefix = adds ? .afterSpecials : .never
        }
        definition.preparation.collapsesSpaces =
            try metadata.bool("tokenizer.ggml.remove_extra_whitespaces") ?? false
        if let bytes = try metadata.bytes("tokenizer.ggml.precompiled_charsmap", atMost: Limit.characterMapBytes) {
            definition.preparation.characterMap = try CharacterMap(bytes)
        }
        if try metadata.bool(TokenizerKey.prefixesAtStart) == true { definition.preparation.prefix = .atStart }
        definition.preparation.keepsOwnSpace = try metadata.bool(TokenizerKey.keepsOwnSpace) ?? false
        definition.fusesUnknown = try metadata.bool(TokenizerKey.fusesUnknown) ?? true
        if definition.stripping.isEmpty { try readStripping(metadata, into: &definition) }
    }

    private static func ids(_ key: String, _ metadata: GGUFMetadata) throws -> [Int32] {
        try (metadata.integers(key, atMost: Vocabulary.Limit.tokens) ?? []).map { number in
            guard let id = Int32(exactly: number) else {
                throw TokenizerError.malformed(what: "\(key) has \(number), which is no token")
            }
            return id
        }
    }

    /// Phi-3's special tokens take the white space behind them along. GGUF has no entry for that; other readers know
    /// the model by its name too.
    private static func readStripping(_ metadata: GGUFMetadata, into definition: inout TokenizerDefinition) throws {
        guard let name = try metadata.string("general.name")?.lowercased(),
            name.contains("phi-3") || name.contains("phi3")
        else { return }
        let kept = ["<unk>", "<s>", "<|endoftext|>"].map { Array($0.utf8) }
        for (id, text) in definition.texts.enumerated() where id < definition.kinds.count {
            let kind = definition.kinds[id]
            guard kind == .control || kind == .userDefined || kind == .unknown, !kept.contains(text) else { continue }
            definition.stripping[Int32(id)] = .behind
        }
    }
}

extension Tokenizer {
    /// The tokenizer of a GGUF file of any architecture, also one without tensors.
    ///
    /// - Throws: `ModelFileError`, or `TokenizerError` for one that is not implemented or contradicts itself.
    public init(gguf path: String) throws {
        try self.init(GGUFDocument(MappedFile(path: path)).metadata)
    }
}
