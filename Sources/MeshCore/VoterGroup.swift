import Consensus
import Identity
import NetworkConfig
import Wire

/// A peer's part in deciding a network's config: Raft, and the machine that its committed entries drive. Every member has one; on
/// those that do not vote it rests.
struct VoterGroup: Sendable {
    /// How often the network had been recovered when this group began: groups of different generations know nothing of each other.
    let generation: UInt64
    var raft: Raft
    /// After everything that was committed and applied here.
    var machine: ConfigMachine
    /// A leader's: after everything in its log. Every entry was judged by it before it was appended, and the log before an entry is
    /// the same wherever the entry is, so all voters judge alike.
    var planned: ConfigMachine?
    var writes = SortedMap<StorageTicket, WriteToken>()
    /// While this peer does not know whether it still knows all that it has promised.
    var probation: Probation?
    /// Nobody else has confirmed what this peer knew when it came back.
    var standsAlone = false
    /// Somebody has shown that this peer's disk is older than its word, and nobody has told it yet what it has forgotten.
    var isSetBack = false
    /// When it asks anew, where it has not got by then what it was told that the log has.
    var floorDue: Instant?

    /// A leader's snapshot that this peer goes by without having seen that it leads to what was certified: until then it vouches for
    /// nothing that follows, so that no leader can have an invented config certified.
    var unproven: (version: ConfigVersion, header: Digest)?

    /// Revisions applied here that are not certified yet, ascending.
    var candidates: [Candidate] = []
    /// Signatures of others over revisions that have not been applied here yet.
    var early: [EarlyVouch] = []
    /// When this peer's signatures are told again to those who may have missed them.
    var vouchDue: Instant?

    /// Proposals on their way through the log; each is forgotten when it is decided, or too old.
    var waiting = SortedMap<SessionID, Waiter>()
    /// Voters that are to be removed, as soon as they vote no more, by the proposal that says so.
    var removals = SortedMap<SessionID, PeerID>()
    /// When the voters are looked at next, by the leader.
    var keepDue: Instant = .zero
    /// Since when each member has been there without a break, as this peer sees it.
    var presentSince = SortedMap<PeerID, Instant>()
    /// Since when it has not.
    var absentSince = SortedMap<PeerID, Instant>()

    struct Candidate: Sendable {
        let version: ConfigVersion
        let header: Digest
        let headerBytes: [UInt8]
        let config: [UInt8]
        /// Those whose majority certifies it, ascending.
        let certifiers: [PeerID]
        /// All who should hear of signatures over it, ascending.
        let audience: [PeerID]
        /// Ascending by voter.
        var vouches: [Vouch]

        var isCertified: Bool { vouches.count > certifiers.count / 2 }

        /// False where the voter does not count, or is counted already.
        mutating func add(_ vouch: Vouch) -> Bool {
            guard certifiers.contains(vouch.voter), !vouches.contains(where: { $0.voter == vouch.voter }) else {
                return false
            }
            vouches.append(vouch)
            vouches.sort { $0.voter < $1.voter }
            return true
        }
    }

    struct EarlyVouch: Sendable {
        let version: ConfigVersion
        let header: Digest
        let vouch: Vouch
    }

    /// A change that is in the log, or was applied and is not certified yet.
    struct Waiter: Sendable {
        /// The revision that it became, once applied.
        var revision: Revision?
        let deadline: Instant
    }

    init(
        own: PeerID, ledger: ConfigLedger, state: RaftState?, settings: RaftSettings, probation: Probation?,
        seed: UInt64, now: Instant
    ) throws(ConfigRefusal) {
        let state = state ?? .empty
        generation = ledger.version.generation
        machine =
            state.snapshot.index == .zero
            ? ConfigMachine(ledger: ledger)
            : try ConfigMachine(snapshot: state.snapshot.state, network: ledger.network)
        self.probation = probation
        raft = Raft(
            own: own, state: state, settings: settings, isSilent: probation != nil, seed: seed, now: now)
    }

    /// What the first voter of a group begins with: the config as the snapshot of an entry that nobody needs to see.
    static func founding(_ ledger: ConfigLedger) -> RaftState {
        let machine = ConfigMachine(ledger: ledger)
        return RaftState(
            hard: HardState(term: Term(1), vote: nil),
            snapshot: RaftSnapshot(
                index: LogIndex(1), term: Term(1), voters: VoterSet(voters: ledger.header.voters),
                state: machine.snapshot),
            entries: [])
    }

    /// The same, as it is written to disk.
    static func foundingWrite(_ state: RaftState) -> RaftWrite {
        RaftWrite(hard: state.hard, snapshot: state.snapshot, entries: [])
    }
}
