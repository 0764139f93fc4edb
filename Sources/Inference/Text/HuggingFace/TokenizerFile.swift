/// Reads a Hugging Face tokenizer.json into a `TokenizerDefinition`.
///
/// Understood are the models BPE and Unigram with the normalizers and pre-tokenizers that language models use with
/// them. Whatever else the file asks for is refused by name.
struct TokenizerFile {
    private(set) var definition: TokenizerDefinition
    private var stages: [WordPattern] = []
    private var isByteLevel = false
    private var hasEscapedSpaces = false

    init(_ bytes: [UInt8]) throws(TokenizerError) {
        try self.init(Self.document(bytes))
    }

    /// - Parameter root: the whole document.
    init(_ root: JSONValue) throws(TokenizerError) {
        guard let model = root.given("model") else { throw .missing(key: "model") }
        definition = TokenizerDefinition(model: .unigram, spelling: .escapedSpaces)
        if let normalizer = root.given("normalizer") { try readNormalizer(normalizer) }
        if let preTokenizer = root.given("pre_tokenizer") { try readPreTokenizer(preTokenizer) }
        switch model["type"]?.string {
        case "BPE": try readPairs(model)
        case "Unigram": try readUnigram(model)
        case let type:
            throw .unsupported(what: "a tokenizer of the kind \(quoted(type ?? "")), neither BPE nor Unigram")
        }
        try readAddedTokens(root["added_tokens"]?.array ?? [])
        if let processor = root.given("post_processor") { readPostProcessor(processor) }
        if model["byte_fallback"]?.bool == true {
            for (id, text) in definition.texts.enumerated() where Vocabulary.byte(named: text) != nil {
                definition.kinds[id] = .byte
            }
        } else if case .unigram = definition.model {
            definition.preparation.replacesBroken = true
        }
    }

