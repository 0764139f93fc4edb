import Wire

/// How much of the log, and which hard state, is on disk, while several writes are under way.
///
/// A completed write makes stable what it wrote and what is still in the log. Of entries that were replaced meanwhile
/// it proves nothing: they may have the same index, and after one more replacement even the same term (A, then B, then
/// A again, of which only the first A is on disk). So each write under way remembers up to where the log still is as it
/// wrote it, and every truncation lowers that mark for good.
struct WriteLedger: Hashable, Sendable {
    private struct UnderWay: Hashable {
        let token: WriteToken
        var through: LogIndex
    }

    /// The last entry that is on disk, and everything before it.
    private(set) var durable: LogIndex
    /// The last entry that was handed out to be written.
    private(set) var handed: LogIndex
    private(set) var issued = WriteToken(0)
    private(set) var completed = WriteToken(0)
    private var underWay: [UnderWay] = []
    /// The write that carries the latest hard state.
    private var hardToken = WriteToken(0)
    /// The hard state has changed since it was last handed out.
    private(set) var isHardDirty = false

    init(durable: LogIndex) {
        self.durable = durable
        handed = durable
    }

    var isHardDurable: Bool { !isHardDirty && completed >= hardToken }
    var countUnderWay: Int { underWay.count }

    mutating func hardChanged() { isHardDirty = true }

    /// Entries from `index` on are not those that were there.
    mutating func truncated(from index: LogIndex) {
        let last = index.previous
        durable = min(durable, last)
        handed = min(handed, last)
        guard !mutated(.staleStorageCompletion) else { return }
        for place in underWay.indices { underWay[place].through = min(underWay[place].through, last) }
    }

    /// A write begins that carries everything up to `last`, and the hard state where that has changed.
    mutating func begin(through last: LogIndex) -> WriteToken {
        issued = issued.next
        handed = last
        if isHardDirty {
            hardToken = issued
            isHardDirty = false
        }
        underWay.append(UnderWay(token: issued, through: last))
        return issued
    }

    /// False where no such write is under way.
    mutating func complete(_ token: WriteToken, last: LogIndex) -> Bool {
        guard token > completed, token <= issued else { return false }
        while let first = underWay.first, first.token <= token {
            durable = max(durable, min(first.through, last))
            underWay.removeFirst()
        }
        completed = token
        return true
    }
}
