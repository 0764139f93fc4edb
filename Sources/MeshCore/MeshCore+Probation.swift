import Consensus
import Identity
import NetworkConfig
import Wire

// A peer that came back asks how the log stands with the others before it takes part in decisions: see `Probation`.

extension MeshCore {
    func probation(isSetBack: Bool, at now: Instant) -> Probation {
        Probation(question: nextQuestion, isSetBack: isSetBack, at: now)
    }

    /// Whoever shares a network with this peer may have heard more of it than its disk says: it gives up what it leads
    /// and may vote again only when it has been told how things stand.
    mutating func giveUpVotes(in network: NetworkID, at time: Time) {
        nextQuestion += 1
        let anew = probation(isSetBack: true, at: time.instant)
        networks.update(network) { state in
            // What was decided on the word of others stays decided.
            let alone = state.group.standsAlone
            state.group.isSetBack = true
            state.group.probation = anew
            state.group.raft.silence(forgetsCommit: alone, at: time.instant)
            guard alone else { return }
            state.group.standsAlone = false
            let snapshot = state.group.raft.snapshot
            if snapshot.index == state.group.raft.applied, snapshot.index > .zero,
                let machine = try? ConfigMachine(snapshot: snapshot.state, network: network)
            {
                state.group.machine = machine
                state.group.candidates = []
                state.group.unproven = nil
            }
        }
        effects.append(.log(.votesGivenUp(network: networks[network]?.config.name ?? network.short)))
        runRaft(network, at: time)
    }

    mutating func askStanding(in network: NetworkID, of link: Link) {
        guard let state = networks[network], let probation = state.group.probation,
            state.config.isMember(link.info.peer)
        else { return }
        effects.append(
            .send(
                .standingRequest(
                    network: network, generation: state.group.generation, question: probation.question),
                on: link.info.id))
    }

    mutating func receiveStandingRequest(
        _ network: NetworkID, generation: UInt64, question: UInt64, on link: Link
    ) {
        guard let state = networks[network], state.config.isMember(link.info.peer) else { return }
        guard generation == state.group.generation else {
            if generation < state.group.generation { offer(state, on: link.info.id) }
            return
        }
        effects.append(
            .send(
                .standing(
                    network: network, question: question, version: state.ledger.version, state.group.raft.standing),
                on: link.info.id))
    }

    mutating func receiveStanding(
        _ network: NetworkID, question: UInt64, version: ConfigVersion, _ standing: RaftStanding, on link: Link,
        at time: Time
    ) {
        guard let state = networks[network], let probation = state.group.probation, question == probation.question,
            version.generation == state.group.generation, state.config.isMember(link.info.peer)
        else { return }
        // Who votes may have changed: that is looked at first, and then asked again.
        guard version <= state.ledger.version else {
            ask(for: version, of: network, on: link.info.id, at: time)
            return
        }
        networks.update(network) { $0.group.probation?.heard(standing, from: link.info.peer) }
    }

    mutating func passProbationTime(at time: Time) {
        for network in networks.keys {
            guard dues(of: network)?.probation != nil else { continue }
            checkFloor(of: network, at: time)
            guard let probation = networks[network]?.group.probation else { continue }
            if time.instant >= probation.askDue {
                let next = time.instant.advanced(by: settings.probationAsk)
                networks.update(network) { $0.group.probation?.askDue = next }
                for link in links.values
                where link.info.purpose == .member && probation.answers[link.info.peer] == nil {
                    askStanding(in: network, of: link)
                }
            }
            endProbation(in: network, at: time)
        }
    }

    private mutating func endProbation(in network: NetworkID, at time: Time) {
        guard let state = networks[network], let probation = state.group.probation else { return }
        let (raft, members) = (state.group.raft, state.config.members.map(\.peer))
        let voters = [raft.voters.voters, raft.voters.outgoing, state.config.voters]
        let verdict = probation.verdict(
            own: peer, voters: voters, members: members, grace: settings.probationGrace, at: time.instant)
        guard verdict != .wait else { return }
        let standings = probation.standings(
            own: peer, mine: raft.standing, certified: state.config.voters, members: members)
        let due = time.instant.advanced(by: settings.probationGrace)
        networks.update(network) { state in
            state.group.probation = nil
            state.group.standsAlone = verdict == .trusted || members.count == 1
            state.group.raft.speak(after: standings, at: time.instant)
            state.group.floorDue = state.group.raft.isShort ? due : nil
            if verdict == .proven, !state.group.raft.isShort { state.group.isSetBack = false }
        }
        if verdict == .trusted {
            effects.append(.log(.diskTrusted(network: state.config.name)))
        }
        runRaft(network, at: time)
    }

    /// What this peer was told that the log has, and never got, may have died with those who had it: it asks anew. It is not silent
    /// meanwhile, as it was at first, and helps whoever has what it was told of: of several that ask by turns, each would wait for
    /// the votes of the others.
    private mutating func checkFloor(of network: NetworkID, at time: Time) {
        guard let group = networks[network]?.group, !group.raft.isSilent else { return }
        if !group.raft.isShort {
            networks.update(network) {
                $0.group.floorDue = nil
                $0.group.probation = nil
                $0.group.isSetBack = false
            }
        } else if let due = group.floorDue, time.instant >= due {
            nextQuestion += 1
            let anew = probation(isSetBack: group.isSetBack, at: time.instant)
            networks.update(network) { state in
                state.group.floorDue = nil
                state.group.probation = anew
            }
        }
    }
}
