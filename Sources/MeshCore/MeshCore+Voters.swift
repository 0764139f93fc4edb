import Consensus
import Identity
import Membership
import NetworkConfig
import Wire

// The leader keeps the voters: see `VoterChoice`. A change goes in three steps, each an entry of the log: newcomers learn the log, then
// old and new voters decide together, and when that revision is certified the new ones decide alone.

extension MeshCore {
    mutating func passVoterTime(at time: Time) {
        for network in networks.keys {
            guard let due = dues(of: network), due.leads, due.voters <= time.instant else {
                continue
            }
            let next = time.instant.advanced(by: settings.voterInterval)
            networks.update(network) { $0.group.keepDue = next }
            if lateness.isTooMuch {
                handOver(network, at: time)
                continue
            }
            notePresence(in: network, at: time.instant)
            keepVoters(of: network, at: time)
        }
    }

    private func isPresent(_ other: PeerID, in state: NetworkState) -> Bool {
        other == peer || (links.reaches(other) && state.gossip.liveness(of: other) != .dead)
    }

    private mutating func notePresence(in network: NetworkID, at now: Instant) {
        guard let state = networks[network] else { return }
        for member in state.config.members {
            let present = isPresent(member.peer, in: state)
            networks.update(network) { state in
                if present {
                    state.group.absentSince[member.peer] = nil
                    if state.group.presentSince[member.peer] == nil { state.group.presentSince[member.peer] = now }
                } else {
                    state.group.presentSince[member.peer] = nil
                    if state.group.absentSince[member.peer] == nil { state.group.absentSince[member.peer] = now }
                }
            }
        }
        let config = state.config
        networks.update(network) { state in
            state.group.presentSince.removeAll { peer, _ in !config.isMember(peer) }
            state.group.absentSince.removeAll { peer, _ in !config.isMember(peer) }
        }
    }

    private mutating func keepVoters(of network: NetworkID, at time: Time) {
        guard let state = networks[network], state.group.raft.hasCommittedOwnTerm else { return }
        let raft = state.group.raft
        if raft.voters.isJoint {
            // The old voters are needed until they have certified the revision that names the new ones.
            if raft.isJointCommitted, state.ledger.version >= state.group.machine.version {
                changed(network, at: time) { $0.leaveJoint(keepsTelling: true, at: time.instant) }
            }
            return
        }
        // One thing after the other: what is in the log may change who is a member.
        guard let planned = state.group.planned, planned.version == state.ledger.version else { return }
        var removals = state.group.removals
        removals.removeAll { id, _ in proposals[id] == nil }
        networks.update(network) { $0.group.removals = removals }
        if !removals.isEmpty {
            for (id, leaving) in removals.pairs where !raft.voters.isVoter(leaving) {
                networks.update(network) { $0.group.removals[id] = nil }
                decide(id, at: time)
            }
        }
        let config = planned.config
        let choice = VoterChoice(
            most: config.policy.maxVoters, grace: .seconds(Int64(config.policy.voterGrace)),
            settling: settings.voterSettling)
        let candidates = config.members.map { member in
            VoterChoice.Candidate(
                peer: member.peer, role: member.role, joined: member.joined,
                present: state.group.presentSince[member.peer].map { time.instant.since($0) },
                absent: state.group.absentSince[member.peer].map { time.instant.since($0) } ?? Interval(nanoseconds: 0),
                isVoter: raft.voters.isVoter(member.peer), isLeaving: removals.values.contains(member.peer))
        }
        let wanted = choice.chosen(from: candidates)
        guard !wanted.isEmpty, wanted != raft.voters.voters else {
            // Someone who was to be promoted and is not wanted any more, or who has voted and knows by now that it does no more.
            let know = raft.voters.learners.allSatisfy { learner in
                !isPresent(learner, in: state) || (raft.match(of: learner) ?? .zero) >= raft.commit
            }
            if !raft.voters.learners.isEmpty, know {
                changed(network, at: time) { raft in
                    raft.changeVoters(to: (voters: raft.voters.voters, learners: []), at: time.instant)
                }
            }
            return
        }
        let newcomers = wanted.filter { !raft.voters.isVoter($0) }
        if newcomers.contains(where: { !raft.voters.learners.contains($0) }) {
            changed(network, at: time) { raft in
                raft.changeVoters(to: (voters: raft.voters.voters, learners: newcomers), at: time.instant)
            }
        } else if newcomers.allSatisfy({ (raft.match(of: $0) ?? .zero) >= raft.commit }) {
            changed(network, at: time) { raft in
                raft.changeVoters(to: (voters: wanted, learners: []), at: time.instant)
            }
        }
    }

    private mutating func changed(
        _ network: NetworkID, at time: Time, _ change: (inout Raft) -> ProposalOutcome
    ) {
        networks.update(network) { state in
            let before = state.group.raft.lastIndex
            guard case .appended = change(&state.group.raft) else { return }
            for entry in state.group.raft.entries(after: before) { state.group.planned?.take(entry) }
        }
        // The next step follows as soon as this one is through.
        let soon = time.instant.advanced(by: settings.voterStep)
        networks.update(network) { $0.group.keepDue = soon }
        runRaft(network, at: time)
    }

    /// A leader that cannot keep up, or is about to go, hands its office to the voter that is furthest ahead.
    mutating func handOver(_ network: NetworkID, at time: Time) {
        guard let state = networks[network], state.group.raft.role == .leader else { return }
        let raft = state.group.raft
        let successors = raft.voters.voters.filter { $0 != peer && isPresent($0, in: state) }
        guard let best = successors.max(by: { (raft.match(of: $0) ?? .zero) < (raft.match(of: $1) ?? .zero) }) else {
            return
        }
        networks.update(network) { _ = $0.group.raft.transfer(to: best, at: time.instant) }
        runRaft(network, at: time)
    }

    /// Whether the config can be changed just now, as far as this peer can tell.
    func quorum(of state: NetworkState) -> Bool {
        if state.config.voters.contains(peer) {
            return state.group.raft.hasQuorum
        }
        let reached = state.config.voters.count { links.reaches($0) }
        // That a majority can be reached does not say that it can decide: while a change of the voters is under way, a majority of
        // those to come is needed too, whom the config does not name yet.
        return reached > state.config.voters.count / 2 && recordedLeader(of: state) != nil
    }

    func leader(of state: NetworkState) -> PeerID? {
        guard quorum(of: state) else { return nil }
        return state.group.raft.leader ?? recordedLeader(of: state)
    }

    /// Those who do not vote know the leader by its own record.
    func recordedLeader(of state: NetworkState) -> PeerID? {
        var best: (term: Term, peer: PeerID)?
        for voter in state.config.voters where voter != peer && links.reaches(voter) {
            guard let record = state.gossip.record(of: voter), let term = record.leads, term > best?.term ?? .zero
            else {
                continue
            }
            best = (term, voter)
        }
        return best?.peer
    }
}
