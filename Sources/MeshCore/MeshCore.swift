import Chain
import Consensus
import Identity
import Membership
import NetworkConfig
import Placement
import Wire

/// One peer's whole control plane, and its part in every chain, as a value: no I/O, no clock, no thread, no logger.
///
/// The shell hands in what happened with the time at which it did, and does what comes back, in order. The live peer drives one
/// of these from sockets and files; tests drive several from a hand-made world. What the shell owes:
///
/// 1. Inputs come one after another. Frames of a link come in the order in which they were sent.
/// 2. Effects are done in order. `persistRaft` and `persistLedger` are answered, in order, when, and only when, what they write
///    would survive a loss of power; a failed write stops the peer.
/// 3. `linkOpened` comes only after the other side has proven its key, and `accepts` was asked for it.
/// 4. At the time that `nextWake` names, or earlier, `woke` is handed in.
/// 5. `reside` and `compute` are done in the order given: what is computed finds the blocks that were asked for before it.
/// 6. After `dropCache` no result for that stage is handed in that was asked for before.
public struct MeshCore: Sendable {
    public let peer: PeerID
    let signer: any Signer
    public var settings: MeshSettings
    /// Raised on disk at each start, so that records of this life are newer than those of any before.
    var epoch: UInt64
    /// Commands signed in this life.
    var commands: UInt64 = 0
    /// Records signed in this life, those of all networks together: a network that is left and entered again goes on counting where others
    /// may still remember it.
    var records: UInt64 = 0
    /// Where the count of an incarnation begins in a network that is entered again: above all that was said there of this life.
    var incarnationFloors = SortedMap<NetworkID, UInt64>()
    /// Networks left in one life of which this is remembered.
    static let incarnationFloorsMax = 64
    var newLife: NewLife?
    /// A later life that was heard of before the next one of this peer may begin.
    var outdoneBy: UInt64?
    /// No other life begins sooner.
    var newLifeDue = Instant.zero
    var random: SeededGenerator

    var networks = SortedMap<NetworkID, NetworkState>()
    var links = Links()
    var seen = SortedMap<PeerID, SeenPeer>()
    var ownAddresses: [Endpoint] = []

    var beaconDue: Instant = .zero
    var beaconAnswered: Instant?
    var beaconAnswerDue: Instant?
    /// Beacons of fellow members heard since this peer was last asked for its own.
    var answersHeard = 0
    var dials = SortedMap<DialTag, Dial>()
    var nextDial: UInt64 = 0
    var contacts = SortedMap<PeerID, Contact>()
    /// Members or links have changed since contacts were last looked at.
    var contactsStale = true
    /// Where members spoke from last, by datagram.
    var heardAt = SortedMap<PeerID, Endpoint>()
    /// Beacons are frequent until then: something has just changed.
    var hasteUntil: Instant = .zero
    var seedsDue: Instant = .zero
    /// Strangers that speak of a network of this peer's as if it knew too little of it, and until when they may be linked for that.
    var inquiries = SortedMap<PeerID, Instant>()

    var nextTicket: UInt64 = 0
    /// Of the latest question how the log stands.
    var nextQuestion: UInt64 = 1
    var founding = SortedMap<StorageTicket, Founding>()
    var opening = SortedMap<NetworkID, Opening>()
    /// Writes of Raft under way.
    var raftWrites = SortedMap<StorageTicket, NetworkID>()
    var proposals = SortedMap<SessionID, PendingProposal>()
    /// Answers to newcomers that wait for the config that names them.
    var owed: [(link: LinkID, result: ProposalResult)] = []
    /// Something was proposed: Raft is run before this input is done.
    var raftTouched = false
    var strangersDue: Instant?
    var discoveries = SortedMap<RequestID, Instant>()
    var joins = SortedMap<RequestID, JoinAttempt>()
    /// Joins that wait for the config to be on disk.
    var entering = SortedMap<StorageTicket, Entering>()

    var heldPieces = SortedMap<Digest, Bool>()
    var fetches = SortedMap<Digest, Fetch>()
    /// What is wanted, held, or under way has changed since downloads were last looked at.
    var piecesStale = true
    var readsUnderWay = SortedMap<LinkID, Int>()

    var drivers = SortedMap<SessionID, DriverState>()
    var stages: Stages
    /// Stages that wait for blocks to be loaded.
    var needs: [BlockNeed] = []
    var stagesSweepDue: Instant = .zero
    /// Which session goes on with which conversation.
    var conversations = SortedMap<SessionID, SessionID>()

    /// How late this peer is with what it should have done long ago, as a share of a second, smoothed: what others call load.
    var lateness = Lateness()

    /// Effects of the input being handled, and frames from this peer to itself.
    var effects: [Effect] = []
    var loopback: [(frame: Frame, from: PeerID)] = []

