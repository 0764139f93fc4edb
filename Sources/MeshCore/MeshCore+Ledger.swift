import Consensus
import Identity
import Membership
import NetworkConfig
import Wire

// Agreed state: certified revisions, how they spread, and what a peer does when it goes by a new one.

/// A network that is being founded or recovered, until what it begins with is on disk.
struct Founding: Sendable {
    let request: RequestID
    let ledger: ConfigLedger
    let state: RaftState
    let response: Response
    /// Writes that are still under way.
    var writes: [StorageTicket]
}

/// One that has just been founded or recovered, and has no leader yet.
struct Opening: Sendable {
    let request: RequestID
    let response: Response
}

extension MeshCore {
    // MARK: Spreading revisions

    func offer(_ state: NetworkState) -> Frame {
        .configOffer(network: state.ledger.network, version: state.ledger.version)
    }

    mutating func offer(_ state: NetworkState, on link: LinkID) { effects.append(.send(offer(state), on: link)) }

    /// Said by whoever saw a revision certified, so that each member hears of it a few times and not from everyone.
    mutating func offerToAll(_ network: NetworkID, at time: Time) {
        guard let state = networks[network] else { return }
        let frame = offer(state)
        for link in links.values where link.info.purpose == .member && state.config.isMember(link.info.peer) {
            effects.append(.send(frame, on: link.info.id))
        }
    }

    mutating func receiveOffer(_ network: NetworkID, _ version: ConfigVersion, on link: Link, at time: Time) {
        guard let state = networks[network] else { return }
        guard state.config.isMember(link.info.peer) || inquiries[link.info.peer] != nil else { return }
        if version > state.ledger.version {
            ask(for: version, of: network, on: link.info.id, at: time)
        } else if version < state.ledger.version {
            offer(state, on: link.info.id)
        }
    }

    /// Asks for a newer config, unless just this one was asked for a moment ago. Who promises more than there is keeps nobody from
    /// asking others.
    mutating func ask(for version: ConfigVersion, of network: NetworkID, on link: LinkID, at time: Time) {
        guard let state = networks[network] else { return }
        if let asked = state.asked, asked.version == version, time.instant < asked.until { return }
        let until = time.instant.advanced(by: settings.configPatience)
        networks.update(network) { $0.asked = (version, until) }
        effects.append(.send(.configRequest(network: network, known: state.ledger.version), on: link))
    }

    /// What was asked for has not come: another member is asked, one that says that it goes by a newer config.
    mutating func passConfigTime(at time: Time) {
        for network in networks.keys {
            guard let state = networks[network], let asked = state.asked, time.instant >= asked.until else { continue }
            networks.update(network) { $0.asked = nil }
            let ahead = links.values.filter { link in
                guard link.info.purpose == .member, let record = state.gossip.record(of: link.info.peer) else {
                    return false
                }
                return record.applied > state.ledger.version
            }
            guard !ahead.isEmpty else { continue }
            let link = ahead[Int(random.next() % UInt64(ahead.count))]
            // No more is promised here than what that member says.
            let version = state.gossip.record(of: link.info.peer)?.applied ?? asked.version
            ask(for: version, of: network, on: link.info.id, at: time)
        }
    }

    mutating func receiveConfigRequest(_ network: NetworkID, _ known: ConfigVersion, on link: Link) {
        guard let state = networks[network], known < state.ledger.version, mayKnow(link.info.peer, state.config) else {
            return
        }
        effects.append(.send(.config(network: network, state.ledger.certified(since: known)), on: link.info.id))
    }

    /// Members, and those who were removed and may not know it yet.
    func mayKnow(_ peer: PeerID, _ config: NetworkConfig) -> Bool {
        config.isMember(peer) || config.removed.contains(peer)
    }

    mutating func receiveConfig(_ network: NetworkID, _ certified: CertifiedConfig, on link: Link, at time: Time) {
        guard let state = networks[network] else { return }
        var ledger = state.ledger
        do {
            try ledger.adopt(certified)
        } catch .stale {
            return
        } catch {
            effects.append(.log(.configRefused(error.description)))
            return
        }
        adopt(ledger, at: time)
    }

    /// Keeps a newer certified config and goes by it.
    mutating func adopt(_ ledger: ConfigLedger, at time: Time) {
        effects.append(.persistLedger(ticket(), network: ledger.network, ledger.certified))
        install(ledger, at: time)
    }

