import Identity
import NetworkConfig
import Placement
import Wire

// Agreed state. The founder of a network signs its revisions; everyone else verifies and keeps them. A change is a signed command
// that travels to the founder by way of any member, and is checked there against the proposer's role.

/// A change that the founder has still to decide.
struct QueuedCommand: Sendable {
    let command: ConfigCommand
    let proposer: PeerID
    let origin: ProposalOrigin
}

/// Who waits for the outcome of a proposal.
enum ProposalOrigin: Sendable {
    case link(LinkID)
    case request(RequestID, Response)
    /// This peer itself; nobody waits.
    case own
}

/// A proposal on its way to the founder.
struct PendingProposal: Sendable {
    let network: NetworkID
    let origin: ProposalOrigin
    let deadline: Instant
}

/// A network that is being founded, until its first revision is on disk.
struct Founding: Sendable {
    let request: RequestID
    let ledger: ConfigLedger
}

extension MeshCore {
    // MARK: Spreading revisions

    mutating func receiveOffer(_ network: NetworkID, _ revision: Revision, on link: Link) {
        guard let state = networks[network], state.config.isMember(link.info.peer) else { return }
        if revision > state.config.revision {
            effects.append(.send(.configRequest(network: network), on: link.info.id))
        } else if revision < state.config.revision {
            sendConfig(of: state, on: link.info.id)
        }
    }

    mutating func receiveConfigRequest(_ network: NetworkID, on link: Link) {
        guard let state = networks[network], state.config.isMember(link.info.peer) else { return }
        sendConfig(of: state, on: link.info.id)
    }

    mutating func sendConfig(of state: NetworkState, on link: LinkID) {
        let ledger = state.ledger
        effects.append(.send(.config(network: ledger.network, first: ledger.first, latest: ledger.latest), on: link))
    }

    mutating func receiveConfig(_ network: NetworkID, _ first: Signed, _ latest: Signed, on link: Link, at time: Time) {
        guard let state = networks[network] else { return }
        var ledger = state.ledger
        do {
            try ledger.adopt(latest)
        } catch .stale {
            return
        } catch {
            effects.append(.log(.configRefused(error.description)))
            return
        }
        effects.append(
            .persistRevision(ticket(), network: network, revision: ledger.config.revision, signed: ledger.latest))
        install(ledger, at: time)
    }

    /// Goes by a verified config from now on, and tells those who are linked.
    mutating func install(_ ledger: ConfigLedger, at time: Time) {
        let network = ledger.network
        guard ledger.config.isMember(peer) else {
            forget(network, at: time.instant)
            return
        }
        let before = networks[network]?.config
        if networks[network] == nil { networks[network] = NetworkState(ledger: ledger) }
        networks.update(network) { state in
            state.ledger = ledger
            state.records.keep(where: ledger.config.isMember)
            state.residencyStale = true
            state.recordStale = true
        }
        effects.append(.log(.configAdopted(network: ledger.config.name, revision: ledger.config.revision)))
        for link in links.values
        where link.info.purpose == .member
            && (ledger.config.isMember(link.info.peer) || before?.isMember(link.info.peer) == true)
        {
            guard let state = networks[network] else { break }
            sendConfig(of: state, on: link.info.id)
        }
        strangersDue = time.instant.advanced(by: settings.farewell)
        beaconDue = time.instant
        proposeOwnGrant(network, at: time)
        retryWaitingDrivers(at: time.instant)
    }

    /// Leaves a network: nothing of it stays but the pieces on disk.
    mutating func forget(_ network: NetworkID, at now: Instant) {
        guard let state = networks[network] else { return }
        closeChains(of: network, at: now)
        networks[network] = nil
        for (proposal, pending) in proposals.pairs where pending.network == network {
            proposals[proposal] = nil
            guard case .request(let request, let success) = pending.origin else { continue }
            let gone = Response.refused("this peer is no longer in the network \(state.config.name)")
            effects.append(.respond(request, success == .left ? .left : gone))
        }
        for queued in state.queue {
            guard case .request(let request, let success) = queued.origin else { continue }
            effects.append(
                .respond(
                    request,
                    success == .left
                        ? .left : .refused("this peer is no longer in the network \(state.config.name)")))
        }
        effects.append(.forgetNetwork(network))
        effects.append(.log(.networkLeft(state.config.name)))
        for link in links.values where link.info.purpose == .member && sharedNetworks(with: link.info.peer).isEmpty {
            effects.append(.closeLink(link.info.id, reason: "no network is shared any more"))
        }
    }

