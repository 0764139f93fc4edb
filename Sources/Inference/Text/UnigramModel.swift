/// SentencePiece's unigram model (Kudo 2018): of all ways to write a word as tokens, the one whose scores, logarithms
/// of probabilities, add up to the most. Found by Viterbi's algorithm from left to right.
struct UnigramModel: Sendable {
    let table: PieceTable
    /// Whether a run of bytes begins some token, by its hash; it may say yes wrongly.
    private var prefixes: [UInt64]
    private let prefixMask: UInt64
    /// Of each token.
    let scores: [Double]
    /// What a character costs that is no token.
    let unknownScore: Double
    let fallback: TokenFallback

    /// - Parameter pieces: the tokens that are in `table`.
    init(
        table: PieceTable, pieces: [ArraySlice<UInt8>], scores: [Double], unknownScore: Double, fallback: TokenFallback
    ) {
        var bits: UInt64 = 1 << 12
        let bytes = pieces.reduce(0) { $0 + $1.count }
        while bits < 1 << 25, bits < UInt64(bytes) * 8 { bits *= 2 }
        prefixMask = bits - 1
        prefixes = [UInt64](repeating: 0, count: Int(bits / 64))
        for piece in pieces {
            var state = PieceHash.seed
            for byte in piece {
                state = PieceHash.step(state, byte)
                let bit = PieceHash.finish(state) & prefixMask
                prefixes[Int(bit >> 6)] |= 1 << (bit & 63)
            }
        }
        self.table = table
        self.scores = scores
        self.unknownScore = unknownScore
        self.fallback = fallback
    }

    private struct Step {
        var score = -Double.infinity
        var start = 0
        /// -1 for an unknown character.
        var token: Int32 = -1
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
        if word.count <= 4, let token = table.find(word), onlyCharacter(word) { return ids.append(token) }
        var best = [Step](repeating: Step(), count: word.count + 1)
        best[0].score = 0
        var position = 0
        while position < word.count {
            let length = UTF8Scanner.character(in: word, at: position, limit: word.count).length
            let score = best[position].score
            func offer(_ token: Int32, end: Int, _ score: Double) {
                if score > best[end].score { best[end] = Step(score: score, start: position, token: token) }
            }
            var isToken = false
            var state = PieceHash.seed
            var end = position
            while end < word.count {
                state = PieceHash.step(state, word[end])
                end += 1
                let hash = PieceHash.finish(state)
                let bit = hash & prefixMask
                guard prefixes[Int(bit >> 6)] >> (bit & 63) & 1 != 0 else { break }
                let piece = UnsafeBufferPointer(rebasing: word[position..<end])
                guard let token = table.find(piece, hash: hash) else { continue }
                isToken = isToken || end == position + length
                offer(token, end: end, score + scores[Int(token)])
            }
            if !isToken { offer(-1, end: position + length, score + unknownScore) }
            position += length
        }
        var path: [(token: Int32, range: Range<Int>)] = []
        var end = word.count
        while end > 0 {
            path.append((best[end].token, best[end].start..<end))
            end = best[end].start
        }
        let wordStart = ids.count
        for step in path.reversed() {
            if step.token >= 0 {
                ids.append(step.token)
            } else {
                fallback.append(UnsafeBufferPointer(rebasing: word[step.range]), wordStart: wordStart, to: &ids)
            }
        }
    }

    private func onlyCharacter(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        UTF8Scanner.character(in: word, at: 0, limit: word.count).length == word.count
    }
}