    /// Goes by a verified config from now on.
    mutating func install(_ ledger: ConfigLedger, at time: Time) {
        let network = ledger.network
        guard ledger.config.isMember(peer) else {
            // Those who asked for just this are told before everything of the network is forgotten.
            networks.update(network) { $0.ledger = ledger }
            answerCertified(in: network, at: time)
            forget(network, at: time.instant)
            return
        }
        let before = networks[network]?.config
        let isAnotherGroup = networks[network].map { $0.group.generation != ledger.version.generation } ?? true
        if networks[network] == nil {
            networks[network] = state(
                of: ledger, raft: nil, probation: probation(isSetBack: false, at: time.instant), at: time.instant)
        } else if isAnotherGroup,
            let group = group(
                of: ledger, raft: nil, probation: probation(isSetBack: false, at: time.instant), at: time.instant)
        {
            // Recovered: what the old voters had under way is void.
            networks.update(network) { $0.group = group }
        }
        networks.update(network) { state in
            state.ledger = ledger
            state.gossip.rosterChanged(ledger.config.members.map(\.peer), at: time.instant)
            state.group.candidates.removeAll { $0.version <= ledger.version }
            state.group.early.removeAll { $0.version <= ledger.version }
            state.residencyStale = true
            state.recordStale = true
            state.asked = nil
        }
        effects.append(.log(.configAdopted(network: ledger.config.name, revision: ledger.config.revision)))
        // Peers that go: the last word that they hear is the config without them.
        if let before, let state = networks[network] {
            for member in before.members where !ledger.config.isMember(member.peer) {
                guard let link = memberLink(to: member.peer) else { continue }
                effects.append(.send(.config(network: network, state.ledger.certified), on: link.info.id))
                strangersDue = time.instant.advanced(by: settings.farewell)
            }
        }
        // What was computed with other blocks is worth nothing with these.
        if let before, before.model != ledger.config.model {
            closeChains(
                of: network,
                because: "the network runs another model since revision \(ledger.config.revision); ask again",
                at: time.instant)
        }
        proveSnapshot(in: network)
        noticeSetBack(of: network, at: time)
        forgetStrangersAddresses()
        contactsStale = true
        piecesStale = true
        // Later revisions tell newcomers nothing that matters, and members hear of them by other ways.
        if before == nil { callOut(at: time.instant) }
        answerCertified(in: network, at: time)
        payOwed(at: time)
        compactIfWorthwhile(network)
        proposeOwnGrant(network, at: time)
        retryWaitingDrivers(at: time.instant)
    }

    /// Leaves a network: nothing of it stays but the pieces on disk.
    mutating func forget(_ network: NetworkID, at now: Instant) {
        guard let state = networks[network] else { return }
        closeChains(of: network, because: "this peer has left the network", at: now)
        incarnationFloors[network] = min(state.gossip.incarnation.count + 1, Limits.counter)
        if incarnationFloors.count > Self.incarnationFloorsMax,
            let other = incarnationFloors.keys.first(where: { $0 != network })
        {
            incarnationFloors[other] = nil
        }
        if mutated(.recordsCountedAnew) { records = 0 }
        networks[network] = nil
        for (proposal, pending) in proposals.pairs where pending.network == network {
            proposals[proposal] = nil
            for case .request(let request, let success) in pending.origins {
                let gone = Response.refused("this peer is no longer in the network \(state.config.name)")
                effects.append(.respond(request, success == .left ? .left : gone))
            }
        }
        for (ticket, other) in raftWrites.pairs where other == network { raftWrites[ticket] = nil }
        effects.append(.forgetNetwork(network))
        effects.append(.log(.networkLeft(state.config.name)))
        forgetStrangersAddresses()
        contactsStale = true
        piecesStale = true
        for link in links.values where link.info.purpose == .member && sharedNetworks(with: link.info.peer).isEmpty {
            effects.append(.closeLink(link.info.id, reason: "no network is shared any more"))
        }
    }

    private mutating func forgetStrangersAddresses() {
        let members = Set(networks.values.flatMap { $0.config.members.map(\.peer) })
        heardAt.removeAll { peer, _ in !members.contains(peer) }
    }

    /// Whoever is no member any more has had time to learn so.
    mutating func closeStrangers(at now: Instant) {
        guard let due = strangersDue, now >= due else { return }
        strangersDue = nil
        for link in links.values where link.info.purpose == .member && sharedNetworks(with: link.info.peer).isEmpty {
            effects.append(.closeLink(link.info.id, reason: "the peer is no member any more"))
        }
    }

