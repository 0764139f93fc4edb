/// The merges of byte-pair encoding: which two tokens join to which third, and in which order that was learned.
struct PairTable: Sendable {
    private struct Entry {
        var left: Int32 = -1
        var right: Int32 = -1
        var rank: Int32 = 0
        var result: Int32 = 0
    }

    private var entries: [Entry]
    private let mask: Int
    private(set) var count = 0

    private static let longestProbe = 4096

    init(capacity: Int) {
        var size = 16
        while size < capacity + capacity / 2 { size *= 2 }
        entries = [Entry](repeating: Entry(), count: size)
        mask = size - 1
    }

    @inline(__always)
    private func firstSlot(_ left: Int32, _ right: Int32) -> Int {
        let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
        let mixed = (key ^ (key >> 31)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 32) & mask
    }

    /// Adds the next merge in the order of learning; a pair that is known already keeps its earlier place.
    mutating func add(left: Int32, right: Int32, result: Int32) throws(TokenizerError) {
        var slot = firstSlot(left, right)
        for _ in 0..<Self.longestProbe {
            let entry = entries[slot]
            if entry.left == left, entry.right == right { return }
            if entry.left < 0 {
                entries[slot] = Entry(left: left, right: right, rank: Int32(count), result: result)
                count += 1
                return
            }
            slot = (slot + 1) & mask
        }
        throw .malformed(what: "its merges all look alike")
    }

    @inline(__always)
    func merge(left: Int32, right: Int32) -> Merge? {
        guard left >= 0, right >= 0 else { return nil }
        var slot = firstSlot(left, right)
        while true {
            let entry = entries[slot]
            if entry.left == left, entry.right == right { return Merge(rank: entry.rank, result: entry.result) }
            if entry.left < 0 { return nil }
            slot = (slot + 1) & mask
        }
    }
}

/// What two neighbours become, and when: the lowest rank first.
struct Merge {
    let rank: Int32
    let result: Int32
}
