import Identity
import Wire

/// What was promised to others is on disk before it is said, and nobody promises twice.
struct Durable {
    private struct Ballot: Hashable {
        let group: GroupID
        let voter: PeerID
        let term: Term
    }
    private var votes: [Ballot: PeerID] = [:]
    private var spoken: Set<Ballot> = []

    /// Whether a leader has not spoken in this term before.
    mutating func isFirstWord(of leader: PeerID, _ term: Term, in group: GroupID) -> Bool {
        spoken.insert(Ballot(group: group, voter: leader, term: term)).inserted
    }

    /// A vote is on its way. `disk` is what a loss of power at this moment would leave.
    mutating func grants(
        _ candidate: PeerID, _ term: Term, by voter: PeerID, disk: RaftState?, in group: GroupID
    ) -> String? {
        if let wrong = note(candidate, term, by: voter, in: group) { return wrong }
        guard let hard = disk?.hard, hard.term == term, hard.vote == candidate else {
            return "\(voter.short) votes for \(candidate.short) in term \(term), which is not on its disk"
        }
        return nil
    }

    /// A leader speaks: its vote for itself must be on disk, like any other.
    mutating func leads(_ leader: PeerID, _ term: Term, disk: RaftState?, in group: GroupID) -> String? {
        guard let hard = disk?.hard, hard.term >= term else {
            return "\(leader.short) leads in term \(term), which is not on its disk"
        }
        return hard.term == term && hard.vote == leader ? note(leader, term, by: leader, in: group) : nil
    }

    private mutating func note(_ candidate: PeerID, _ term: Term, by voter: PeerID, in group: GroupID) -> String? {
        let ballot = Ballot(group: group, voter: voter, term: term)
        if let before = votes[ballot], before != candidate {
            return "\(voter.short) votes for \(before.short) and for \(candidate.short) in term \(term)"
        }
        votes[ballot] = candidate
        return nil
    }

    func acknowledges(_ match: LogIndex, by peer: PeerID, disk: RaftState?) -> String? {
        let last = disk.map { $0.entries.last?.index ?? $0.snapshot.index } ?? .zero
        return last >= match ? nil : "\(peer.short) acknowledges index \(match), and its disk ends at \(last)"
    }
}