    private static func document(_ bytes: [UInt8]) throws(TokenizerError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: bytes, limits: limits)
        } catch {
            throw .malformed(what: "\(error)")
        }
    }

    /// For a vocabulary as large as one may be: two values for each token, three for each of as many merges.
    static let limits = JSONValue.Limits(bytes: 512 << 20, values: 6 * Vocabulary.Limit.tokens)

    // MARK: - Models

    private mutating func readPairs(_ model: JSONValue) throws(TokenizerError) {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let text = model[key]?.string, !text.isEmpty { throw .unsupported(what: "the setting \(key)") }
        }
        if model["dropout"]?.real ?? 0 != 0 { throw .unsupported(what: "the setting dropout") }
        guard case .object(let vocabulary)? = model["vocab"] else { throw .missing(key: "model.vocab") }
        for (text, value) in vocabulary.members {
            guard let id = value.id else { throw .malformed(what: "the number of a token is none") }
            try set(Array(text.utf8), id: id, kind: .normal)
        }
        guard let merges = model["merges"]?.array else { throw .missing(key: "model.merges") }
        for (rank, merge) in merges.enumerated() {
            if let parts = merge.array, parts.count == 2, let left = parts[0].bytes, let right = parts[1].bytes {
                definition.merges.append((left[...], right[...]))
            } else if let text = merge.bytes, let space = text.firstIndex(of: 0x20) {
                definition.merges.append((text[..<space], text[(space + 1)...]))
            } else {
                throw .malformed(what: "merge \(rank) does not join two tokens to a third")
            }
        }
        let keepsWholeWords = model["ignore_merges"]?.bool ?? false
        if isByteLevel {
            guard !hasEscapedSpaces else { throw .unsupported(what: "both ByteLevel and \"▁\" for spaces") }
            definition.spelling = .byteAlphabet
            definition.model = .bytePairs(PreTokenizer(stages), keepsWholeWords: keepsWholeWords)
            return
        }
        guard hasEscapedSpaces else { throw .unsupported(what: "BPE with neither ByteLevel nor \"▁\" for spaces") }
        guard !keepsWholeWords else { throw .unsupported(what: "the setting ignore_merges without ByteLevel") }
        definition.model = .characterPairs
        definition.words = stages.isEmpty ? nil : PreTokenizer(stages)
        definition.fusesUnknown = model["fuse_unk"]?.bool ?? false
        if let unknown = model["unk_token"]?.bytes {
            definition.unknown = definition.texts.firstIndex(of: unknown).map { Int32($0) }
        }
    }

    private mutating func readUnigram(_ model: JSONValue) throws(TokenizerError) {
        guard let pieces = model["vocab"]?.array else { throw .missing(key: "model.vocab") }
        guard !isByteLevel, hasEscapedSpaces else {
            throw .unsupported(what: "Unigram with other spaces than \"▁\"")
        }
        for (id, piece) in pieces.enumerated() {
            guard let pair = piece.array, pair.count == 2, let text = pair[0].bytes, let score = pair[1].real else {
                throw .malformed(what: "token \(id) is not a text with a score")
            }
            try set(text, id: Int32(id), kind: .normal)
            definition.scores.append(score)
        }
        definition.model = .unigram
        definition.words = stages.isEmpty ? nil : PreTokenizer(stages)
        if let unknown = model.given("unk_id") {
            guard let id = unknown.id, id >= 0, id < definition.texts.count else {
                throw .malformed(what: "unk_id is no token")
            }
            definition.unknown = id
            definition.kinds[Int(id)] = .unknown
        }
    }

    private mutating func set(
        _ text: [UInt8], id: Int32, kind: Vocabulary.Kind
    ) throws(TokenizerError) {
        guard id >= 0, id < Vocabulary.Limit.tokens else { throw .malformed(what: "a token has the number \(id)") }
        while definition.texts.count <= id {
            definition.texts.append([])
            definition.kinds.append(.unused)
        }
        definition.texts[Int(id)] = text
        definition.kinds[Int(id)] = kind
    }

    private mutating func readAddedTokens(_ tokens: [JSONValue]) throws(TokenizerError) {
        for token in tokens {
            guard let id = token["id"]?.id, let text = token["content"]?.bytes else {
                throw .malformed(what: "an added token has no number or no text")
            }
            if token["single_word"]?.bool == true { throw .unsupported(what: "an added token that is a single word") }
            // Several spaces that are a token: found by merging, for the text has no "▁".
            let isSpaces = definition.spelling == .escapedSpaces && text.starts(with: Self.escapedSpace.utf8)
            try set(text, id: id, kind: token["special"]?.bool == true ? .control : isSpaces ? .normal : .userDefined)
            var stripping: SpecialTokens.Stripping = []
            if token["lstrip"]?.bool == true { stripping.insert(.before) }
            if token["rstrip"]?.bool == true { stripping.insert(.behind) }
            if !stripping.isEmpty { definition.stripping[id] = stripping }
        }
        if case .unigram = definition.model {
            let missing = definition.texts.count - definition.scores.count
            definition.scores += [Double](repeating: 0, count: max(0, missing))
        }
    }

    /// Which tokens a sequence begins and ends with.
    private mutating func readPostProcessor(_ processor: JSONValue) {
        for step in processor["processors"]?.array ?? [processor] where step["type"]?.string == "TemplateProcessing" {
            var isBefore = true
            for part in step["single"]?.array ?? [] {
                if part["Sequence"] != nil { isBefore = false }
                guard let text = part["SpecialToken"]?["id"]?.bytes,
                    let id = definition.texts.firstIndex(of: text).map({ Int32($0) })
                else { continue }
                if isBefore {
                    definition.beginningOfSequence = id
                    definition.addsBeginningOfSequence = true
                } else {
                    definition.endOfSequence = id
                    definition.addsEndOfSequence = true
                }
            }
        }
    }
}

// MARK: - Normalizers and pre-tokenizers

extension TokenizerFile {
    private static let escapedSpace = "\u{2581}"

    private mutating func readNormalizer(_ normalizer: JSONValue) throws(TokenizerError) {
        switch normalizer["type"]?.string {
        case "Sequence": for step in normalizer["normalizers"]?.array ?? [] { try readNormalizer(step) }
        case "Prepend" where normalizer["prepend"]?.string == Self.escapedSpace:
            definition.preparation.prefix = .afterSpecials
        case "Replace"
        where normalizer["pattern"]?["String"]?.string == " " && normalizer["content"]?.string == Self.escapedSpace:
            hasEscapedSpaces = true
        case "Replace" where normalizer["pattern"]?["Regex"]?.string == " {2,}":
            definition.preparation.collapsesSpaces = true
        case "Precompiled":
            guard let bytes = normalizer["precompiled_charsmap"]?.bytes.flatMap(Self.decodedBase64) else {
                throw .malformed(what: "its character map is not in base 64")
            }
            definition.preparation.characterMap = try CharacterMap(bytes)
        case "NFC": definition.composes = true
        case let type: throw .unsupported(what: "the normalizer \(quoted(type ?? "")) as this file sets it")
        }
    }

