import Consensus
import Identity
import NetworkConfig
import Placement
import Wire

// Changes of the config on their way. Whoever wants one signs a command; it goes to the leader by way of any member, through the log,
// and its outcome comes back the same way, once. What is on its way twice, since a leader died or an answer was lost, is known by
// its proposal id and is done once.

/// Who waits for the outcome of a proposal.
enum ProposalOrigin: Hashable, Sendable {
    case link(LinkID)
    case request(RequestID, Response)
    /// This peer itself; nobody waits.
    case own
}

/// A proposal that this peer made, or passes on for others.
struct PendingProposal: Sendable {
    let network: NetworkID
    let signed: Signed
    let command: ConfigCommand
    var origins: [ProposalOrigin]
    let deadline: Instant
    /// How often it was sent on its way by whoever made it.
    var attempt: Int
    /// When it is sent again; nil where others see to that.
    var retryDue: Instant?
    /// When it was last tried: news of leaders may come in bursts.
    var tried: Instant
}

extension MeshCore {
    /// Sends a change on its way. The outcome reaches `origin` in the end, whatever happens.
    mutating func propose(_ change: ConfigCommand.Change, to network: NetworkID, origin: ProposalOrigin, at time: Time)
    {
        let proposal = SessionID(high: random.next(), low: random.next())
        guard let state = networks[network] else {
            tell(refusal("this peer is not in that network", of: proposal, in: network), to: origin, at: time)
            return
        }
        guard proposals.count < MeshLimits.proposals else {
            tell(refusal("too many changes are under way; try again", of: proposal, in: network), to: origin, at: time)
            return
        }
        commands += 1
        let command = ConfigCommand(
            network: network, proposal: proposal, number: RecordVersion(epoch: epoch, sequence: commands),
            base: state.ledger.version, change: change)
        proposals[proposal] = PendingProposal(
            network: network, signed: command.signed(by: signer), command: command, origins: [origin],
            deadline: time.instant.advanced(by: settings.proposalDeadline), attempt: 1, retryDue: time.instant,
            tried: time.instant)
        dispatch(proposal, at: time)
    }

    /// One that another peer made or passes on.
    mutating func receiveProposal(_ network: NetworkID, _ signed: Signed, _ attempt: Int, on link: Link, at time: Time)
    {
        guard let command = try? ConfigCommand.verified(signed), command.network == network else { return }
        guard networks[network] != nil else {
            let answer = refusal("this peer is not in that network", of: command.proposal, in: network)
            effects.append(.send(.proposalResult(answer), on: link.info.id))
            return
        }
        // A newcomer may only ask for itself; a member may pass on what others ask.
        if link.info.purpose == .admission {
            guard signed.signer == link.info.peer, case .admit = command.change else { return }
        }
        let id = command.proposal
        let origin = ProposalOrigin.link(link.info.id)
        if let pending = proposals[id] {
            guard pending.signed == signed else { return }
            let isRepeated = attempt > pending.attempt
            proposals.update(id) { pending in
                if !pending.origins.contains(origin), pending.origins.count < MeshLimits.originsPerProposal {
                    pending.origins.append(origin)
                }
                if pending.retryDue == nil { pending.attempt = max(pending.attempt, attempt) }
            }
            // One that comes again as it was is on its way already; that is also what ends a circle of peers that take each other for
            // the leader.
            guard isRepeated || isLeader(of: network) else { return }
        } else {
            guard proposals.count < MeshLimits.proposals else {
                tell(
                    refusal("too many changes are under way; try again", of: id, in: network), to: origin, at: time)
                return
            }
            proposals[id] = PendingProposal(
                network: network, signed: signed, command: command, origins: [origin],
                deadline: time.instant.advanced(by: settings.proposalDeadline), attempt: attempt, retryDue: nil,
                tried: time.instant)
        }
        dispatch(id, at: time)
    }

    func isLeader(of network: NetworkID) -> Bool { dues(of: network)?.leads == true }

