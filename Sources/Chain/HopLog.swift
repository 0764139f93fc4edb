import Wire

/// What a stage produced for the next one: the very bytes that were or will be sent, by position, without gaps. It is the send
/// queue and the means of recovery in one: a newcomer is fed from it.
struct HopLog: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        let first: Int
        let tokens: [Int32]
        let payload: Payload
        var count: Int { tokens.count }
        var end: Int { first + count }
    }

    private var entries: [Entry] = []
    /// The first position that is still held.
    private(set) var start = Position.zero
    /// The position after the last one held; `start <= end`.
    private(set) var end = Position.zero
    /// Bytes of payload held.
    private(set) var bytes = 0
    /// Bytes of one position; 0 while the log is empty.
    private(set) var stride = 0

    /// Forgets everything; the next position to come is this one.
    mutating func restart(at position: Position) {
        self = HopLog()
        start = position
        end = position
    }

    /// Adds the next positions, those of these tokens. False, and nothing is added, where the bytes do not divide evenly among them or
    /// by another width than before.
    mutating func append(_ payload: Payload, tokens: [Int32]) -> Bool {
        let count = tokens.count
        guard count > 0, payload.count > 0, payload.count % count == 0 else { return false }
        let width = payload.count / count
        guard stride == 0 || stride == width else { return false }
        stride = width
        entries.append(Entry(first: end.value, tokens: tokens, payload: payload))
        end = end.advanced(by: count)
        bytes += payload.count
        return true
    }

    /// Forgets what lies below this position, so far as whole entries do.
    mutating func drop(before position: Position) {
        let kept = entries.firstIndex { $0.end > position.value } ?? entries.count
        for entry in entries[..<kept] { bytes -= entry.payload.count }
        entries.removeFirst(kept)
        start = Position(entries.first?.first ?? end.value)
    }

    /// Forgets what lies from this position on. Where nothing is left, the next position to come is this one.
    mutating func cut(to position: Position) {
        guard position < end else { return }
        guard position > start else { return restart(at: position) }
        let index = firstEntry(endingAfter: position.value)
        let entry = entries[index]
        for entry in entries[index...] { bytes -= entry.payload.count }
        entries.removeSubrange(index...)
        end = Position(entry.first)
        let left = position.value - entry.first
        guard left > 0 else { return }
        entries.append(
            Entry(
                first: entry.first, tokens: Array(entry.tokens[..<left]),
                payload: Payload(Array(entry.payload.bytes[..<(left * stride)]))))
        end = position
        bytes += left * stride
    }

    /// `count` positions from `first` on; they must be held.
    func part(from first: Position, count: Int) -> (tokens: [Int32], payload: Payload) {
        precondition(
            start <= first && first.value + count <= end.value, "\(first)+\(count) of a log of \(start)..<\(end)")
        var index = firstEntry(endingAfter: first.value)
        if entries[index].first == first.value && entries[index].count == count {
            return (entries[index].tokens, entries[index].payload)
        }
        var tokens: [Int32] = []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * stride)
        var position = first.value
        let last = first.value + count
        while position < last {
            let entry = entries[index]
            let upper = min(last, entry.end)
            tokens += entry.tokens[(position - entry.first)..<(upper - entry.first)]
            bytes += entry.payload.bytes[((position - entry.first) * stride)..<((upper - entry.first) * stride)]
            position = upper
            index += 1
        }
        return (tokens, Payload(bytes))
    }

    private func firstEntry(endingAfter position: Int) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].end > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
