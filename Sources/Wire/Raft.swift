import Identity

// What voters say to each other. The names are those of the Raft papers (Ongaro and Ousterhout 2014, Ongaro's thesis of the same
// year); the rules stand in Consensus.

/// How often leadership was sought. Zero before anyone did.
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static let zero = Term(0)
    public var next: Term { Term(value + 1) }
    public var description: String { String(value) }
    public static func < (left: Term, right: Term) -> Bool { left.value < right.value }
}

/// A place in the log; the first entry stands at 1.
public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static let zero = LogIndex(0)
    public var next: LogIndex { LogIndex(value + 1) }
    /// Zero stays zero.
    public var previous: LogIndex { LogIndex(value == 0 ? 0 : value - 1) }
    public var description: String { String(value) }
    public static func < (left: LogIndex, right: LogIndex) -> Bool { left.value < right.value }
}

/// Who decides: a majority of `voters`, and while a change is under way a majority of `outgoing` as well.
public struct VoterSet: Hashable, Sendable {
    /// Ascending, without repetition.
    public let voters: [PeerID]
    /// The voters before a change that is not finished; empty otherwise. Ascending, without repetition.
    public let outgoing: [PeerID]
    /// Follow the log and do not count, except that one who is among `outgoing` counts there until the change is finished.
    /// Ascending, without repetition; none of them is among `voters`.
    public let learners: [PeerID]

    public init(voters: [PeerID], outgoing: [PeerID] = [], learners: [PeerID] = []) {
        self.voters = VoterSet.ordered(voters)
        self.outgoing = VoterSet.ordered(outgoing)
        self.learners = VoterSet.ordered(learners).filter { !voters.contains($0) }
    }

    public var isJoint: Bool { !outgoing.isEmpty }
    public func isVoter(_ peer: PeerID) -> Bool { voters.contains(peer) || outgoing.contains(peer) }
    /// Everyone to whom the log goes, ascending.
    public var everyone: [PeerID] { VoterSet.ordered(voters + outgoing + learners) }

    private static func ordered(_ peers: [PeerID]) -> [PeerID] {
        var result: [PeerID] = []
        for peer in peers.sorted() where result.last != peer { result.append(peer) }
        return result
    }
}

/// What a member knows of the log, as it tells one that asks. It promises nothing.
public struct RaftStanding: Hashable, Sendable {
    public let term: Term
    /// Where its log ends.
    public let lastIndex: LogIndex
    public let lastTerm: Term
    /// The last set in its log; empty where it has no log.
    public let voters: VoterSet

    public init(term: Term, lastIndex: LogIndex, lastTerm: Term, voters: VoterSet) {
        self.term = term
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.voters = voters
    }
}

public struct LogEntry: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// What a new leader begins its term with.
        case empty
        /// Opaque to Raft.
        case command([UInt8])
        case voters(VoterSet)
    }
    public let term: Term
    public let index: LogIndex
    public let body: Body
    public init(term: Term, index: LogIndex, body: Body) {
        self.term = term
        self.index = index
        self.body = body
    }

    /// What it counts with against the limits, in bytes.
    public var size: Int {
        switch body {
        case .empty: 16
        case .command(let bytes): 16 + bytes.count
        case .voters(let set): 16 + 32 * (set.voters.count + set.outgoing.count + set.learners.count)
        }
    }
}

/// Everything up to an index, in place of the log.
public struct RaftSnapshot: Hashable, Sendable {
    /// Of the last entry that it covers.
    public let index: LogIndex
    public let term: Term
    public let voters: VoterSet
    /// Opaque to Raft.
    public let state: [UInt8]
    public init(index: LogIndex, term: Term, voters: VoterSet, state: [UInt8]) {
        self.index = index
        self.term = term
        self.voters = voters
        self.state = state
    }
}

/// What must not be forgotten of elections.
public struct HardState: Hashable, Sendable {
    public let term: Term
    public let vote: PeerID?
    public init(term: Term, vote: PeerID?) {
        self.term = term
        self.vote = vote
    }
}

/// One write to disk, whole or not at all: first the snapshot takes the place of the log up to its index, then everything from
/// the first of `entries` on is replaced by them.
public struct RaftWrite: Hashable, Sendable {
    /// Nil where it has not changed.
    public let hard: HardState?
    public let snapshot: RaftSnapshot?
    /// Consecutive.
    public let entries: [LogEntry]
    public init(hard: HardState?, snapshot: RaftSnapshot?, entries: [LogEntry]) {
        self.hard = hard
        self.snapshot = snapshot
        self.entries = entries
    }
}

/// What is on disk of one Raft group.
public struct RaftState: Hashable, Sendable {
    public var hard: HardState
    public var snapshot: RaftSnapshot
    /// Consecutive, beginning right after the snapshot.
    public var entries: [LogEntry]
    public init(hard: HardState, snapshot: RaftSnapshot, entries: [LogEntry]) {
        self.hard = hard
        self.snapshot = snapshot
        self.entries = entries
    }

    /// A peer that has never heard of the group: no voters, no log.
    public static let empty = RaftState(
        hard: HardState(term: .zero, vote: nil),
        snapshot: RaftSnapshot(index: .zero, term: .zero, voters: VoterSet(voters: []), state: []), entries: [])

    /// As the disk does it. The shells' stores and the simulated disk agree with this.
    public mutating func apply(_ write: RaftWrite) {
        if let hard = write.hard { self.hard = hard }
        if let snapshot = write.snapshot, snapshot.index > self.snapshot.index {
            // A log that goes on from the snapshot stays; one that does not is wrong as a whole.
            let follows = entries.first { $0.index == snapshot.index }.map { $0.term == snapshot.term } ?? false
            entries = follows ? entries.filter { $0.index > snapshot.index } : []
            self.snapshot = snapshot
        }
        if let first = write.entries.first {
            entries.removeAll { $0.index >= first.index }
            entries.append(contentsOf: write.entries)
        }
    }
}

/// One message of Raft. Its sender is whoever holds the other end of the link.
public struct RaftMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Would you vote for me? The message's term is the one that would be sought.
        case preVote(lastIndex: LogIndex, lastTerm: Term)
        /// A grant carries the term that was asked for, a refusal the refuser's own.
        case preVoteReply(granted: Bool)
        /// `isTransfer`: the leader itself wishes it, so that having heard from it lately is no reason to refuse.
        case vote(lastIndex: LogIndex, lastTerm: Term, isTransfer: Bool)
        case voteReply(granted: Bool)
        /// Entries that follow `previousIndex`, or none: then it is a heartbeat. `token` is echoed, never used twice by a
        /// leader of a term, and grows.
        case append(
            previousIndex: LogIndex, previousTerm: Term, commit: LogIndex, entries: [LogEntry], token: UInt64)
        /// The receiver's log agrees with the leader's up to `match`, on disk.
        case appended(match: LogIndex, token: UInt64)
        /// The receiver has no such entry at `previousIndex`. `lastIndex` is the end of its log; `conflictTerm` the term of its own
        /// entry at min(previousIndex, lastIndex), and `conflictFirst` where that term begins in its log.
        case appendRefused(
            previousIndex: LogIndex, lastIndex: LogIndex, conflictTerm: Term, conflictFirst: LogIndex, token: UInt64)
        case snapshot(RaftSnapshot, token: UInt64)
        /// From the leader: seek election at once.
        case timeoutNow
    }
    public let term: Term
    public let kind: Kind
    public init(term: Term, kind: Kind) {
        self.term = term
        self.kind = kind
    }
}
