/// How the bytes of one word become tokens.
enum TokenModel: Sendable {
    case bytePairs(BytePairModel)
    case characterPairs(CharacterPairModel)
    case scoredPieces(ScoredPieceModel)
    case unigram(UnigramModel)

    /// Appends the word's tokens.
    @inline(__always)
    func encode(_ word: UnsafeBufferPointer<UInt8>, _ engine: inout MergeEngine, to ids: inout [Int32]) {
        switch self {
        case .bytePairs(let model): model.encode(word, &engine, to: &ids)
        case .characterPairs(let model): model.encode(word, &engine, to: &ids)
        case .scoredPieces(let model): model.encode(word, &engine, to: &ids)
        case .unigram(let model): model.encode(word, to: &ids)
        }
    }

    /// The token that stands for what the vocabulary lacks, where several of them in a row are one.
    var fusedUnknown: Int32? {
        switch self {
        case .bytePairs, .scoredPieces: nil
        case .characterPairs(let model): model.fallback.fusesUnknown ? model.fallback.unknown : nil
        case .unigram(let model): model.fallback.unknown
        }
    }
}

/// Byte-level byte-pair encoding, as GPT-2's: a word's symbols are its bytes.
struct BytePairModel: Sendable, MergeRule {
    /// The token of each single byte, -1 where there is none: such a byte is left out.
    let byteTokens: [Int32]
    let pairs: PairTable
    /// Whole words that are a token whatever the merges say.
    let wholeWords: PieceTable?

    @inline(__always)
    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in word: UnsafeBufferPointer<UInt8>) -> Merge? {
        pairs.merge(left: left.token, right: right.token)
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ engine: inout MergeEngine, to ids: inout [Int32]) {
        if let token = wholeWords?.find(word) { return ids.append(token) }
        engine.symbols.removeAll(keepingCapacity: true)
        for position in 0..<word.count {
            let token = byteTokens[Int(word[position])]
            if token >= 0 { engine.symbols.append(MergeSymbol(token: token, start: position, end: position + 1)) }
        }
        engine.run(self, word)
        for symbol in engine.symbols { ids.append(symbol.token) }
    }
}

/// What stands for characters that the vocabulary lacks: the tokens of their bytes, or the unknown token.
struct TokenFallback: Sendable {
    /// The token of each byte; nil unless there is one for all of them.
    var byteTokens: [Int32]?
    var unknown: Int32?
    /// Whether unknown characters in a row are one unknown token.
    var fusesUnknown = true

    /// - Parameter wordStart: how many tokens there were before the word of these bytes.
    func append(_ bytes: UnsafeBufferPointer<UInt8>, wordStart: Int, to ids: inout [Int32]) {
        if let byteTokens {
            for byte in bytes { ids.append(byteTokens[Int(byte)]) }
        } else if let unknown, !(fusesUnknown && ids.count > wordStart && ids.last == unknown) {
            ids.append(unknown)
        }
    }
}

extension MergeEngine {
    /// Makes a symbol of each character: the token that it is, if it is one.
    mutating func takeCharacters(of word: UnsafeBufferPointer<UInt8>, from table: PieceTable) {
        symbols.removeAll(keepingCapacity: true)
        var position = 0
        while position < word.count {
            let length = UTF8Scanner.character(in: word, at: position, limit: word.count).length
            let token = table.find(UnsafeBufferPointer(rebasing: word[position..<position + length])) ?? -1
            symbols.append(MergeSymbol(token: token, start: position, end: position + length))
            position += length
        }
    }

    func appendSymbols(of word: UnsafeBufferPointer<UInt8>, _ fallback: TokenFallback, to ids: inout [Int32]) {
        let wordStart = ids.count
        for symbol in symbols {
            if symbol.token >= 0 {
                ids.append(symbol.token)
            } else {
                fallback.append(
                    UnsafeBufferPointer(rebasing: word[symbol.start..<symbol.end]), wordStart: wordStart, to: &ids)
            }
        }
    }
}

/// Byte-pair encoding over characters with an order of merges, as tokenizer.json files keep SentencePiece's.
struct CharacterPairModel: Sendable, MergeRule {
    let table: PieceTable
    let pairs: PairTable
    let fallback: TokenFallback
    /// Whether a run of newlines that is a token is that token, whatever the merges say.
    let keepsWholeLines: Bool

    @inline(__always)
    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in word: UnsafeBufferPointer<UInt8>) -> Merge? {
        pairs.merge(left: left.token, right: right.token)
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ engine: inout MergeEngine, to ids: inout [Int32]) {
        if keepsWholeLines, word.allSatisfy({ $0 == 0x0A }), let token = table.find(word) { return ids.append(token) }
        engine.takeCharacters(of: word, from: table)
        engine.run(self, word)
        engine.appendSymbols(of: word, fallback, to: &ids)
    }
}

/// SentencePiece's byte-pair encoding: any two neighbours that make a token together are merged, the token of the
/// highest score first.
struct ScoredPieceModel: Sendable, MergeRule {
    let table: PieceTable
    /// Of each token: 0 for the highest score; equal scores have equal ranks.
    let ranks: [Int32]
    let fallback: TokenFallback

    @inline(__always)
    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in word: UnsafeBufferPointer<UInt8>) -> Merge? {
        guard let token = table.find(UnsafeBufferPointer(rebasing: word[left.start..<right.end])) else { return nil }
        return Merge(rank: ranks[Int(token)], result: token)
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ engine: inout MergeEngine, to ids: inout [Int32]) {
        engine.takeCharacters(of: word, from: table)
        engine.run(self, word)
        engine.appendSymbols(of: word, fallback, to: &ids)
    }
}