    public init(
        signer: any Signer, settings: MeshSettings, epoch: UInt64, seed: UInt64, networks: [StoredNetwork],
        heldPieces: [Digest], now: Instant
    ) {
        peer = signer.peer
        self.signer = signer
        self.settings = settings
        self.epoch = epoch
        random = SeededGenerator(seed: seed)
        stages = Stages(peer: signer.peer)
        // One that power failed in before it was forgotten on disk is not taken up again.
        for stored in networks where stored.ledger.config.isMember(peer) {
            let isCurrent = stored.raft?.generation == stored.ledger.version.generation
            self.networks[stored.ledger.network] = state(
                of: stored.ledger, raft: isCurrent ? stored.raft?.state : nil,
                probation: probation(isSetBack: false, at: now), at: now)
        }
        for digest in heldPieces { self.heldPieces[digest] = true }
        hasteUntil = now.advanced(by: settings.haste)
        for network in self.networks.keys { self.networks.update(network) { $0.residencyStale = true } }
    }

    /// Takes one input and returns what is to be done about it.
    public mutating func handle(_ input: Input, at time: Time) -> [Effect] {
        let now = time.instant
        switch input {
        case .woke: lateness.woke(at: now)
        case .addressesChanged(let addresses): adopt(addresses: addresses, at: now)
        case .datagramReceived(let bytes, let host): receive(datagram: bytes, from: host, at: now)
        case .gossipReceived(let network, let message, let sender, let source):
            if isShared(network, with: sender) { heardAt[sender] = source }
            receiveGossip(network, message, from: sender, over: .datagram, at: time)
        case .linkOpened(let info): opened(info, at: time)
        case .linkClosed(let id, let reason): closed(id, reason: reason, at: time)
        case .dialFailed(let tag, let reason): failed(dial: tag, reason: reason, at: time)
        case .received(let frame, let link): receive(frame, on: link, at: time)
        case .persisted(let ticket): persisted(ticket, at: time)
        case .partOpened(let digest, let offset): partOpened(digest, offset: offset, at: now)
        case .partWritten(let digest, let next): partWritten(digest, next: next, at: now)
        case .partFailed(let digest, let reason): partFailed(digest, reason: reason, at: now)
        case .pieceStored(let digest): stored(digest, at: now)
        case .pieceRemoved(let digest): removed(digest, at: now)
        case .partRead(let link, let request, let total, let bytes): partRead(link, request, total: total, bytes: bytes)
        case .residencyChanged(let network, let loaded, let refused, let reason):
            residencyChanged(network, loaded: loaded, refused: refused, reason: reason, at: now)
        case .computed(let ticket, let key, let result): computed(ticket, key, result, at: now)
        case .requested(let id, let request): requested(id, request, at: time)
        case .cancelled(let id): cancelled(id, at: now)
        case .stopping: stopping(at: time)
        }
        deliverLoopback(at: now)
        passTime(at: time)
        deliverLoopback(at: now)
        lateness.next = earliestDue()
        defer { effects.removeAll() }
        return effects
    }

    /// When `woke` is wanted at the latest.
    public func nextWake(after now: Instant) -> Instant {
        max(lateness.next ?? now, now.advanced(by: .milliseconds(1)))
    }

    private func earliestDue() -> Instant {
        var wake = min(beaconDue, beaconAnswerDue ?? beaconDue)
        func consider(_ instant: Instant?) {
            if let instant, instant < wake { wake = instant }
        }
        if !settings.seeds.isEmpty { consider(seedsDue) }
        for contact in contacts.values where contact.dialing == nil { consider(contact.due) }
        for network in networks.values {
            if network.recordStale { consider(network.recordDue) }
            let due = network.due
            consider(due.gossip)
            consider(due.raft)
            consider(due.vouches)
            consider(due.probation)
            consider(network.asked?.until)
            if due.leads { consider(due.voters) }
        }
        for deadline in discoveries.values { consider(deadline) }
        for join in joins.values { consider(min(join.deadline, join.linkDeadline ?? join.deadline)) }
        for proposal in proposals.values { consider(min(proposal.deadline, proposal.retryDue ?? proposal.deadline)) }
        for fetch in fetches.values where fetch.waiting || fetch.source != nil { consider(fetch.deadline) }
        for state in drivers.values { consider(state.driver.nextDeadline) }
        consider(stages.nextDeadline)
        consider(strangersDue)
        if outdoneBy != nil, newLife == nil { consider(newLifeDue) }
        return wake
    }

