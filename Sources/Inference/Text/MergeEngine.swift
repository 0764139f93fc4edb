/// What may be merged, asked for two neighbours in a word.
protocol MergeRule {
    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in word: UnsafeBufferPointer<UInt8>) -> Merge?
}

/// A part of a word: the token that it is, -1 where it is none yet, and its bytes.
struct MergeSymbol {
    var token: Int32
    var start: Int
    var end: Int
}

/// Byte-pair encoding (Sennrich, Haddow, Birch 2016) of one word: of all neighbours that the rule joins, those of the
/// lowest rank are merged, the leftmost where there are several, until the rule joins none.
///
/// A short word is searched from end to end before every merge. In a long one the candidates wait in a heap and the
/// symbols form a linked list, so that n bytes take O(n log n) however they are made. Keeps its memory from word to
/// word.
struct MergeEngine {
    var symbols: [MergeSymbol] = []
    private var ranks: [Merge] = []
    private var heap = CandidateHeap()
    private var next: [Int] = []
    private var previous: [Int] = []

    private static let shortWord = 32
    private static let none = Merge(rank: .max, result: -1)

    /// Leaves in `symbols` what cannot be merged any further.
    @inline(__always)
    mutating func run(_ rule: some MergeRule, _ word: UnsafeBufferPointer<UInt8>) {
        if symbols.count <= Self.shortWord {
            mergeShort(rule, word)
        } else {
            mergeLong(rule, word)
        }
    }

    @inline(__always)
    private mutating func mergeShort(_ rule: some MergeRule, _ word: UnsafeBufferPointer<UInt8>) {
        var count = symbols.count
        guard count > 1 else { return }
        ranks.removeAll(keepingCapacity: true)
        for index in 0..<count - 1 {
            ranks.append(rule.merge(symbols[index], symbols[index + 1], in: word) ?? Self.none)
        }
        while count > 1 {
            var best = 0
            var bestRank = ranks[0].rank
            for index in 1..<max(1, count - 1) where ranks[index].rank < bestRank {
                best = index
                bestRank = ranks[index].rank
            }
            guard bestRank < .max else { break }
            symbols[best].token = ranks[best].result
            symbols[best].end = symbols[best + 1].end
            count -= 1
            for index in best + 1..<max(best + 1, count) { symbols[index] = symbols[index + 1] }
            for index in best..<max(best, count - 1) { ranks[index] = ranks[index + 1] }
            if best + 1 < count { ranks[best] = rule.merge(symbols[best], symbols[best + 1], in: word) ?? Self.none }
            if best > 0 { ranks[best - 1] = rule.merge(symbols[best - 1], symbols[best], in: word) ?? Self.none }
        }
        symbols.removeLast(symbols.count - count)
    }

    private mutating func mergeLong(_ rule: some MergeRule, _ word: UnsafeBufferPointer<UInt8>) {
        let count = symbols.count
        next = Array(1...count)
        previous = Array(-1..<count - 1)
        heap.removeAll()
        for position in 0..<count - 1 { consider(position, rule, word) }
        while let candidate = heap.removeFirst() {
            let position = candidate.position
            let right = next[position]
            // An empty symbol was merged into one before it.
            guard symbols[position].end > symbols[position].start, right < count,
                let merge = rule.merge(symbols[position], symbols[right], in: word), merge.rank == candidate.rank
            else { continue }
            symbols[position].token = merge.result
            symbols[position].end = symbols[right].end
            symbols[right].start = symbols[right].end
            next[position] = next[right]
            if next[right] < count { previous[next[right]] = position }
            consider(previous[position], rule, word)
            consider(position, rule, word)
        }
        symbols.removeAll { $0.end == $0.start }
    }

    private mutating func consider(_ position: Int, _ rule: some MergeRule, _ word: UnsafeBufferPointer<UInt8>) {
        guard position >= 0, next[position] < symbols.count else { return }
        if let merge = rule.merge(symbols[position], symbols[next[position]], in: word) {
            heap.insert(CandidateHeap.Candidate(rank: merge.rank, position: position))
        }
    }
}

/// A binary heap, the candidate of lowest rank and, of those, the leftmost on top.
private struct CandidateHeap {
    struct Candidate {
        let rank: Int32
        let position: Int

        func precedes(_ other: Candidate) -> Bool {
            rank != other.rank ? rank < other.rank : position < other.position
        }
    }

    private var items: [Candidate] = []

    mutating func removeAll() { items.removeAll(keepingCapacity: true) }

    mutating func insert(_ item: Candidate) {
        items.append(item)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].precedes(items[parent]) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() -> Candidate? {
        guard let last = items.popLast() else { return nil }
        guard let first = items.first else { return last }
        items[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < items.count else { return first }
            let right = left + 1
            let child = right < items.count && items[right].precedes(items[left]) ? right : left
            guard items[child].precedes(items[parent]) else { return first }
            items.swapAt(child, parent)
            parent = child
        }
    }
}
