import Identity

// What members tell each other about who is there and what each says of itself. Gossip travels in datagrams of at most
// `Limits.datagramBytes`, and over links where no datagram passes. The rules stand in Membership.

/// Which life of a peer, and which of its words in that life, a rumour is about: `epoch` grows on disk with each start of the
/// peer, `count` each time that it refutes a suspicion.
public struct Incarnation: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let epoch: UInt64
    public let count: UInt64
    public init(epoch: UInt64, count: UInt64) {
        self.epoch = epoch
        self.count = count
    }
    public static let zero = Incarnation(epoch: 0, count: 0)
    public var description: String { "\(epoch).\(count)" }
    public static func < (left: Incarnation, right: Incarnation) -> Bool {
        (left.epoch, left.count) < (right.epoch, right.count)
    }
}

/// What is believed of a member's life. Numbered as on the wire; of two beliefs about one incarnation the greater wins.
public enum Liveness: Int, Comparable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case alive = 1
    case suspect = 2
    case dead = 3
    public var description: String {
        switch self {
        case .alive: "alive"
        case .suspect: "suspect"
        case .dead: "dead"
        }
    }
    public static func < (left: Liveness, right: Liveness) -> Bool { left.rawValue < right.rawValue }
}

public struct Rumour: Hashable, Sendable {
    public let about: PeerID
    public let incarnation: Incarnation
    public let liveness: Liveness
    /// Who found it out: confirmations of a suspicion by different peers shorten it.
    public let by: PeerID
    public init(about: PeerID, incarnation: Incarnation, liveness: Liveness, by: PeerID) {
        self.about = about
        self.incarnation = incarnation
        self.liveness = liveness
        self.by = by
    }
}

public struct GossipMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Are you there? Answered by `ack` with the same number.
        case ping(sequence: UInt32)
        case ack(sequence: UInt32)
        /// Ping `target` for me, and pass its ack on; say `nack` where none came in time.
        case pingRequest(sequence: UInt32, target: PeerID)
        case nack(sequence: UInt32)
        /// Nothing but what rides along.
        case news
    }
    public let kind: Kind
    /// Of the sender: each message of a peer says which life it is in, and so refutes what is said of an earlier one.
    public let incarnation: Incarnation
    public let rumours: [Rumour]
    /// A digest of all versions held (`RecordStore.summary`): where two differ, they have something to tell each other.
    public let summary: UInt64
    /// Versions held by the sender of records of peers from `digestFrom` to `digestThrough`, both included; a peer in between that
    /// is missing is one of which the sender holds nothing. Nil where none are told.
    public let digest: RecordDigest?
    /// Records that the receiver seems to lack.
    public let records: [Signed]

    public init(
        kind: Kind, incarnation: Incarnation, rumours: [Rumour] = [], summary: UInt64 = 0, digest: RecordDigest? = nil,
        records: [Signed] = []
    ) {
        self.kind = kind
        self.incarnation = incarnation
        self.rumours = rumours
        self.summary = summary
        self.digest = digest
        self.records = records
    }
}

/// A part of what a member holds, in the order of peers.
public struct RecordDigest: Hashable, Sendable {
    public let first: PeerID
    public let last: PeerID
    /// Ascending by peer.
    public let versions: [RecordDigestEntry]
    /// Whether the sender wishes to be told the receiver's versions of the same part.
    public let asks: Bool
    public init(first: PeerID, last: PeerID, versions: [RecordDigestEntry], asks: Bool) {
        self.first = first
        self.last = last
        self.versions = versions
        self.asks = asks
    }
}
