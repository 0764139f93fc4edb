import Identity
import Wire

/// What is committed once is committed for ever: at each index everyone that knows it to be committed has the same entry.
struct CommittedLog {
    private var entries: [GroupID: [UInt64: LogEntry]] = [:]
    /// Up to where each peer's log was compared.
    private var compared: [GroupID: [PeerID: LogIndex]] = [:]

    /// What somebody has given to its disk of the log, and up to where it takes it for committed. Says what is wrong with it.
    mutating func saw(_ log: RaftState, commit: LogIndex, of peer: PeerID, in group: GroupID) -> String? {
        let from = max(compared[group]?[peer] ?? .zero, log.snapshot.index)
        // What is committed by others may not have been handed to this disk yet.
        let through = min(commit, log.entries.last?.index ?? log.snapshot.index)
        compared[group, default: [:]][peer] = max(from, through)
        guard through > from else { return nil }
        for entry in log.entries where entry.index > from && entry.index <= through {
            guard let known = entries[group]?[entry.index.value] else {
                entries[group, default: [:]][entry.index.value] = entry
                continue
            }
            if known != entry {
                return "index \(entry.index) is committed as of term \(known.term), and for \(peer.short) as of term "
                    + "\(entry.term)"
            }
        }
        return nil
    }

    /// A peer begins anew, with another disk or another life: its log is compared from the beginning.
    mutating func restarted(_ peer: PeerID) {
        for group in compared.keys.sorted(by: { ($0.network, $0.generation) < ($1.network, $1.generation) }) {
            compared[group]?[peer] = nil
        }
    }

    func highest(in group: GroupID) -> UInt64 { UInt64(entries[group]?.count ?? 0) }
}
