import Identity
import Wire

/// Who is there, and what each says of itself: one member's part in the gossip of one network.
///
/// **Liveness** is SWIM with Lifeguard. In each period one member is pinged, in shuffled rounds. One that does not
/// answer is asked through three others and over its link, and is then suspect; the suspect is told first and refutes
/// by raising the count of its incarnation, which every message of its carries. A suspicion that nobody refutes ends in
/// death; how soon depends on how many found out by themselves. What a peer believes of a member only ever grows in the
/// order (incarnation, liveness), so that rumours may come in any order, twice or late. An incarnation is (epoch,
/// count): the epoch grows on disk with each start, so that what is said of an earlier life never holds down the next.
///
/// **Records** spread by rumour, and what rumours miss is found by comparing summaries, which every message carries:
/// whoever sees that another holds something else exchanges digests with it. Nobody is asked to believe: records are
/// signed.
///
/// It promises, whatever is lost, doubled, late or forged by strangers: the views of members that can reach each other
/// become equal; a member that is dead is noticed within a round of probes and a suspicion, and so is one that came
/// back. It assumes that senders are authenticated and members (`rosterChanged`), and that the epoch is on disk before
/// it is used. A member may lie about the liveness of others, so that liveness decides nothing that must be agreed.
///
/// Departures from the papers: who belongs is agreed elsewhere, so nobody joins or leaves by rumour, and the dead stay
/// members and are asked now and then whether they are back; rumours and records are also pushed to a few members as
/// soon as they are learned; a sender's own messages prove its life; time in which this peer was not run counts against
/// nobody; while nothing happens the period grows, so that an idle mesh costs next to nothing.
///
/// The caller's duties: `takeActions` after each call and do them in order; `passTime` at `nextWake`; one call at a
/// time, `at` never going back.
public struct Gossip: Sendable {
    public let network: NetworkID
    public let own: PeerID
    let settings: GossipSettings
    /// Of this life of this peer; `count` grows with each suspicion refuted.
    public internal(set) var incarnation: Incarnation

    /// All members but this one.
    var members = SortedMap<PeerID, Member>()
    /// Peers with a link to this one, members or not.
    var links = SortedMap<PeerID, LinkState>()
    public internal(set) var store: RecordStore

    /// Members that are probed in turn: those not dead. And the dead.
    var round = ProbeRound()
    var deadRound = ProbeRound()
    /// Pings that wait for an answer, oldest first: a handful, one a period.
    var probes: [Probe] = []
    /// Pings on behalf of others, oldest first.
    var relays: [Relay] = []
    var suspicions = SortedMap<PeerID, Suspicion>()
    /// The earliest deadline of a suspicion.
    var nextVerdict = Instant.never
    /// How much this peer doubts itself, 0 (well) to `localHealthMax` (LHA, the local health multiplier).
    public internal(set) var localHealth = 0

    /// About whom a rumour is to be told, and whose records.
    var rumours = Retransmissions()
    var news = Retransmissions()
    /// Owners of the latest records whose telling is over, newest last: a member whose summary differs lacks most
    /// likely these.
    var latest: [Told] = []

    var random: SeededGenerator
    var sequence: UInt32
    var lastProbe: Instant
    var nextProbe: Instant
    var nextDeadProbe: Instant
    /// When something last happened that others should hear of or that must be looked into.
    var lastStir: Instant
    /// When what was learned is pushed. Nil where nothing was.
    var pushDue: Instant?
    var lastPush: Instant
    var exchange = Exchange()
    /// The highest epoch of this peer that somebody else has been heard to claim.
    var exceededBy: UInt64
    /// The version of the last equivocation under this peer's own name.
    var ownEquivocation = RecordVersion.none
    var hasLeft = false
    var actions: [Action] = []

    /// - Parameters:
    ///   - epoch: of this life of this peer; on disk before it is handed over.
    ///   - count: where the incarnation begins. Zero, unless this peer has been in the network before in this life: then more than it had
    ///     there, since those who have not heard that it left go on believing what was said of it.
    public init(
        network: NetworkID, own: PeerID, epoch: UInt64, count: UInt64 = 0, settings: GossipSettings = .standard,
        seed: UInt64, now: Instant
    ) {
        self.network = network
        self.own = own
        self.settings = settings
        incarnation = Incarnation(epoch: epoch, count: count)
        store = RecordStore(network: network)
        random = SeededGenerator(seed: seed)
        sequence = UInt32(truncatingIfNeeded: random.next())
        lastProbe = now
        // Peers that start together do not probe together.
        nextProbe = now.advanced(by: settings.period.scaled(by: Double.random(in: 0..<1, using: &random)))
        nextDeadProbe = now.advanced(by: settings.deadProbePeriod)
        lastStir = now
        lastPush = now
        exceededBy = epoch
    }

