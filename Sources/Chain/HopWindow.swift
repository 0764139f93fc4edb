import Wire

/// How far one side of a hop may send: nothing before the other side has said where to begin, and never more than a window beyond
/// what it has acknowledged. Counted in positions.
struct HopWindow: Hashable, Sendable {
    private(set) var isOpen = false
    /// The first position not sent. Meaningless while closed.
    var sent = Position.zero
    /// The first position that the receiver has not applied, as far as is known here. `acknowledged <= sent`.
    private(set) var acknowledged = Position.zero

    /// A new route: wait to be told.
    mutating func close() { isOpen = false }

    /// The receiver has everything below this position and wants what follows, even if it was sent already.
    mutating func resume(at next: Position) {
        isOpen = true
        sent = next
        acknowledged = next
    }

    /// The receiver has applied everything below this position.
    mutating func acknowledge(_ next: Position) {
        guard isOpen, next > acknowledged else { return }
        acknowledged = min(next, sent)
    }

    /// The next positions to send of those below `end`; nil where there are none, or no room for them.
    func part(upTo end: Position, limit: Int, window: Int) -> (first: Position, end: Position)? {
        guard isOpen, sent < end else { return nil }
        let count = min(limit, end.value - sent.value, acknowledged.value + window - sent.value)
        return count > 0 ? (sent, sent.advanced(by: count)) : nil
    }
}