    private mutating func readPreTokenizer(_ step: JSONValue) throws(TokenizerError) {
        switch step["type"]?.string {
        case "Sequence": for step in step["pretokenizers"]?.array ?? [] { try readPreTokenizer(step) }
        case "ByteLevel":
            if step["add_prefix_space"]?.bool ?? true { throw .unsupported(what: "ByteLevel with add_prefix_space") }
            isByteLevel = true
            if step["use_regex"]?.bool ?? true { stages.append(.gpt2) }
        case "Digits": stages.append(step["individual_digits"]?.bool == true ? .eachNumber : .numbers(upTo: .max))
        case "Punctuation" where step["behavior"]?.string == "Isolated": stages.append(.eachPunctuation)
        case "Split": try readSplit(step)
        case "Metaspace" where (step["replacement"]?.string ?? Self.escapedSpace) == Self.escapedSpace:
            hasEscapedSpaces = true
            definition.preparation.keepsOwnSpace = true
            let scheme = step["prepend_scheme"]?.string
            let prepends = step["add_prefix_space"]?.bool ?? true
            definition.preparation.prefix =
                scheme == "never" || (scheme == nil && !prepends)
                ? .never : scheme == "first" ? .atStart : .afterSpecials
            if step["split"]?.bool ?? true { stages.append(.spaceSeparated) }
        case "WhitespaceSplit" where definition.preparation.characterMap != nil:
            definition.preparation.collapsesSpaces = true
        case let type: throw .unsupported(what: "the pre-tokenizer \(quoted(type ?? "")) as this file sets it")
        }
    }

    private mutating func readSplit(_ step: JSONValue) throws(TokenizerError) {
        let behavior = step["behavior"]?.string ?? ""
        // There are no spaces left to split at.
        if hasEscapedSpaces, step["pattern"]?["String"]?.string == " " { return }
        guard let expression = step["pattern"]?["Regex"]?.string, let pattern = WordPattern.byExpression[expression]
        else {
            let text = step["pattern"]?["Regex"]?.string ?? step["pattern"]?["String"]?.string ?? ""
            throw .unsupported(what: "the word pattern \(quoted(text))")
        }
        // Keeping what matches and dropping the rest is the same for expressions that match everything.
        let isTotal =
            switch pattern {
            case .gpt2, .words, .casedWords: true
            default: false
            }
        let inverted = step["invert"]?.bool ?? false
        guard (behavior == "Isolated" && !inverted) || (behavior == "Removed" && inverted && isTotal) else {
            throw .unsupported(what: "word patterns that are \(quoted(behavior))")
        }
        stages.append(pattern)
    }

    private static func decodedBase64(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text where byte != UInt8(ascii: "=") {
            let value: UInt8
            switch byte {
            case 0x41...0x5A: value = byte - 0x41
            case 0x61...0x7A: value = byte - 0x61 + 26
            case 0x30...0x39: value = byte - 0x30 + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }
}

extension Tokenizer {
    /// The tokenizer that a Hugging Face tokenizer.json describes.
    ///
    /// - Parameter json: the file's content.
    /// - Parameters beginningOfSequence, endOfSequence: texts of the tokens that a sequence begins and ends with, which
    ///   the file itself says only where it adds them (tokenizer_config.json: `bos_token`, `eos_token`).
    /// - Throws: `TokenizerError` for one that is not implemented or contradicts itself.
    public init(
        json: [UInt8], beginningOfSequence: String? = nil, endOfSequence: String? = nil
    ) throws(TokenizerError) {
        var definition = try TokenizerFile(json).definition
        func id(_ text: String) throws(TokenizerError) -> Int32 {
            guard let id = definition.texts.firstIndex(of: Array(text.utf8)) else {
                throw .malformed(what: "it has no token \(quoted(text))")
            }
            return Int32(id)
        }
        if let beginningOfSequence { definition.beginningOfSequence = try id(beginningOfSequence) }
        if let endOfSequence { definition.endOfSequence = try id(endOfSequence) }
        try self.init(definition)
    }
}

extension JSONValue {
    /// A member that is there and not null.
    fileprivate func given(_ key: String) -> JSONValue? { self[key].flatMap { $0 == .null ? nil : $0 } }

    /// A text's bytes: as texts, tokens that Unicode calls equivalent would be one.
    fileprivate var bytes: [UInt8]? { string.map { Array($0.utf8) } }

    /// A number that a token can have.
    fileprivate var id: Int32? { integer.flatMap { Int32(exactly: $0) } }
}
