import Identity
import Wire

/// Names one write to disk. Later writes have greater tokens.
public struct WriteToken: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public var next: WriteToken { WriteToken(value + 1) }
    public var description: String { String(value) }
    public static func < (left: WriteToken, right: WriteToken) -> Bool { left.value < right.value }
}

/// Names one linearizable read. Chosen by whoever asks.
public struct ReadID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public var description: String { String(value) }
    public static func < (left: ReadID, right: ReadID) -> Bool { left.value < right.value }
}

public enum RaftRole: Hashable, Sendable {
    case follower
    /// Asks whether it could win, and has not changed its term.
    case preCandidate
    case candidate
    case leader
}

/// What became of a wish to append something to the log.
public enum ProposalOutcome: Hashable, Sendable {
    /// It is in this leader's log. It is decided once an entry of just this term is committed at this index; an entry
    /// of another term there means that it was lost.
    case appended(term: Term, index: LogIndex)
    /// Ask that peer, or later where nobody is known to lead.
    case notLeader(PeerID?)
    /// Too much is not committed yet.
    case busy
    /// The leader is handing its office over.
    case transferring
    /// An earlier change of the voters is not finished, or this leader has not committed an entry of its own term.
    case changeUnderWay
    /// One sentence that says why.
    case notAllowed(String)
}

/// A grant to read the application's state, once entries up to `granted` are applied; nil: refused, ask again.
public struct ReadAnswer: Hashable, Sendable {
    public let id: ReadID
    public let granted: LogIndex?
    public init(id: ReadID, granted: LogIndex?) {
        self.id = id
        self.granted = granted
    }
}

/// What a Raft wants done. The caller
/// 1. begins `write`, after all earlier ones, and reports it with `stored` once it is on disk (writes complete in
///    order);
/// 2. sends `messages` in this order, without waiting for that write: those that had to have waited inside;
/// 3. replaces its state by `restored`, and then applies `committed` in order;
/// 4. answers `reads`, after that.
public struct Ready: Sendable {
    public struct Change: Hashable, Sendable {
        public let role: RaftRole
        public let term: Term
        /// Nil where nobody is known to lead.
        public let leader: PeerID?
        public init(role: RaftRole, term: Term, leader: PeerID?) {
            self.role = role
            self.term = term
            self.leader = leader
        }
    }

    public var messages: [(to: PeerID, message: RaftMessage)] = []
    public var write: (token: WriteToken, write: RaftWrite)?
    public var restored: RaftSnapshot?
    /// Committed, and on this peer's own disk: what was applied is never lost in a crash.
    public var committed: [LogEntry] = []
    public var reads: [ReadAnswer] = []
    /// When any of the three changed since the last time.
    public var roleChange: Change?

    var isEmpty: Bool {
        messages.isEmpty && write == nil && restored == nil && committed.isEmpty && reads.isEmpty && roleChange == nil
    }
}