    /// Whoever is no member any more has had time to learn so.
    mutating func closeStrangers(at now: Instant) {
        guard let due = strangersDue, now >= due else { return }
        strangersDue = nil
        for link in links.values where link.info.purpose == .member && sharedNetworks(with: link.info.peer).isEmpty {
            effects.append(.closeLink(link.info.id, reason: "the peer is no member any more"))
        }
    }

    // MARK: Proposing

    /// Sends a change on its way. The outcome reaches `origin` in the end, whatever happens.
    mutating func propose(_ change: ConfigCommand.Change, to network: NetworkID, origin: ProposalOrigin, at time: Time)
    {
        let proposal = SessionID(high: random.next(), low: random.next())
        let command = ConfigCommand(network: network, proposal: proposal, change: change)
        submit(command.signed(by: signer), command: command, origin: origin, at: time)
    }

    mutating func submit(_ signed: Signed, command: ConfigCommand, origin: ProposalOrigin, at time: Time) {
        guard let state = networks[command.network] else {
            conclude(command.network, command.proposal, origin, refusal: "this peer is not in that network", at: time)
            return
        }
        let founder = state.config.founder
        if founder == peer {
            guard state.queue.count < MeshLimits.proposals else {
                conclude(
                    command.network, command.proposal, origin, refusal: "too many changes are under way; try again",
                    at: time)
                return
            }
            networks.update(command.network) {
                $0.queue.append(QueuedCommand(command: command, proposer: signed.signer, origin: origin))
            }
            decideNext(in: command.network, at: time)
            return
        }
        guard let link = memberLink(to: founder) else {
            let name = state.config.member(founder)?.name ?? founder.short
            conclude(
                command.network, command.proposal, origin,
                refusal:
                    "the peer that signs this network's config, \(name), cannot be reached; switch it on and try again",
                at: time)
            return
        }
        guard proposals.count < MeshLimits.proposals else {
            conclude(
                command.network, command.proposal, origin, refusal: "too many changes are under way; try again",
                at: time)
            return
        }
        proposals[command.proposal] = PendingProposal(
            network: command.network, origin: origin, deadline: time.instant.advanced(by: settings.proposalDeadline))
        effects.append(.send(.proposal(network: command.network, command: signed), on: link.info.id))
    }

    mutating func receiveProposal(_ network: NetworkID, _ signed: Signed, on link: Link, at time: Time) {
        guard let command = try? ConfigCommand.verified(signed), command.network == network else { return }
        // A newcomer may only ask for itself; a member may pass on what others ask.
        if link.info.purpose == .admission, signed.signer != link.info.peer { return }
        submit(signed, command: command, origin: .link(link.info.id), at: time)
    }

    mutating func receiveResult(_ result: ProposalResult, on link: Link, at time: Time) {
        guard let pending = proposals[result.proposal], pending.network == result.network,
            networks[result.network]?.config.founder == link.info.peer
        else { return }
        proposals[result.proposal] = nil
        tell(result, to: pending.origin, at: time)
    }

    mutating func passProposalTime(at time: Time) {
        for (proposal, pending) in proposals.pairs where time.instant >= pending.deadline {
            proposals[proposal] = nil
            conclude(
                pending.network, proposal, pending.origin,
                refusal: "the peer that signs this network's config did not answer in time; try again", at: time)
            if case .own = pending.origin { proposeOwnGrant(pending.network, at: time) }
        }
        passJoinTime(at: time)
    }

    /// Whoever asked over that link is gone; the change itself goes on.
    mutating func proposalLinkClosed(_ id: LinkID) {
        for (proposal, pending) in proposals.pairs {
            if case .link(id) = pending.origin { proposals[proposal] = nil }
        }
    }

    /// What this peer wanted of itself is told again over the next link; the founder may never have heard it.
    mutating func founderLost(_ founder: PeerID) {
        for (proposal, pending) in proposals.pairs where networks[pending.network]?.config.founder == founder {
            guard case .own = pending.origin else { continue }
            proposals[proposal] = nil
            networks.update(pending.network) { $0.grantProposed = false }
        }
    }

    /// Ends a proposal without the founder's word; revision 0 says so to whoever asked.
    private mutating func conclude(
        _ network: NetworkID, _ proposal: SessionID, _ origin: ProposalOrigin, refusal: String, at time: Time
    ) {
        tell(
            ProposalResult(
                network: network, proposal: proposal, accepted: false, revision: Revision(0), reason: refusal),
            to: origin, at: time)
    }

