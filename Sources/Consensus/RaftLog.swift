import Wire

/// A snapshot and the entries after it, in memory. What of it is on disk is the ledger's matter.
struct RaftLog: Hashable, Sendable {
    private(set) var snapshot: RaftSnapshot
    /// Consecutive, beginning right after the snapshot.
    private(set) var entries: [LogEntry]

    init(snapshot: RaftSnapshot, entries: [LogEntry]) {
        self.snapshot = snapshot
        self.entries = entries
        for (offset, entry) in entries.enumerated() {
            precondition(
                entry.index.value == snapshot.index.value + UInt64(offset) + 1,
                "entry \(entry.index) stands \(offset) places after the snapshot of \(snapshot.index)")
        }
    }

    var lastIndex: LogIndex { LogIndex(snapshot.index.value + UInt64(entries.count)) }
    var lastTerm: Term { entries.last?.term ?? snapshot.term }

    /// Nil for what is in the snapshot and what is not there yet.
    func entry(at index: LogIndex) -> LogEntry? {
        guard index > snapshot.index, index <= lastIndex else { return nil }
        return entries[offset(of: index)]
    }

    /// Nil before the snapshot's last entry and after the log's.
    func term(at index: LogIndex) -> Term? {
        if index == snapshot.index { return snapshot.term }
        guard index > snapshot.index, index <= lastIndex else { return nil }
        return entries[offset(of: index)].term
    }

    /// Whether a log that ends there holds everything that this one may have committed (Raft §5.4.1).
    func isAtMost(lastIndex otherIndex: LogIndex, lastTerm otherTerm: Term) -> Bool {
        (otherTerm, otherIndex) >= (lastTerm, lastIndex)
    }

    /// From `first` on, as many as fit `maxBytes`, but one at least. Empty where `first` is in the snapshot or not
    /// there yet.
    func entries(from first: LogIndex, maxBytes: Int) -> ArraySlice<LogEntry> {
        guard first > snapshot.index, first <= lastIndex else { return [] }
        let start = offset(of: first)
        var end = start
        var bytes = 0
        while end < entries.count {
            bytes += entries[end].size
            if bytes > maxBytes && end > start { break }
            end += 1
        }
        return entries[start..<end]
    }

    /// Entries after `first` up to `last`, as far as they are here and not in the snapshot.
    func entries(after first: LogIndex, through last: LogIndex) -> ArraySlice<LogEntry> {
        let low = max(first, snapshot.index)
        let high = min(last, lastIndex)
        guard low < high else { return [] }
        return entries[offset(of: low.next)...offset(of: high)]
    }

    /// The first entry of the run of this term that `index` stands in; not before the snapshot.
    func firstOfTerm(at index: LogIndex) -> LogIndex {
        guard let term = term(at: index) else { return index }
        // Terms never decrease along a log.
        var low = snapshot.index.value
        var high = index.value
        while low < high {
            let middle = low + (high - low) / 2
            if (self.term(at: LogIndex(middle)) ?? .zero) < term { low = middle + 1 } else { high = middle }
        }
        return LogIndex(low)
    }

    /// The last place up to `index` whose term is at most `term`. Nil where even the snapshot's is greater.
    func last(upTo index: LogIndex, withTermAtMost term: Term) -> LogIndex? {
        guard index >= snapshot.index, snapshot.term <= term else { return nil }
        var low = snapshot.index.value
        var high = min(index, lastIndex).value
        while low < high {
            let middle = low + (high - low + 1) / 2
            if (self.term(at: LogIndex(middle)) ?? .zero) <= term { low = middle } else { high = middle - 1 }
        }
        return LogIndex(low)
    }

    /// The first of these entries, which follow something that is in the log, that is not in it already. Nil where all
    /// are.
    func firstNew(of new: ArraySlice<LogEntry>) -> Int? {
        if let first = new.first, first.index > lastIndex { return new.startIndex }
        return new.firstIndex { term(at: $0.index) != $0.term }
    }

    mutating func append(_ entry: LogEntry) { entries.append(entry) }

    /// Everything from the first of these on is replaced by them.
    mutating func replace(with new: ArraySlice<LogEntry>) {
        guard let first = new.first else { return }
        precondition(
            first.index > snapshot.index && first.index <= lastIndex.next,
            "entries from \(first.index) on do not follow a log of \(snapshot.index)...\(lastIndex)")
        if first.index <= lastIndex { entries.removeSubrange(offset(of: first.index)...) }
        entries.append(contentsOf: new)
    }

    /// Entries up to the snapshot's index give way to it. They have to be there.
    mutating func compact(to snapshot: RaftSnapshot) {
        precondition(
            term(at: snapshot.index) == snapshot.term,
            "a snapshot of \(snapshot.index) does not fit a log of \(self.snapshot.index)...\(lastIndex)")
        entries.removeSubrange(..<(offset(of: snapshot.index) + 1))
        self.snapshot = snapshot
    }

    /// Everything gives way to a leader's snapshot.
    mutating func restore(_ snapshot: RaftSnapshot) {
        self.snapshot = snapshot
        entries = []
    }

    private func offset(of index: LogIndex) -> Int { Int(index.value - snapshot.index.value) - 1 }
}
