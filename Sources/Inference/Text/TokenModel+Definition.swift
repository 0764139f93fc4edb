extension TokenModel {
    /// - Throws: `TokenizerError` for a vocabulary that contradicts itself.
    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) throws(TokenizerError) {
        switch definition.model {
        case .bytePairs(_, let keepsWholeWords):
            let texts = try PieceTable(texts: definition.texts)
            let byteTokens = (0...255).map { texts.find(Array(ByteAlphabet.character(for: UInt8($0)).utf8)) ?? -1 }
            self = .bytePairs(
                BytePairModel(
                    byteTokens: byteTokens, pairs: try PairTable(definition.merges, texts),
                    wholeWords: keepsWholeWords ? try PieceTable(vocabulary) { $0 == .normal } : nil))
        case .characterPairs:
            let texts = try PieceTable(texts: definition.texts)
            self = .characterPairs(
                CharacterPairModel(
                    table: try PieceTable(vocabulary), pairs: try PairTable(definition.merges, texts),
                    fallback: TokenFallback(definition, vocabulary),
                    keepsWholeLines: definition.keepsWholeLines))
        case .scoredPieces:
            self = .scoredPieces(
                ScoredPieceModel(
                    table: try PieceTable(vocabulary), ranks: Self.ranks(try Self.scores(definition)),
                    fallback: TokenFallback(definition, vocabulary)))
        case .unigram:
            let scores = try Self.scores(definition)
            let pieces = (0..<Int32(vocabulary.count)).filter(vocabulary.isPiece)
            // SentencePiece's distance between the rarest token and what is none at all.
            let lowest = pieces.lazy.map { scores[Int($0)] }.min() ?? 0
            self = .unigram(
                UnigramModel(
                    table: try PieceTable(vocabulary), pieces: pieces.map { vocabulary.bytes(of: $0) }, scores: scores,
                    unknownScore: lowest - 10, fallback: TokenFallback(definition, vocabulary)))
        }
    }

    private static func scores(_ definition: TokenizerDefinition) throws(TokenizerError) -> [Double] {
        guard definition.scores.count == definition.texts.count else {
            throw .malformed(what: "\(definition.scores.count) scores for \(definition.texts.count) tokens")
        }
        if let id = definition.scores.firstIndex(where: { !$0.isFinite }) {
            throw .malformed(what: "the score of token \(id) is no number")
        }
        return definition.scores
    }

    /// 0 for the highest score; equal scores have equal ranks.
    private static func ranks(_ scores: [Double]) -> [Int32] {
        var ranks = [Int32](repeating: 0, count: scores.count)
        var rank: Int32 = -1
        var last = Double.infinity
        for id in scores.indices.sorted(by: { scores[$0] > scores[$1] }) {
            if scores[id] < last { rank += 1 }
            last = scores[id]
            ranks[id] = rank
        }
        return ranks
    }
}

extension Vocabulary {
    /// Whether text may become this token without being written as a special one.
    func isPiece(_ id: Int32) -> Bool { (kind(of: id) == .normal || kind(of: id) == .unused) && !bytes(of: id).isEmpty }
}

extension PieceTable {
    /// Numbers by the texts that stand at those places.
    init(texts: [[UInt8]]) throws(TokenizerError) {
        var starts: [Int] = [0]
        starts.reserveCapacity(texts.count + 1)
        var bytes: [UInt8] = []
        for text in texts {
            bytes.append(contentsOf: text)
            starts.append(bytes.count)
        }
        self.init(bytes: bytes, starts: starts, capacity: texts.count)
        for id in texts.indices {
            guard try insert(Int32(id)) == nil else { throw .malformed(what: "token \(id) stands in it twice") }
        }
    }

    /// Tokens by their bytes; of several with the same bytes the first.
    init(_ vocabulary: Vocabulary, where belongs: (Vocabulary.Kind) -> Bool = { _ in true }) throws(TokenizerError) {
        self.init(bytes: vocabulary.bytes, starts: vocabulary.starts, capacity: vocabulary.count)
        for id in 0..<Int32(vocabulary.count) where vocabulary.isPiece(id) && belongs(vocabulary.kind(of: id)) {
            _ = try insert(id)
        }
    }

    func find(_ piece: some Collection<UInt8>) -> Int32? {
        piece.withContiguousStorageIfAvailable { find($0) } ?? Array(piece).withUnsafeBufferPointer { find($0) }
    }
}

extension PairTable {
    init(
        _ merges: [(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>)], _ texts: PieceTable
    ) throws(TokenizerError) {
        self.init(capacity: merges.count)
        // Most vocabularies number tokens in the order of learning: then the next result is the next token.
        var last: Int32 = -1
        func result(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int32? {
            texts.joins(left, right, to: last + 1) ? last + 1 : texts.find(Array(left) + right)
        }
        for (rank, merge) in merges.enumerated() {
            guard let left = texts.find(merge.left), let right = texts.find(merge.right),
                let result = result(merge.left, merge.right)
            else { throw .malformed(what: "merge \(rank) does not join two tokens to a third") }
            try add(left: left, right: right, result: result)
            last = result
        }
    }
}

extension AdjacencyFilter {
    init(_ vocabulary: Vocabulary) {
        self.init(pieceBytes: vocabulary.bytes.count)
        vocabulary.bytes.withUnsafeBufferPointer { bytes in
            for id in 0..<Int32(vocabulary.count) where vocabulary.isPiece(id) {
                let range = vocabulary.starts[Int(id)]..<vocabulary.starts[Int(id) + 1]
                insert(UnsafeBufferPointer(rebasing: bytes[range]))
            }
        }
    }
}

extension TokenFallback {
    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) {
        var tokens = [Int32](repeating: -1, count: 256)
        for id in 0..<Int32(vocabulary.count) where vocabulary.kind(of: id) == .byte {
            for byte in vocabulary.bytes(of: id) where tokens[Int(byte)] < 0 { tokens[Int(byte)] = id }
        }
        byteTokens = tokens.contains(-1) ? nil : tokens
        unknown = definition.unknown
        fusesUnknown = definition.fusesUnknown
    }
}
