import Identity
import Wire

/// Two machines with one identity: each promises in the name of both and, until they have heard of each other, knows nothing of what
/// the other one has promised.
enum Twins {
    /// Whether a voter's message promises the contrary of what its twin has promised: a vote for another one in the same term, a vote
    /// that forgets what the twin has acknowledged, or a word for an entry that the twin has voted past. Together they make two majorities
    /// out of one, and no Raft withstands that.
    static func contradicts(_ message: RaftMessage, to other: PeerID, by own: RaftState, twin: RaftState) -> Bool {
        switch message.kind {
        case .voteReply(granted: true):
            return (twin.hard.term == message.term && twin.hard.vote != nil && twin.hard.vote != other)
                || twin.end > own.end
        case .vote(let lastIndex, let lastTerm, _):
            return (twin.hard.term == message.term && twin.hard.vote != nil) || twin.end > (lastTerm, lastIndex)
        case .appended(let match, _):
            return twin.hard.term > message.term && twin.end.index < match
        default: return false
        }
    }
}

extension RaftState {
    fileprivate var end: (term: Term, index: LogIndex) {
        entries.last.map { ($0.term, $0.index) } ?? (snapshot.term, snapshot.index)
    }
}
