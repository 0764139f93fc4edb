import Identity
import Wire

// What an application asks of a leader: entries, and other voters.

extension Raft {
    /// Appends a command to the log. Whether it is ever committed shows when an entry with just this term and index is.
    public mutating func propose(_ command: [UInt8], at now: Instant) -> ProposalOutcome {
        clock = now
        if let refusal = refusal() { return refusal }
        guard command.count <= settings.maxCommandBytes else {
            return .notAllowed("a command of \(command.count) bytes is over the limit of \(settings.maxCommandBytes)")
        }
        // One is always allowed, however large.
        guard uncommittedBytes == 0 || uncommittedBytes + command.count <= settings.maxUncommittedBytes else {
            return .busy
        }
        return appended(.command(command))
    }

    /// Begins a change of the voters: by a joint set, which the application leaves by `leaveJoint` once it is
    /// committed, or at once where only learners change.
    public mutating func changeVoters(
        to wanted: (voters: [PeerID], learners: [PeerID]), at now: Instant
    ) -> ProposalOutcome {
        clock = now
        if let refusal = refusal() { return refusal }
        guard !voters.isJoint, isHistoryApplied, hasCommittedOwnTerm else { return .changeUnderWay }
        let next = voters.step(toVoters: wanted.voters, learners: wanted.learners)
        guard next != voters else { return .notAllowed("these are the voters already") }
        guard next.isWithin(settings) else {
            return .notAllowed(
                "1 to \(settings.maxVoters) voters and up to \(settings.maxLearners) learners are possible, "
                    + "not \(next.voters.count) and \(next.learners.count)")
        }
        return appended(.voters(next))
    }

    /// Ends a change: the outgoing voters count no more. Refused until the joint set is committed.
    ///
    /// - Parameter keepsTelling: Whether those who vote no more go on learning the log. A voter that never hears of its
    ///   end goes on asking for votes that it cannot get.
    public mutating func leaveJoint(keepsTelling: Bool = false, at now: Instant) -> ProposalOutcome {
        clock = now
        if let refusal = refusal() { return refusal }
        guard voters.isJoint else { return .notAllowed("the voters are not changing") }
        guard isJointCommitted, isHistoryApplied, hasCommittedOwnTerm else { return .changeUnderWay }
        return appended(
            .voters(
                keepsTelling
                    ? VoterSet(voters: voters.voters, learners: voters.learners + voters.outgoing)
                    : voters.withoutOutgoing))
    }

    private func refusal() -> ProposalOutcome? {
        guard role == .leader else { return .notLeader(leader) }
        guard transfer == nil else { return .transferring }
        return log.lastIndex.value < Limits.counter ? nil : .busy
    }

    private mutating func appended(_ body: LogEntry.Body) -> ProposalOutcome {
        appendOwn(body)
        return .appended(term: hard.term, index: log.lastIndex)
    }

    /// No change of the voters is decided and not applied, or not even decided.
    private var isHistoryApplied: Bool { history.lastIndex <= applied }

    // MARK: The active set

    mutating func refreshVoters() {
        let active = mutated(.jointTakesEffectOnCommit) ? history.set(at: commit) : history.last
        guard active != voters else { return }
        voters = active
        unreachable = unreachable.filter(isKnown)
        if role == .leader {
            refreshProgress()
            if let transfer, !voters.voters.contains(transfer.target) { self.transfer = nil }
        } else if electionDue == Raft.never {
            drawElection()
        }
    }

    /// Keeps what is known of those who stay.
    mutating func refreshProgress() {
        progress = voters.everyone.filter { $0 != own }.map { peer in
            progress.first { $0.peer == peer }
                ?? Progress(
                    peer: peer, next: log.lastIndex.next, isReachable: !unreachable.contains(peer), now: clock)
        }
        wantsReplication = true
    }
}