    private mutating func tell(_ result: ProposalResult, to origin: ProposalOrigin, at time: Time) {
        switch origin {
        case .own:
            // Told anew with the next link or config, not at once.
            if !result.accepted { networks.update(result.network) { $0.grantProposed = false } }
        case .request(let request, let success):
            var success = success
            if case .modelSet = success { success = .modelSet(result.revision) }
            effects.append(.respond(request, result.accepted ? success : .refused(result.reason)))
        case .link(let id):
            guard let link = links[id] else { return }
            if link.info.purpose == .admission, result.accepted, let state = networks[result.network] {
                sendConfig(of: state, on: id)
            }
            effects.append(.send(.proposalResult(result), on: id))
        }
    }

    // MARK: Deciding (the founder)

    /// Decides one change at a time: the next one begins when the last one's revision is on disk, so that a crash in between can
    /// never lead to two different revisions of one number.
    mutating func decideNext(in network: NetworkID, at time: Time) {
        while let state = networks[network], state.writing == nil, let next = state.queue.first {
            networks.update(network) { $0.queue.removeFirst() }
            if let known = decided.first(where: { $0.proposal == next.command.proposal }) {
                tell(known.result, to: next.origin, at: time)
                continue
            }
            // A newcomer whose admission was written, but that did not hear so: it may have lost its power, or this peer.
            if case .admit(let admission) = next.command.change, next.proposer == admission.peer,
                state.config.isMember(admission.peer),
                !state.config.invitations.contains(where: { $0.key == admission.invitation })
            {
                let result = ProposalResult(
                    network: network, proposal: next.command.proposal, accepted: true, revision: state.config.revision,
                    reason: "")
                tell(result, to: next.origin, at: time)
                continue
            }
            do {
                var config = try state.config.applying(
                    next.command.change, from: next.proposer, network: network, wallClock: time.wallClock)
                config.assignment = MeshCore.assignment(for: config)
                var ledger = state.ledger
                try ledger.advance(to: config, by: signer)
                let ticket = ticket()
                let queued = next
                networks.update(network) { state in
                    state.writing = ticket
                    state.written = ledger
                    state.queue.insert(queued, at: 0)
                }
                effects.append(
                    .persistRevision(ticket, network: network, revision: ledger.config.revision, signed: ledger.latest))
            } catch {
                let result = ProposalResult(
                    network: network, proposal: next.command.proposal, accepted: false, revision: state.config.revision,
                    reason: error.description)
                tell(result, to: next.origin, at: time)
            }
        }
    }

    mutating func persisted(_ ticket: StorageTicket, at time: Time) {
        if let entering = entering[ticket] {
            self.entering[ticket] = nil
            enter(entering, at: time)
            return
        }
        if let founding = founding[ticket] {
            self.founding[ticket] = nil
            install(founding.ledger, at: time)
            effects.append(.respond(founding.request, .created(founding.ledger.network)))
            return
        }
        guard let network = networks.pairs.first(where: { $0.1.writing == ticket })?.0, let state = networks[network],
            let ledger = state.written, let decision = state.queue.first
        else { return }
        networks.update(network) { state in
            state.writing = nil
            state.written = nil
            state.queue.removeFirst()
        }
        // Revisions only grow. A newer one of this founder's came from elsewhere: what was just written is not told to anyone, and
        // whoever asked for it may ask again.
        guard ledger.config.revision > state.config.revision else {
            conclude(
                network, decision.command.proposal, decision.origin,
                refusal: "a newer config was found meanwhile; try again", at: time)
            decideNext(in: network, at: time)
            return
        }
        install(ledger, at: time)
        let result = ProposalResult(
            network: network, proposal: decision.command.proposal, accepted: true, revision: ledger.config.revision,
            reason: "")
        decided.append((decision.command.proposal, result))
        if decided.count > MeshLimits.rememberedProposals { decided.removeFirst() }
        tell(result, to: decision.origin, at: time)
        decideNext(in: network, at: time)
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
        if mine.grantedMemory == settings.sharedMemory && mine.name == settings.name { return }
        guard !state.grantProposed, state.config.founder == peer || memberLink(to: state.config.founder) != nil else {
            return
        }
        networks.update(network) { $0.grantProposed = true }
        propose(
            .grant(peer: peer, memory: settings.sharedMemory, name: settings.name, addresses: ownAddresses),
            to: network,
            origin: .own, at: time)
    }

    mutating func ticket() -> StorageTicket {
        nextTicket += 1
        return StorageTicket(nextTicket)
    }
}
