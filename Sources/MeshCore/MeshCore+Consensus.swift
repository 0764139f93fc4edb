import Consensus
import Identity
import NetworkConfig
import Wire

// Runs Raft: hands it what arrives and what is on disk, sends and writes what it wants, applies what is committed.

extension MeshCore {
    mutating func receiveRaft(
        _ network: NetworkID, generation: UInt64, _ message: RaftMessage, from sender: PeerID, at time: Time
    ) {
        guard let own = networks[network]?.group.generation else { return }
        guard generation == own else {
            // Whoever is behind a recovery learns of it; whoever is ahead will tell.
            if generation < own, let link = memberLink(to: sender), let state = networks[network] {
                offer(state, on: link.info.id)
            }
            return
        }
        networks.update(network) { $0.group.raft.received(message, from: sender, at: time.instant) }
        runRaft(network, at: time)
    }

    mutating func passRaftTime(at time: Time) {
        for network in networks.keys {
            guard let due = dues(of: network)?.raft, due <= time.instant else { continue }
            networks.update(network) { $0.group.raft.passTime(at: time.instant) }
            runRaft(network, at: time)
        }
    }

    /// Does whatever Raft has ready, until it has nothing more.
    mutating func runRaft(_ network: NetworkID, at time: Time) {
        while true {
            var ready: Ready?
            networks.update(network) { ready = $0.group.raft.takeReady() }
            guard let ready, let generation = networks[network]?.group.generation else { return }
            if let write = ready.write {
                let ticket = ticket()
                networks.update(network) { $0.group.writes[ticket] = write.token }
                raftWrites[ticket] = network
                effects.append(.persistRaft(ticket, network: network, generation: generation, write.write))
            }
            for (recipient, message) in ready.messages {
                guard let link = memberLink(to: recipient) else { continue }
                effects.append(
                    .send(.raft(network: network, generation: generation, message), on: link.info.id))
            }
            if let snapshot = ready.restored { restore(snapshot, in: network) }
            for entry in ready.committed { apply(entry, in: network, at: time) }
            if let change = ready.roleChange { leadershipChanged(in: network, to: change.role, at: time) }
        }
    }

    mutating func raftStored(_ ticket: StorageTicket, at time: Time) -> Bool {
        guard let network = raftWrites[ticket] else { return false }
        raftWrites[ticket] = nil
        // The network may have been left meanwhile, or begun anew.
        guard let token = networks[network]?.group.writes[ticket] else { return true }
        networks.update(network) { state in
            state.group.writes[ticket] = nil
            state.group.raft.stored(token, at: time.instant)
        }
        runRaft(network, at: time)
        return true
    }

    /// The leader's state takes the place of this peer's, which was too far behind for the log.
    private mutating func restore(_ snapshot: RaftSnapshot, in network: NetworkID) {
        do {
            let machine = try ConfigMachine(snapshot: snapshot.state, network: network)
            networks.update(network) { state in
                state.group.machine = machine
                state.group.candidates = []
                state.group.unproven = (machine.version, machine.headerDigest)
            }
            proveSnapshot(in: network)
            effects.append(.log(.snapshotRestored(network: machine.config.name, revision: machine.config.revision)))
        } catch {
            // Nothing can be applied on top of it. This peer certifies nothing any more, and the others do without it.
            effects.append(.log(.configRefused(error.description)))
        }
    }

    private mutating func apply(_ entry: LogEntry, in network: NetworkID, at time: Time) {
        guard let before = networks[network]?.group.machine.header else { return }
        switch entry.body {
        case .empty: return
        case .command(let bytes):
            guard let command = try? ConfigEntry(encoded: bytes) else { return }
            var outcome: ConfigOutcome?
            networks.update(network) { outcome = $0.group.machine.apply(command) }
            guard let outcome else { return }
            decided(outcome, in: network, at: time)
        case .voters(let set):
            guard set.isJoint else { return }
            networks.update(network) { _ = $0.group.machine.applyVoters(set.voters) }
        }
        guard let machine = networks[network]?.group.machine, machine.header != before else { return }
        // It may have come to just what is certified, which is what a snapshot waits for.
        proveSnapshot(in: network)
        vouch(for: machine, after: before, in: network, at: time)
    }

    private mutating func leadershipChanged(in network: NetworkID, to role: RaftRole, at time: Time) {
        networks.update(network) { state in
            state.recordStale = true
            guard role == .leader else {
                state.group.planned = nil
                return
            }
            var planned = state.group.machine
            for entry in state.group.raft.entries(after: state.group.raft.applied) { planned.take(entry) }
            state.group.planned = planned
            state.group.keepDue = time.instant
            // How long others have been away is counted from here: nobody else's clock is known.
            state.group.absentSince = SortedMap()
            state.group.presentSince = SortedMap()
        }
        answerOpened()
        if role == .leader, let state = networks[network] {
            effects.append(.log(.leadershipTaken(network: state.config.name, term: state.group.raft.term)))
        }
        retryProposals(in: network, at: time)
        proposeOwnGrant(network, at: time)
    }

    /// The log may be cut once everything in it is certified: then the certified config says all of it.
    mutating func compactIfWorthwhile(_ network: NetworkID) {
        guard let group = networks[network]?.group, group.machine.version <= networks[network]?.ledger.version ?? .none,
            group.raft.entries(after: .zero).count > MeshLimits.logEntries
        else { return }
        let (through, state) = (group.raft.applied, group.machine.snapshot)
        networks.update(network) { $0.group.raft.compact(through: through, state: state) }
    }
}

extension ConfigMachine {
    /// What an entry of the log leads to, committed or not.
    mutating func take(_ entry: LogEntry) {
        switch entry.body {
        case .empty: break
        case .command(let bytes):
            if let command = try? ConfigEntry(encoded: bytes) { _ = apply(command) }
        case .voters(let set):
            if set.isJoint { _ = applyVoters(set.voters) }
        }
    }
}
