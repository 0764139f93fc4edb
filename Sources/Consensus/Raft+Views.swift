import Identity
import Wire

/// What a leader knows of one that follows it.
public struct FollowerView: Hashable, Sendable {
    public enum Pace: Hashable, Sendable {
        case probing, streaming, takingSnapshot
    }
    public let peer: PeerID
    /// On its disk up to here.
    public let match: LogIndex
    public let pace: Pace
    /// False from when its link was lost until it is heard again.
    public let isReachable: Bool
    public let lastContact: Instant
    /// Entries that it lacks.
    public let lag: UInt64
}

extension Raft {
    public var term: Term { hard.term }
    /// Who was voted for in this term.
    public var vote: PeerID? { hard.vote }
    public var lastIndex: LogIndex { log.lastIndex }
    public var lastTerm: Term { log.lastTerm }
    /// The last entry on this peer's own disk.
    public var durable: LogIndex { ledger.durable }
    /// What the log begins after.
    public var snapshot: RaftSnapshot { log.snapshot }

    /// Whether an entry of this leader's own term is committed: before that it does not know what is decided.
    public var hasCommittedOwnTerm: Bool {
        role == .leader && (commit >= termStart || mutated(.noOwnTermEntry))
    }

    /// A change of the voters is under way, and its first half is decided.
    public var isJointCommitted: Bool { voters.isJoint && history.lastIndex <= commit }

    /// Whether entries can be committed, as far as this peer knows: a leader hears a majority, anyone else a leader.
    public var hasQuorum: Bool {
        guard role == .leader else { return leader != nil }
        return voters.isQuorum { peer in
            peer == own || (place(of: peer).map { progress[$0].isReachable } ?? false)
        }
    }

    /// Up to where a follower has the log on disk; nil where this peer does not lead or that one does not follow.
    public func match(of peer: PeerID) -> LogIndex? {
        guard role == .leader else { return nil }
        return peer == own ? ledger.durable : place(of: peer).map { progress[$0].match }
    }

    /// A leader's view of all others, ascending; empty on anyone else.
    public var followers: [FollowerView] {
        progress.map { follower in
            let pace: FollowerView.Pace =
                switch follower.state {
                case .probe: .probing
                case .replicate: .streaming
                case .snapshot: .takingSnapshot
                }
            return FollowerView(
                peer: follower.peer, match: follower.match, pace: pace, isReachable: follower.isReachable,
                lastContact: follower.lastContact, lag: log.lastIndex.value - follower.match.value)
        }
    }

    /// The log after an index, committed or not, as far as it is not in the snapshot.
    public func entries(after index: LogIndex) -> [LogEntry] {
        Array(log.entries(after: index, through: log.lastIndex))
    }

    /// The number of entries in memory, without a copy of them.
    public var logCount: Int { log.entries.count }
    /// The leader is handing its office over to this voter.
    public var transferTarget: PeerID? { transfer?.target }
}