    /// Decides it here, or sends it towards whoever can.
    private mutating func dispatch(_ id: SessionID, at time: Time) {
        guard let pending = proposals[id], let state = networks[pending.network] else { return }
        let due = time.instant.advanced(by: settings.proposalRetry)
        proposals.update(id) { if $0.retryDue != nil { $0.retryDue = due } }
        if state.group.raft.role == .leader {
            decide(id, at: time)
            return
        }
        guard let link = linkTowardsLeader(of: state, attempt: pending.attempt, avoiding: pending.origins) else {
            notNow(id, at: time)
            return
        }
        effects.append(
            .send(
                .proposal(network: pending.network, command: pending.signed, attempt: pending.attempt), on: link.info.id
            ))
    }

    /// The leader, where it is known and linked; otherwise one voter after the other.
    private func linkTowardsLeader(of state: NetworkState, attempt: Int, avoiding origins: [ProposalOrigin]) -> Link? {
        if let leader = state.group.raft.leader ?? recordedLeader(of: state), let link = memberLink(to: leader) {
            return link
        }
        let voters = state.config.voters.compactMap { memberLink(to: $0) }.filter { link in
            !origins.contains(.link(link.info.id))
        }
        return voters.isEmpty ? nil : voters[attempt % voters.count]
    }

    /// Nobody is there who could decide it just now.
    private mutating func notNow(_ id: SessionID, at time: Time) {
        guard let pending = proposals[id] else { return }
        if pending.retryDue == nil {
            conclude(id, refusal("no leader is known here just now; try again", of: id, in: pending.network), at: time)
        }
    }

    mutating func receiveResult(_ result: ProposalResult, on link: Link, at time: Time) {
        guard let pending = proposals[result.proposal], pending.network == result.network,
            networks[result.network]?.config.isMember(link.info.peer) == true
        else { return }
        if !result.accepted {
            // Nobody could decide it there.
            if result.revision == Revision(0) {
                notNow(result.proposal, at: time)
                return
            }
            // One leader's own no does not count when another leader may have it in its log. An admission may be asked for again
            // in any case: its invitation sees to it that it is granted once.
            guard result.isFinal || pending.attempt == 1 || pending.command.change.isAdmission else { return }
        }
        conclude(result.proposal, result, at: time)
    }

    mutating func passProposalTime(at time: Time) {
        for (id, pending) in proposals.pairs {
            if time.instant >= pending.deadline {
                let hasQuorum = networks[pending.network].map { quorum(of: $0) } ?? false
                let sentence =
                    hasQuorum
                    ? "no answer came in time; look at `tiktrue network show` before you try again"
                    : "a majority of the voters cannot be reached, so the config is frozen; switch them on and try again"
                conclude(id, refusal(sentence, of: id, in: pending.network), at: time)
            } else if let due = pending.retryDue, time.instant >= due {
                tryAgain(id, at: time)
            }
        }
        forgetOldWaiters(at: time.instant)
        passJoinTime(at: time)
    }

    /// There is another leader, or a way to one: what waits need not wait on.
    mutating func retryProposals(in network: NetworkID, at time: Time) {
        for (id, pending) in proposals.pairs where pending.network == network {
            if isLeader(of: network) {
                decide(id, at: time)
            } else if pending.retryDue != nil, time.instant.since(pending.tried) >= settings.proposalPause {
                tryAgain(id, at: time)
            }
        }
    }

    private mutating func tryAgain(_ id: SessionID, at time: Time) {
        proposals.update(id) {
            $0.attempt += 1
            $0.tried = time.instant
        }
        dispatch(id, at: time)
    }

    /// Whoever asked over that link is gone; the change itself goes on.
    mutating func proposalLinkClosed(_ id: LinkID) {
        for (proposal, pending) in proposals.pairs where pending.origins.contains(.link(id)) {
            proposals.update(proposal) { $0.origins.removeAll { $0 == .link(id) } }
            if pending.origins.count == 1 { proposals[proposal] = nil }
        }
    }

    // MARK: Deciding (the leader)

