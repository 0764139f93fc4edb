import Identity
import Wire

/// The voter sets of a log. The last one counts, whether committed or not (Raft §6); where its entry is truncated, the
/// one before it counts again.
struct VoterHistory: Hashable, Sendable {
    private struct Stand: Hashable {
        let index: LogIndex
        let set: VoterSet
    }

    /// Ascending; the first one is the snapshot's, which may have been there from the beginning.
    private var stands: [Stand]

    init(log: RaftLog) {
        stands = [Stand(index: log.snapshot.index, set: log.snapshot.voters)]
        for entry in log.entries { appended(entry) }
    }

    var last: VoterSet { stands[stands.count - 1].set }
    /// Where that one stands in the log.
    var lastIndex: LogIndex { stands[stands.count - 1].index }

    /// The set that the log up to `index` leads to.
    func set(at index: LogIndex) -> VoterSet {
        (stands.last { $0.index <= index } ?? stands[0]).set
    }

    /// Whether the set changes after `first`, up to `last`.
    func changes(after first: LogIndex, through last: LogIndex) -> Bool {
        stands.dropFirst().contains { $0.index > first && $0.index <= last }
    }

    /// Whether a peer votes in the last set, or in an earlier one that may still be the decided one.
    func isVoter(_ peer: PeerID, after commit: LogIndex) -> Bool {
        for place in stands.indices.reversed() {
            if stands[place].set.isVoter(peer) { return true }
            if stands[place].index <= commit { return false }
        }
        return false
    }

    mutating func appended(_ entry: LogEntry) {
        if case .voters(let set) = entry.body { stands.append(Stand(index: entry.index, set: set)) }
    }

    mutating func truncated(from index: LogIndex) {
        while stands.count > 1, lastIndex >= index { stands.removeLast() }
    }

    mutating func compacted(through index: LogIndex) {
        stands[0] = Stand(index: index, set: set(at: index))
        stands.removeSubrange(1..<(stands.dropFirst().firstIndex { $0.index > index } ?? stands.count))
    }

    mutating func restored(_ snapshot: RaftSnapshot) {
        stands = [Stand(index: snapshot.index, set: snapshot.voters)]
    }
}