    // MARK: Views

    /// What is believed of a member. A stranger counts as dead.
    public func liveness(of peer: PeerID) -> Liveness {
        peer == own ? (hasLeft ? .dead : .alive) : members[peer]?.liveness ?? .dead
    }

    /// Of all members but this one, ascending.
    public var livenessOfOthers: [(peer: PeerID, liveness: Liveness)] {
        members.pairs.map { (peer: $0, liveness: $1.liveness) }
    }

    public func incarnation(of peer: PeerID) -> Incarnation {
        peer == own ? incarnation : members[peer]?.incarnation ?? .zero
    }

    /// Whether this peer has itself heard from a member since it became one.
    public func isProven(_ peer: PeerID) -> Bool { peer == own || members[peer]?.lastHeard != nil }

    public func record(of peer: PeerID) -> PeerRecord? { store.record(of: peer) }
    public var records: [PeerRecord] { store.records }
    public var recordCount: Int { store.count }
    /// Of all versions held: equal on two peers that hold the same.
    public var summary: UInt64 { store.summary }
    public var isSelfHealthy: Bool { localHealth == 0 }
    /// Members with this peer.
    var memberCount: Int { members.count + 1 }

    /// Whether there is something to do: spares those who call often, as with `heardFrom`, to look.
    public var hasActions: Bool { !actions.isEmpty }

    public mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    public var nextWake: Instant {
        guard !hasLeft, !members.isEmpty else { return .never }
        var due = min(nextVerdict, pushDue ?? .never)
        if !round.isEmpty { due = min(due, nextProbe) }
        if !deadRound.isEmpty { due = min(due, nextDeadProbe) }
        for probe in probes { due = min(due, probe.deadline) }
        for relay in relays { due = min(due, relay.deadline) }
        return due
    }
}

/// How a message travels.
public enum Path: Hashable, Sendable { case datagram, link }

/// What the caller is to do.
public enum Action: Hashable, Sendable {
    case send(GossipMessage, to: PeerID, over: Path)
    case livenessChanged(PeerID, Liveness)
    /// A member's record newer than the one that was held.
    case news(PeerID, PeerRecord)
    /// Two different records that their owner signed under one version. Told once a version.
    case equivocation(PeerID, RecordVersion, proof: Proof)
    /// A record that is not genuine, or not of this network.
    case recordRefused(String)
    /// Somebody claims a later life of this peer than this one: its identity was copied, or its disk put back.
    case ownEpochExceeded(UInt64)

    /// Both records, as they were signed.
    public struct Proof: Hashable, Sendable {
        public let held: Signed
        public let other: Signed
    }
}

/// What is known of another member.
struct Member: Sendable {
    var incarnation = Incarnation.zero
    var liveness = Liveness.alive
    /// Who said so last.
    var by: PeerID
    /// When it was last heard itself, in this incarnation. Nil where it never was.
    var lastHeard: Instant?
    /// The latest life in which it was heard itself.
    var heardEpoch: UInt64 = 0
    /// When it was last told what is said of it.
    var lastTold: Instant?
    /// Its summary when it last told it.
    var summary: UInt64?
    /// Pings in a row that no datagram answered though its link did.
    var silentDatagrams = 0
    /// Pings over its link since a datagram was last tried.
    var pingsOverLink = 0
    /// The version of the last equivocation reported.
    var equivocated = RecordVersion.none
}

/// What there is to know of a link.
struct LinkState: Sendable {
    /// Whether its opening has led to an exchange.
    var hasCompared = false
}

struct Probe: Sendable {
    let target: PeerID
    let sequence: UInt32
    let sent: Instant
    /// When the next step is due.
    var deadline: Instant
    var isIndirect = false
    var helpers: [PeerID] = []
    /// Of the helpers, those that said that they had no answer.
    var nacks: [PeerID] = []
    /// Whether the ping went by datagram, and whether over the link.
    var byDatagram: Bool
    var byLink: Bool
}

/// A ping on behalf of another.
struct Relay: Sendable {
    let requester: PeerID
    let theirSequence: UInt32
    let target: PeerID
    let sequence: UInt32
    let path: Path
    let deadline: Instant
}

struct Told: Sendable {
    let owner: PeerID
    let at: Instant
}

/// When this peer next asks with a digest, and about whom.
struct Exchange: Sendable {
    var next = Instant.zero
    /// Digests in a row that brought nothing.
    var fruitless = 0
    /// Where the next digest begins.
    var cursor = PeerID.lowest
}

extension Instant {
    static let never = Instant(nanoseconds: .max)
}