    // MARK: Founding

    mutating func found(
        _ ledger: ConfigLedger, for request: RequestID, response: Response, at time: Time
    ) {
        let state = VoterGroup.founding(ledger)
        let writes = [ticket(), ticket()]
        founding[writes[0]] = Founding(
            request: request, ledger: ledger, state: state, response: response, writes: writes)
        // In this order: with the ledger alone a recovery can be begun again; with the new group alone, under the old ledger, this
        // voter's votes in the old group would be lost.
        effects.append(.persistLedger(writes[0], network: ledger.network, ledger.certified))
        effects.append(
            .persistRaft(
                writes[1], network: ledger.network, generation: ledger.version.generation,
                VoterGroup.foundingWrite(state)))
    }

    /// What a network begins with, or begins anew with, is on disk.
    private mutating func foundingStored(_ ticket: StorageTicket, at time: Time) -> Bool {
        guard var founding = founding.values.first(where: { $0.writes.contains(ticket) }),
            let key = self.founding.pairs.first(where: { $0.1.writes.contains(ticket) })?.0
        else { return false }
        founding.writes.removeAll { $0 == ticket }
        self.founding[key] = founding.writes.isEmpty ? nil : founding
        guard founding.writes.isEmpty else { return true }
        let network = founding.ledger.network
        if networks[network] == nil {
            networks[network] = state(
                of: founding.ledger, raft: founding.state, probation: nil, at: time.instant)
        } else if let group = group(
            of: founding.ledger, raft: founding.state, probation: nil, at: time.instant)
        {
            networks.update(network) { $0.group = group }
        }
        install(founding.ledger, at: time)
        callOut(at: time.instant)
        offerToAll(network, at: time)
        opening[network] = Opening(request: founding.request, response: founding.response)
        runRaft(network, at: time)
        return true
    }

    /// Whoever founded or recovered a network is told when it can be changed: its one voter leads it.
    mutating func answerOpened() {
        for (network, opened) in opening.pairs where isLeader(of: network) {
            opening[network] = nil
            effects.append(.respond(opened.request, opened.response))
        }
    }

    mutating func persisted(_ ticket: StorageTicket, at time: Time) {
        if raftStored(ticket, at: time) || foundingStored(ticket, at: time) || newLifeStored(ticket, at: time) {
            return
        }
        if let entering = entering[ticket] {
            self.entering[ticket] = nil
            enter(entering, at: time)
        }
    }

    mutating func ticket() -> StorageTicket {
        nextTicket += 1
        return StorageTicket(nextTicket)
    }

    /// What is certified was decided with the voters of before. Where this peer is the only one and did not decide it, it has
    /// forgotten that it is not.
    private mutating func noticeSetBack(of network: NetworkID, at time: Time) {
        guard let state = networks[network], state.group.probation == nil, state.group.standsAlone,
            state.ledger.version.generation == state.group.generation,
            state.group.raft.voters.voters == [peer], state.ledger.version > state.group.machine.version
        else { return }
        giveUpVotes(in: network, at: time)
    }

    // MARK: States

    /// Nil, and a line in the log, where what is on disk of Raft cannot be read.
    mutating func group(
        of ledger: ConfigLedger, raft: RaftState?, probation: Probation?, at now: Instant
    ) -> VoterGroup? {
        do {
            return try VoterGroup(
                own: peer, ledger: ledger, state: raft, settings: settings.raft, probation: probation,
                seed: random.next(), now: now)
        } catch {
            effects.append(.log(.configRefused(error.description)))
            return nil
        }
    }

    mutating func state(
        of ledger: ConfigLedger, raft: RaftState?, probation: Probation?, at now: Instant
    ) -> NetworkState? {
        guard
            let group = group(of: ledger, raft: raft, probation: probation, at: now)
                ?? group(of: ledger, raft: nil, probation: probation, at: now)
        else { return nil }
        var gossip = Gossip(
            network: ledger.network, own: peer, epoch: epoch, count: incarnationFloors[ledger.network] ?? 0,
            settings: settings.gossip,
            seed: random.next(), now: now)
        gossip.rosterChanged(ledger.config.members.map(\.peer), at: now)
        for link in links.values where link.info.purpose == .member && ledger.config.isMember(link.info.peer) {
            gossip.linkOpened(link.info.peer, at: now)
        }
        return NetworkState(ledger: ledger, gossip: gossip, group: group)
    }
}
