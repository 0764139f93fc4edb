import Identity
import Wire

// Who leads: Raft §5.2 and §5.4.1, PreVote (thesis §9.6).

extension Raft {
    /// Whether this peer may have to lead. One that votes no more by an entry that is not decided yet may be the only
    /// one that has that entry: then nobody else can be elected (thesis §4.2.2).
    var isElector: Bool { history.isVoter(own, after: commit) }

    /// Electors only, and not while there is a decided change of the voters that has not been applied, or a snapshot on
    /// its way to disk: this peer would seek the votes of the wrong ones.
    var canCampaign: Bool {
        guard isElector, restoring == nil, hard.term.value < Limits.counter, log.lastIndex.value < Limits.counter else {
            return false
        }
        guard !isSilent, !isShort else { return false }
        return applied >= commit || !history.changes(after: applied, through: commit)
    }

    mutating func drawElection() {
        let times = settings.times
        if leader == nil {
            drawElection(from: times.campaignTimeout, to: times.campaignTimeout.times(2))
        } else {
            drawElection(from: times.electionTimeout, to: times.electionTimeoutMax)
        }
    }

    mutating func drawElection(from least: Interval, to most: Interval) {
        guard !isSilent, isElector || leader != nil else { return electionDue = Raft.never }
        let span = UInt64(max(1, most.nanoseconds - least.nanoseconds))
        let drawn = Int64(random.next() % span)
        electionDue = clock.advanced(by: Interval(nanoseconds: least.nanoseconds + drawn))
    }

    /// Whether this voter has heard a leader so lately that it helps nobody against it. A leader knows that it leads.
    var isLoyal: Bool {
        if role == .leader { return true }
        guard let heardLeader, leader != nil else { return false }
        return clock.since(heardLeader) < settings.times.electionTimeout
    }

    // MARK: Seeking

    mutating func preCampaign() {
        endCandidacy()
        role = .preCandidate
        leader = nil
        drawElection()
        granted = [own]
        if voters.election(granted: granted, refused: refused) == .won { return campaign(isTransfer: false) }
        let question = RaftMessage(
            term: hard.term.next, kind: .preVote(lastIndex: log.lastIndex, lastTerm: log.lastTerm))
        sendToVoters(question)
    }

    /// The vote for itself is counted when it is on disk, as any vote is; the questions leave only then.
    mutating func campaign(isTransfer: Bool) {
        adopt(hard.term.next, vote: own)
        role = .candidate
        drawElection()
        let question = RaftMessage(
            term: hard.term,
            kind: .vote(lastIndex: log.lastIndex, lastTerm: log.lastTerm, isTransfer: isTransfer))
        sendToVoters(question)
    }

    private mutating func sendToVoters(_ message: RaftMessage) {
        let isVote = role == .candidate
        for voter in voters.voters + voters.outgoing.filter({ !voters.voters.contains($0) }) where voter != own {
            if isVote { sendOnceDurable(message.kind, to: voter) } else { outbox.append((voter, message)) }
        }
    }

    mutating func countVotes() {
        switch voters.election(granted: granted, refused: refused) {
        case .pending: return
        case .lost: follow(nil)
        case .won: if role == .preCandidate { campaign(isTransfer: false) } else { becomeLeader() }
        }
    }

    // MARK: Asked

    mutating func preVoteAsked(_ term: Term, lastIndex: LogIndex, lastTerm: Term, by sender: PeerID) {
        if mutated(.preVoteAdoptsTerm), term > hard.term {
            adopt(term, vote: nil)
        }
        // Nothing is remembered of it: it promises nothing.
        if term > hard.term || mutated(.preVoteAdoptsTerm), !isLoyal,
            log.isAtMost(lastIndex: lastIndex, lastTerm: lastTerm) || mutated(.voteWithoutLogCheck),
            reachesFloor(lastIndex: lastIndex, lastTerm: lastTerm)
        {
            outbox.append((sender, RaftMessage(term: term, kind: .preVoteReply(granted: true))))
        } else {
            sendOnceDurable(.preVoteReply(granted: false), to: sender)
        }
    }

    mutating func voteAsked(
        _ term: Term, lastIndex: LogIndex, lastTerm: Term, isTransfer: Bool, by sender: PeerID
    ) {
        if term > hard.term {
            // Not even an answer: one of this lower term would be ignored.
            guard isTransfer || !isLoyal else { return }
            adopt(term, vote: nil)
        }
        let isFree = hard.vote == sender || (hard.vote == nil && leader == nil) || mutated(.voteTwiceInTerm)
        guard term == hard.term, isFree,
            log.isAtMost(lastIndex: lastIndex, lastTerm: lastTerm) || mutated(.voteWithoutLogCheck),
            reachesFloor(lastIndex: lastIndex, lastTerm: lastTerm)
        else { return sendOnceDurable(.voteReply(granted: false), to: sender) }
        if hard.vote == nil {
            hard = HardState(term: hard.term, vote: sender)
            if !mutated(.voteNotPersisted) { ledger.hardChanged() }
        }
        drawElection()
        sendOnceDurable(.voteReply(granted: true), to: sender)
    }

    // MARK: Answered

    mutating func preVoteAnswered(_ term: Term, isGranted: Bool, by sender: PeerID) {
        guard isKnown(sender) else { return }
        if isGranted {
            guard role == .preCandidate, term == hard.term.next else { return }
            note(sender, isGranted: true)
        } else {
            if term > hard.term { return adopt(term, vote: nil) }
            guard role == .preCandidate else { return }
            note(sender, isGranted: false)
        }
        countVotes()
    }

    mutating func voteAnswered(_ term: Term, isGranted: Bool, by sender: PeerID) {
        guard isKnown(sender) else { return }
        if term > hard.term { return adopt(term, vote: nil) }
        guard term == hard.term, role == .candidate else { return }
        note(sender, isGranted: isGranted)
        countVotes()
    }

    /// The first answer counts.
    private mutating func note(_ peer: PeerID, isGranted: Bool) {
        guard !granted.contains(peer), !refused.contains(peer) else { return }
        if isGranted { granted.append(peer) } else { refused.append(peer) }
    }

    /// One of the group, as far as this peer's log says. Answers of others are not asked for.
    func isKnown(_ peer: PeerID) -> Bool {
        voters.isVoter(peer) || voters.learners.contains(peer)
    }

    // MARK: Terms

    /// A later term begins: nothing of the one before holds any more.
    mutating func adopt(_ term: Term, vote: PeerID?) {
        precondition(term > hard.term || mutated(.preVoteAdoptsTerm), "term \(hard.term) goes back to \(term)")
        follow(nil)
        hard = HardState(term: term, vote: vote)
        ledger.hardChanged()
        held.removeAll(keepingCapacity: true)
        agreed = .zero
        leaderToken = 0
        owesAnswer = false
        heardLeader = nil
    }

    /// Becomes a follower of this term.
    mutating func follow(_ newLeader: PeerID?) {
        if role == .leader {
            endLeadership()
            heardLeader = nil
            role = .follower
            leader = nil
            drawElection()
        }
        endCandidacy()
        role = .follower
        leader = newLeader
    }

    private mutating func endCandidacy() {
        granted.removeAll(keepingCapacity: true)
        refused.removeAll(keepingCapacity: true)
    }
}