    mutating func decide(_ id: SessionID, at time: Time) {
        guard let pending = proposals[id], let state = networks[pending.network],
            let planned = state.group.planned
        else { return }
        let proposer = pending.signed.signer
        if let known = state.group.machine.known(id, by: proposer) {
            decided(known, in: pending.network, at: time)
            return
        }
        guard state.group.waiting[id] == nil else { return }
        let deadline = time.instant.advanced(by: settings.proposalDeadline)
        if planned.known(id, by: proposer) != nil {
            networks.update(pending.network) { $0.group.waiting[id] = VoterGroup.Waiter(deadline: deadline) }
            return
        }
        var entry = ConfigEntry(command: pending.signed, wallClock: time.wallClock, assignment: nil)
        var next = planned
        let outcome = next.apply(entry)
        if outcome.accepted {
            guard next.version > planned.version else {
                // What it asks for is so already.
                decided(outcome, in: pending.network, at: time)
                return
            }
            // The config names it no more, but until the change of voters is through nothing is decided without it.
            if case .remove(let leaving) = pending.command.change, state.group.raft.voters.isVoter(leaving),
                planned.config.members.count > 1
            {
                voteNoMore(leaving, before: id, in: pending.network, at: time)
                return
            }
            if MeshCore.needsPlan(pending.command.change) {
                entry = ConfigEntry(
                    command: pending.signed, wallClock: time.wallClock,
                    assignment: MeshCore.assignment(for: next.config))
                next = planned
                _ = next.apply(entry)
            }
        } else if case .votesStill(let leaving)? = outcome.refusal {
            voteNoMore(leaving, before: id, in: pending.network, at: time)
            return
        } else if pending.attempt == 1 || pending.command.change.isAdmission {
            conclude(id, ProposalResult(outcome, network: pending.network, isFinal: false), at: time)
            return
        }
        // A no to what was sent before goes through the log too, so that no other leader says yes to the same proposal.
        var appended: ProposalOutcome = .busy
        networks.update(pending.network) { state in
            appended = state.group.raft.propose(entry.encoded(), at: time.instant)
            guard case .appended = appended else { return }
            state.group.planned = next
            state.group.waiting[id] = VoterGroup.Waiter(deadline: deadline)
        }
        guard case .appended = appended else {
            notNow(id, at: time)
            return
        }
        raftTouched = true
    }

    /// The voters change first; then the removal is decided again.
    private mutating func voteNoMore(
        _ leaving: PeerID, before removal: SessionID, in network: NetworkID, at time: Time
    ) {
        networks.update(network) { state in
            state.group.removals[removal] = leaving
            state.group.keepDue = time.instant
        }
    }

    /// A proposal went through the log, here and everywhere.
    mutating func decided(_ outcome: ConfigOutcome, in network: NetworkID, at time: Time) {
        guard let state = networks[network] else { return }
        if outcome.accepted, outcome.revision > state.ledger.version.revision, proposals[outcome.proposal] != nil {
            let deadline = time.instant.advanced(by: settings.proposalDeadline)
            // Whoever asked hears of it once it is certified: then any member can show it to anyone.
            networks.update(network) {
                $0.group.waiting[outcome.proposal] = VoterGroup.Waiter(revision: outcome.revision, deadline: deadline)
            }
            return
        }
        networks.update(network) { $0.group.waiting[outcome.proposal] = nil }
        conclude(outcome.proposal, ProposalResult(outcome, network: network, isFinal: true), at: time)
    }

    /// Answers those whose change is certified now.
    mutating func answerCertified(in network: NetworkID, at time: Time) {
        guard let state = networks[network] else { return }
        let certified = state.ledger.version.revision
        for (id, waiter) in state.group.waiting.pairs {
            if let revision = waiter.revision, revision <= certified {
                networks.update(network) { $0.group.waiting[id] = nil }
                conclude(
                    id,
                    ProposalResult(
                        network: network, proposal: id, accepted: true, revision: revision, reason: "", isFinal: true),
                    at: time)
            }
        }
    }

    /// What was in the log of a leader that lost its office may never be decided.
    private mutating func forgetOldWaiters(at now: Instant) {
        for network in networks.keys where dues(of: network)?.isAwaited == true {
            networks.update(network) { $0.group.waiting.removeAll { _, waiter in now >= waiter.deadline } }
        }
    }

    // MARK: Answering

    mutating func conclude(_ id: SessionID, _ result: ProposalResult, at time: Time) {
        guard let pending = proposals[id] else { return }
        proposals[id] = nil
        networks.update(pending.network) { $0.group.removals[id] = nil }
        for origin in pending.origins { tell(result, to: origin, at: time) }
    }

