/// Byte-pair encoding (Sennrich, Haddow, Birch 2016) of one word: of all neighbouring pairs that the table knows, the
/// one learned first is merged, the leftmost where it stands several times, until no pair is known.
///
/// The pairs wait in a heap and the symbols form a linked list, so a word of n bytes takes O(n log n) however it is
/// made.
struct BytePairMerges: Sendable {
    private struct Pair: Hashable {
        let left: Int32
        let right: Int32
    }

    private struct Merge {
        let rank: Int32
        let result: Int32
    }

    private var merges: [Pair: Merge] = [:]

    init(capacity: Int) {
        merges.reserveCapacity(capacity)
    }

    /// Adds the next merge in the order of learning; a pair that is known already keeps its earlier place.
    mutating func add(left: Int32, right: Int32, result: Int32) {
        let pair = Pair(left: left, right: right)
        if merges[pair] == nil { merges[pair] = Merge(rank: Int32(merges.count), result: result) }
    }

    /// A pair that can be merged, if its left symbol and that symbol's neighbour are still what they were.
    private struct Candidate {
        let rank: Int32
        let position: Int

        func precedes(_ other: Candidate) -> Bool {
            rank != other.rank ? rank < other.rank : position < other.position
        }
    }

    /// The symbols left of `symbols` when nothing more can be merged.
    func apply(to symbols: [Int32]) -> [Int32] {
        guard symbols.count > 1 else { return symbols }
        let merged: Int32 = -1
        var ids = symbols
        var next = Array(1...symbols.count)
        var previous = Array(-1..<symbols.count - 1)
        var heap = Heap()
        func consider(_ position: Int) {
            guard position >= 0, next[position] < ids.count else { return }
            if let merge = merges[Pair(left: ids[position], right: ids[next[position]])] {
                heap.insert(Candidate(rank: merge.rank, position: position))
            }
        }
        for position in 0..<symbols.count - 1 { consider(position) }
        while let candidate = heap.removeFirst() {
            let position = candidate.position
            guard ids[position] != merged, next[position] < ids.count else { continue }
            let right = next[position]
            guard let merge = merges[Pair(left: ids[position], right: ids[right])], merge.rank == candidate.rank else {
                continue
            }
            ids[position] = merge.result
            ids[right] = merged
            next[position] = next[right]
            if next[right] < ids.count { previous[next[right]] = position }
            consider(previous[position])
            consider(position)
        }
        return ids.filter { $0 != merged }
    }

    /// A binary heap, the first candidate on top.
    private struct Heap {
        private var items: [Candidate] = []

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
}
