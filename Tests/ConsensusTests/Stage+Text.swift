import Consensus
import Identity
import RaftWorld
import Wire

// How things read in a transcript.

extension Stage {
    var transcript: String { lines.joined(separator: "\n") + "\n" }

    static func line(_ letter: Letter) -> String {
        "\(letter.from.name) → \(letter.to.name) \(letter.message.text)"
    }

    static func text(_ write: RaftWrite) -> String {
        var parts: [String] = []
        if let hard = write.hard { parts.append("term \(hard.term)" + (hard.vote.map { " vote \($0.name)" } ?? "")) }
        if let snapshot = write.snapshot { parts.append("snapshot \(snapshot.index)@\(snapshot.term)") }
        if !write.entries.isEmpty { parts.append(write.entries.map(\.text).joined(separator: " ")) }
        return parts.joined(separator: ", ")
    }
}

extension RaftRole {
    var text: String {
        switch self {
        case .follower: "follower"
        case .preCandidate: "pre-candidate"
        case .candidate: "candidate"
        case .leader: "leader"
        }
    }
}

extension LogEntry {
    var text: String {
        switch body {
        case .voters(let set): "\(index)@\(term)\(set.text)"
        default: "\(index)@\(term)"
        }
    }
}

extension VoterSet {
    var text: String {
        func names(_ peers: [PeerID]) -> String { peers.map(\.name).joined() }
        return "{\(names(voters))" + (isJoint ? " from \(names(outgoing))" : "")
            + (learners.isEmpty ? "" : " teaching \(names(learners))") + "}"
    }
}

extension RaftMessage {
    var text: String {
        switch kind {
        case .preVote(let index, let last): "pre-vote for term \(term)? log ends \(index)@\(last)"
        case .preVoteReply(true): "pre-vote granted for term \(term)"
        case .preVoteReply(false): "pre-vote refused in term \(term)"
        case .vote(let index, let last, let isTransfer):
            "vote in term \(term)? log ends \(index)@\(last)\(isTransfer ? ", as the leader wishes" : "")"
        case .voteReply(true): "vote granted in term \(term)"
        case .voteReply(false): "vote refused in term \(term)"
        case .append(let index, let last, let commit, let entries, _):
            "append \(entries.isEmpty ? "nothing" : entries.map(\.text).joined(separator: " "))"
                + " after \(index)@\(last) commit \(commit), term \(term)"
        case .appended(let match, _): "appended \(match), term \(term)"
        case .appendRefused(.zero, _, _, _, _): "refused as too old, term \(term)"
        case .appendRefused(let previous, let last, let conflictTerm, let conflictFirst, _):
            "refused after \(previous): log ends \(last), its term \(conflictTerm) begins \(conflictFirst)"
                + ", term \(term)"
        case .snapshot(let snapshot, _): "snapshot \(snapshot.index)@\(snapshot.term), term \(term)"
        case .timeoutNow: "time out now, term \(term)"
        }
    }
}

extension RaftState {
    /// A log whose entries have these terms, from the first on, nothing of it decided.
    static func with(
        voters: [PeerID], learners: [PeerID] = [], terms: [UInt64] = [], term: UInt64 = 1, vote: PeerID? = nil
    ) -> RaftState {
        RaftState(
            hard: HardState(term: Term(term), vote: vote),
            snapshot: RaftSnapshot(
                index: .zero, term: .zero, voters: VoterSet(voters: voters, learners: learners), state: []),
            entries: .with(terms: terms))
    }
}

extension [LogEntry] {
    static func with(terms: [UInt64], from first: UInt64 = 1) -> [LogEntry] {
        terms.enumerated().map { offset, term in
            LogEntry(
                term: Term(term), index: LogIndex(first + UInt64(offset)),
                body: .command([UInt8(truncatingIfNeeded: term)]))
        }
    }
    var terms: [UInt64] { map(\.term.value) }
}