    func refusal(_ sentence: String, of proposal: SessionID, in network: NetworkID) -> ProposalResult {
        ProposalResult(
            network: network, proposal: proposal, accepted: false, revision: Revision(0), reason: sentence,
            isFinal: false)
    }

    private mutating func tell(_ result: ProposalResult, to origin: ProposalOrigin, at time: Time) {
        switch origin {
        case .own:
            // Told anew with the next link or config, not at once.
            if !result.accepted { networks.update(result.network) { $0.grantProposed = false } }
        case .request(let request, let success):
            effects.append(
                .respond(request, result.accepted ? success.at(result.revision) : .refused(result.reason)))
        case .link(let id):
            guard let link = links[id] else { return }
            guard link.info.purpose == .admission, result.accepted, let state = networks[result.network] else {
                effects.append(.send(.proposalResult(result), on: id))
                return
            }
            // The newcomer needs the config that names it, which may still be on its way here.
            if state.ledger.version.revision >= result.revision {
                effects.append(.send(.config(network: result.network, state.ledger.certified), on: id))
                effects.append(.send(.proposalResult(result), on: id))
            } else if owed.count < MeshLimits.proposals {
                owed.append((link: id, result: result))
            }
        }
    }

    /// Newcomers that waited for this peer to have the config that names them.
    mutating func payOwed(at time: Time) {
        let due = owed
        owed = []
        for debt in due { tell(debt.result, to: .link(debt.link), at: time) }
    }

    // MARK: What follows from a change

    private static func needsPlan(_ change: ConfigCommand.Change) -> Bool {
        switch change {
        case .admit, .remove, .grant, .setModel, .setRole: true
        case .assign(let explicit): explicit == nil
        case .invite, .revoke, .setPolicy: false
        }
    }

    /// Block ranges from grants: see `Placement`.
    static func assignment(for config: NetworkConfig) -> [NetworkConfig.Assignment] {
        let plan = Placement.plan(
            blocks: config.model.blocks.map(\.memory),
            candidates: config.members.filter(\.role.holdsBlocks).map {
                Placement.Candidate(peer: $0.peer, memory: $0.grantedMemory)
            })
        return plan.first.map { NetworkConfig.Assignment(peer: $0.peer, blocks: $0.blocks, copy: false) }
            + plan.copies.map { NetworkConfig.Assignment(peer: $0.peer, blocks: $0.blocks, copy: true) }
    }

    func shortfall(of config: NetworkConfig) -> UInt64 {
        guard config.assignment.isEmpty else { return 0 }
        let candidates = config.members.filter(\.role.holdsBlocks).map {
            Placement.Candidate(peer: $0.peer, memory: $0.grantedMemory)
        }
        // Enough in sum, but too coarse: at least the largest block is missing its place.
        let blocks = config.model.blocks.map(\.memory)
        return max(Placement.shortfall(blocks: blocks, candidates: candidates), 1)
    }

    /// A peer that was started with another grant than the one agreed tells the new one.
    mutating func proposeOwnGrant(_ network: NetworkID, at time: Time) {
        guard let state = networks[network], let mine = state.config.member(peer) else { return }
        guard !state.grantProposed else { return }
        if mine.offeredMemory == settings.sharedMemory && mine.name == settings.name {
            networks.update(network) { $0.grantProposed = true }
            return
        }
        guard quorum(of: state) else { return }
        networks.update(network) { $0.grantProposed = true }
        propose(
            .grant(peer: peer, memory: settings.sharedMemory, name: settings.name, addresses: ownAddresses),
            to: network, origin: .own, at: time)
    }
}

extension ProposalResult {
    fileprivate init(_ outcome: ConfigOutcome, network: NetworkID, isFinal: Bool) {
        self.init(
            network: network, proposal: outcome.proposal, accepted: outcome.accepted, revision: outcome.revision,
            reason: outcome.reason, isFinal: isFinal)
    }
}

extension ConfigCommand.Change {
    fileprivate var isAdmission: Bool {
        if case .admit = self { return true }
        return false
    }
}

extension Response {
    /// The same answer with the revision that the change became.
    fileprivate func at(_ revision: Revision) -> Response {
        switch self {
        case .modelSet: .modelSet(revision)
        case .changed: .changed(revision)
        default: self
        }
    }
}
