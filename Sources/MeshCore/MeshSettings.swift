import Consensus
import Identity
import Membership
import Wire

/// What a peer is told at start, and the times that it goes by.
public struct MeshSettings: Sendable {
    /// The peer's name, for people.
    public var name: String
    /// Bytes that its owner lends.
    public var sharedMemory: UInt64
    /// Where it accepts links.
    public var linkPort: Int
    /// Where peers may be that multicast does not reach.
    public var seeds: [Endpoint]

    /// A beacon this often while things change, so that a newcomer that missed the answer to its own still sees everyone soon.
    public var beaconInterval: Interval = .seconds(1)
    /// And this often when nothing has changed for `haste`: whoever asks is answered at once in any case.
    public var beaconQuietInterval: Interval = .seconds(5)
    public var haste: Interval = .seconds(10)
    /// Where there are many peers, each leaves so much time to every other between two beacons of its own: what all of them together
    /// say in a second, and what each must listen to, does not grow with their number.
    public var beaconShare: Interval = Interval(nanoseconds: 62_500_000)
    public var beaconQuietShare: Interval = .milliseconds(500)
    /// More than so many peers do not all answer a question: each waits up to `beaconAnswerSpread` for every other one, and is silent
    /// when so many have told of its networks already.
    public var beaconAnswers = 8
    public var beaconAnswerSpread: Interval = .milliseconds(10)
    public var beaconAnswerPatience: Interval = .milliseconds(800)
    /// Beacons in answer to others are sent no more often than this.
    public var beaconAnswerInterval: Interval = .milliseconds(100)
    /// What a beacon told is believed this long: three beacons lost in a row.
    public var beaconLifetime: Interval = .seconds(16)
    /// How long `discover` listens. Every peer answers a question at once; the rest is for slow ones.
    public var discoverDuration: Interval = .milliseconds(1200)
    /// A first retry after a failed dial, doubled up to `dialBackoffMax`.
    public var dialBackoff: Interval = .milliseconds(250)
    public var dialBackoffMax: Interval = .seconds(4)
    /// The peer with the greater identity leaves the dialling to the other one for this long.
    public var dialCourtesy: Interval = .seconds(2)
    public var seedInterval: Interval = .seconds(2)
    /// A join, or any proposal, is given up after this.
    public var proposalDeadline: Interval = .seconds(10)
    /// A proposal that nobody has answered is sent again after this, to another voter where no leader is known.
    public var proposalRetry: Interval = .milliseconds(500)
    /// And no sooner than this, whatever news there is of leaders.
    public var proposalPause: Interval = .milliseconds(50)
    /// A config that was asked for of one peer is not asked for of another before this.
    public var configPatience: Interval = .milliseconds(500)
    /// Voters tell their signatures over an uncertified revision again after this.
    public var vouchInterval: Interval = .milliseconds(500)
    /// A peer that came back asks those who have not answered again after this, how the log stands with them.
    public var probationAsk: Interval = .milliseconds(500)
    /// And waits for those who are away no longer than this: many elections long, so that no vote from before is still on its
    /// way, and short enough for a network that has lost somebody for good.
    public var probationGrace: Interval = .seconds(10)
    /// One that hears of a later life of its own begins another one no more often than this.
    public var newLifeInterval: Interval = .seconds(5)
    /// Strangers that speak of a network of this peer's are asked about it no more often than this.
    public var inquiryInterval: Interval = .seconds(2)
    /// How often the leader looks whether the voters are still the right ones.
    public var voterInterval: Interval = .seconds(1)
    /// And how soon after a step of a change of voters.
    public var voterStep: Interval = .milliseconds(50)
    /// A member is made a voter where there are too few when it has been there for this long.
    public var voterSettling: Interval = .seconds(2)
    public var raft = RaftSettings()
    public var gossip = GossipSettings()
    /// A newcomer asks another member after this: one that cannot reach the leader says so at once.
    public var memberPatience: Interval = .seconds(3)
    /// A link to a peer that is no member any more is closed after this, so that the config that says so reaches it first.
    public var farewell: Interval = .seconds(1)
    /// Own records are signed no more often than this.
    public var recordInterval: Interval = .milliseconds(100)
    /// A download that hears nothing for this long goes on from another peer.
    public var pieceDeadline: Interval = .seconds(10)
    /// A piece that nobody could give is asked for again after this.
    public var pieceRetry: Interval = .seconds(1)
    /// A piece that could not be written, the disk being full for instance, is tried again after this.
    public var pieceWriteRetry: Interval = .seconds(5)
    /// A session's state on a stage is kept this long after its last use.
    public var stageLifetime: Interval = .seconds(600)
    public var stageSweep: Interval = .seconds(10)
    /// Bytes that the KV caches of all stages may take, by what the manifest says of them, before sessions that rest are freed. At
    /// least this much; more where more memory is lent.
    public var cacheBytesMin = 64 << 20
    /// Bytes that the logs of all stages may take; then those that have rested longest are dropped. A log that is missed is
    /// computed anew from what came before it.
    public var hopLogBytes = 256 << 20
    /// A session that has rested this long gives up its memory when another one needs it.
    public var stageRest: Interval = .seconds(2)
    /// A conversation that rested longer is computed anew. Shorter than `stageLifetime`, which counts from an earlier moment.
    public var conversationLifetime: Interval = .seconds(590)

    public init(name: String, sharedMemory: UInt64, linkPort: Int, seeds: [Endpoint]) {
        self.name = name
        self.sharedMemory = sharedMemory
        self.linkPort = linkPort
        self.seeds = seeds
    }
}

/// Bounds on what a core keeps because others spoke to it.
enum MeshLimits {
    /// Peers whose beacons are remembered.
    static let seenPeers = 1024
    /// Peers that are reckoned with in how often this one speaks, beyond those of its own networks.
    static let crowd = 256
    /// Members of a network that one beacon tells of: more do not fit a datagram.
    static let seenMembers = Limits.datagramBytes / 32
    /// Strangers asked at a time about a network of this peer's.
    static let inquiries = 4
    /// Addresses remembered of one peer.
    static let seenAddresses = 4
    /// Peers that asked for the same proposal and wait for its outcome.
    static let originsPerProposal = 4
    /// Revisions applied and not certified yet.
    static let candidates = 256
    /// Signatures over revisions that were not applied yet.
    static let earlyVouches = 64
    /// Entries of the log before it is cut.
    static let logEntries = 64
    /// Proposals under way.
    static let proposals = 256
    /// Pieces fetched at a time: two links' worth of waiting.
    static let activeFetches = 3
    /// Parts of one piece asked for ahead.
    static let partsInFlight = 4
    /// Parts that one link may ask for before it has the earlier ones. More than a peer asks for at a time, since a change of
    /// plan makes it ask for other pieces while what it asked for before is still on its way.
    static let readsPerLink = 64
    /// Conversations that a driver keeps.
    static let drivers = 64
}