    /// Whether a peer that has proven its key may open a link. Asked before any frame is read.
    public func accepts(_ peer: PeerID, purpose: LinkInfo.Purpose) -> Bool {
        guard peer != self.peer else { return false }
        switch purpose {
        // One that was removed is let in to be told so.
        case .member: return networks.values.contains { mayKnow(peer, $0.config) } || inquiries[peer] != nil
        case .admission: return true
        }
    }

    mutating func passTime(at time: Time) {
        let now = time.instant
        passDiscoveryTime(at: now)
        passGossipTime(at: time)
        passLifeTime(at: time)
        passProbationTime(at: time)
        passRaftTime(at: time)
        passDialTime(at: time)
        passProposalTime(at: time)
        passVouchTime(at: time)
        passConfigTime(at: time)
        passVoterTime(at: time)
        if raftTouched {
            raftTouched = false
            for network in networks.keys { runRaft(network, at: time) }
        }
        closeStrangers(at: now)
        passPieceTime(at: now)
        passChainTime(at: now)
        refreshResidency()
        refreshRecords(at: time)
    }

    /// When parts of a network want to be run. Nil where this peer is not in it.
    func dues(of network: NetworkID) -> NetworkState.Due? { networks[network]?.due }

    /// This peer is about to be stopped: others need not find out by waiting.
    private mutating func stopping(at time: Time) {
        for network in networks.keys {
            handOver(network, at: time)
            networks.update(network) { $0.gossip.leave(at: time.instant) }
            runGossip(network, at: time)
        }
    }
}

/// What a peer knows and does in one network.
struct NetworkState: Sendable {
    private var parts: Parts
    /// A newer config that was asked for, and until when nobody else is asked for it.
    var asked: (version: ConfigVersion, until: Instant)?
    var loaded: [Int] = []
    /// The first copies, copies and pins that the shell was last told.
    var residing: (pinned: [BlockRange], wanted: [BlockRange])?
    var residencyStale = true
    var recordStale = true
    var recordDue: Instant = .zero
    /// Whether this peer has proposed the grant that it was started with.
    var grantProposed = false

    init(ledger: ConfigLedger, gossip: Gossip, group: VoterGroup) {
        parts = Parts(ledger: ledger, gossip: gossip, group: group)
    }

    /// The certified config that this peer goes by.
    var ledger: ConfigLedger {
        _read { yield parts.ledger }
        _modify {
            ownParts()
            yield &parts.ledger
        }
    }
    var gossip: Gossip {
        _read { yield parts.gossip }
        _modify {
            ownParts()
            defer { parts.due.note(&parts.gossip) }
            yield &parts.gossip
        }
    }
    var group: VoterGroup {
        _read { yield parts.group }
        _modify {
            ownParts()
            defer { parts.due.note(&parts.group) }
            yield &parts.group
        }
    }
    /// When gossip and group want to be run: kept beside them, since every input asks, and to ask them is to copy them.
    var due: Due { parts.due }
    /// What this peer last told of itself.
    var told: PeerRecord? {
        _read { yield parts.told }
        _modify {
            ownParts()
            yield &parts.told
        }
    }

    var config: NetworkConfig { _read { yield parts.ledger.config } }

    private mutating func ownParts() {
        if !isKnownUniquelyReferenced(&parts) {
            let told = parts.told
            parts = Parts(ledger: parts.ledger, gossip: parts.gossip, group: parts.group)
            parts.told = told
        }
    }

    struct Due: Sendable {
        var gossip = Instant.zero
        var raft = Instant.zero
        var vouches: Instant?
        var probation: Instant?
        /// When the voters are looked at next; matters to whoever leads.
        var voters = Instant.zero
        var leads = false
        /// Whether changes are on their way through the log.
        var isAwaited = false

        // Handed over in place, so that nothing of them is copied; they are not changed.
        fileprivate mutating func note(_ gossip: inout Gossip) { self.gossip = gossip.nextWake }
        fileprivate mutating func note(_ group: inout VoterGroup) {
            raft = group.raft.nextWake
            vouches = group.vouchDue
            probation = group.probation?.askDue ?? group.floorDue
            voters = group.keepDue
            leads = group.raft.role == .leader
            isAwaited = !group.waiting.isEmpty
        }
    }

    /// What is large. In a box that copies share until one of them changes: a state is looked at many times for each input, and as a plain
    /// value each look would count up references to everything in it.
    // Changed only through a `NetworkState` that has it alone, so that nobody sees another's change.
    private final class Parts: @unchecked Sendable {
        var ledger: ConfigLedger
        var gossip: Gossip
        var group: VoterGroup
        var told: PeerRecord?
        var due = Due()

        init(ledger: ConfigLedger, gossip: Gossip, group: VoterGroup) {
            self.ledger = ledger
            self.gossip = gossip
            self.group = group
            due.note(&self.gossip)
            due.note(&self.group)
        }
    }
}
