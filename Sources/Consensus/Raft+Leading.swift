import Identity
import Wire

// A leader's side of replication: Raft §5.3 and §5.4.2. Messages are made when `takeReady` asks for them, so that
// everything that was proposed until then travels together.

extension Raft {
    func place(of peer: PeerID) -> Int? { progress.firstIndex { $0.peer == peer } }

    mutating func update(_ peer: PeerID, _ change: (inout Progress) -> Void) {
        if let place = place(of: peer) { change(&progress[place]) }
    }

    mutating func becomeLeader() {
        granted.removeAll(keepingCapacity: true)
        refused.removeAll(keepingCapacity: true)
        role = .leader
        leader = own
        electionDue = Raft.never
        progress = []
        refreshProgress()
        uncommittedBytes = log.entries(after: commit, through: log.lastIndex).reduce(0) { $0 + $1.size }
        termStart = log.lastIndex.next
        wantsReplication = true
        wantsRound = true
        if !mutated(.noOwnTermEntry) { appendOwn(.empty) }
    }

    mutating func endLeadership() {
        for read in reads { answers.append(ReadAnswer(id: read.id, granted: nil)) }
        reads = []
        progress = []
        transfer = nil
        wantsReplication = false
        wantsRound = false
    }

    mutating func appendOwn(_ body: LogEntry.Body) {
        let entry = LogEntry(term: hard.term, index: log.lastIndex.next, body: body)
        log.append(entry)
        history.appended(entry)
        uncommittedBytes += entry.size
        wantsReplication = true
        if case .voters = body { refreshVoters() }
    }

    mutating func leaderTime() {
        if let transfer, transfer.deadline <= clock { self.transfer = nil }
        guard heartbeatDue <= clock else { return }
        let limit = clock.advanced(by: settings.times.electionTimeout.times(-1))
        let hears = voters.isQuorum { peer in
            peer == own || (place(of: peer).map { progress[$0].lastContact > limit } ?? false)
        }
        guard hears else { return follow(nil) }
        wantsReplication = true
    }

    // MARK: Answers

    /// Whether this answers the present leadership. A higher term ends it.
    mutating func isAnswer(_ term: Term, from sender: PeerID, token: UInt64) -> Bool {
        guard isKnown(sender) else { return false }
        if term > hard.term {
            adopt(term, vote: nil)
            return false
        }
        guard role == .leader, term == hard.term, token <= self.token, let place = place(of: sender) else {
            return false
        }
        progress[place].heard(token: token, at: clock)
        confirmReads()
        return true
    }

    mutating func followerAgreed(_ sender: PeerID, to match: LogIndex) {
        guard let place = place(of: sender), match <= log.lastIndex else { return }
        let before = progress[place].match
        progress[place].agreed(to: match, logStart: log.snapshot.index)
        wantsReplication = true
        if match > before { advanceLeaderCommit() }
        if role == .leader { tryTransfer() }
    }

    mutating func followerRefused(_ sender: PeerID, previous: LogIndex, hint: LogIndex, token: UInt64) {
        guard let place = place(of: sender) else { return }
        if case .snapshot(_, let snapshotToken, let sent) = progress[place].state {
            // It answers something later and does not have the snapshot: that was lost.
            if token > snapshotToken, clock.since(sent) >= settings.times.campaignTimeout {
                progress[place].becomeProbe()
                wantsReplication = true
            }
            return
        }
        _ = progress[place].refused(previous: previous, hint: hint)
        wantsReplication = true
    }

    /// The last place where the logs may agree, after a follower's refusal: both sides skip whole terms.
    func lastAgreed(previous: LogIndex, lastIndex: LogIndex, conflictTerm: Term, conflictFirst: LogIndex) -> LogIndex {
        let place = min(previous, lastIndex)
        guard let last = log.last(upTo: place, withTermAtMost: conflictTerm) else { return .zero }
        return log.term(at: last) == conflictTerm ? last : min(last, conflictFirst.previous)
    }

    // MARK: Commit

    /// Entries are decided when a quorum has them on disk, but only through one of this leader's own term (Raft
    /// §5.4.2): one of an older term may be on a majority of disks and yet be replaced.
    mutating func advanceLeaderCommit() {
        let reached = voters.reached { peer in
            peer == own ? ledger.durable : place(of: peer).map { progress[$0].match } ?? .zero
        }
        guard let reached, reached > commit else { return }
        guard log.term(at: reached) == hard.term || mutated(.commitOldTermByCounting) else { return }
        let before = commit
        let committedOwn = hasCommittedOwnTerm
        for entry in log.entries(after: before, through: reached) { uncommittedBytes -= entry.size }
        advanceCommit(to: reached)
        wantsReplication = true
        if !committedOwn, hasCommittedOwnTerm { beginReads() }
        stepDownIfRemoved()
    }

    /// A leader that is not among the voters any more goes as soon as that is decided (Raft §6), and asks the one that
    /// is furthest ahead to take over.
    private mutating func stepDownIfRemoved() {
        guard !voters.isVoter(own), history.lastIndex <= commit else { return }
        replicate()
        let successor = progress.filter { voters.isVoter($0.peer) && $0.isReachable }.max { $0.match < $1.match }
        if let successor, successor.match >= history.lastIndex {
            outbox.append((successor.peer, RaftMessage(term: hard.term, kind: .timeoutNow)))
        }
        follow(nil)
    }

    // MARK: Sending

    mutating func replicate() {
        guard role == .leader, wantsReplication || wantsRound else { return }
        for place in progress.indices {
            var isTold = false
            while progress[place].hasRoom(settings), sendNext(to: place) { isTold = true }
            let isBehind = progress[place].toldCommit < commit && progress[place].isReachable
            let isDue = wantsRound || due(progress[place]) <= clock
            if !isTold, isDue || (isBehind && progress[place].state == .replicate) { sendEmpty(to: place) }
        }
        wantsReplication = false
        wantsRound = false
        heartbeatDue = progress.reduce(Raft.never) { min($0, due($1)) }
    }

    private func due(_ follower: Progress) -> Instant {
        follower.due(last: log.lastIndex, asked: reads.first?.after, settings.times)
    }

    /// Whether nothing can be decided without this leader's own disk. Then nobody is told of an entry that is not on it: were it
    /// lost with the power, those who learn the log would be ahead of the only one who could ever bring them anything, and it
    /// could not tell that from a disk that was put back (`isShort`).
    var writesFirst: Bool { voters.voters == [own] || voters.outgoing == [own] }

    /// The next entries, or the snapshot where the log does not go back so far. False where there is nothing to send.
    private mutating func sendNext(to place: Int) -> Bool {
        let follower = progress[place]
        let previous = follower.next.previous
        guard let previousTerm = log.term(at: previous) else {
            sendSnapshot(to: place)
            return true
        }
        var entries = log.entries(from: follower.next, maxBytes: settings.maxEntryBytesPerMessage)
        if writesFirst { entries = entries.prefix { $0.index <= ledger.durable } }
        if entries.isEmpty, follower.state == .replicate { return false }
        let message = RaftMessage.Kind.append(
            previousIndex: previous, previousTerm: previousTerm, commit: commit, entries: Array(entries),
            token: nextToken())
        outbox.append((follower.peer, RaftMessage(term: hard.term, kind: message)))
        let bytes = entries.reduce(0) { $0 + $1.size }
        progress[place].sent(count: entries.count, bytes: bytes, commit: commit, at: clock)
        return true
    }

    private mutating func sendSnapshot(to place: Int) {
        let token = nextToken()
        let message = RaftMessage(term: hard.term, kind: .snapshot(log.snapshot, token: token))
        outbox.append((progress[place].peer, message))
        progress[place].sentSnapshot(through: log.snapshot.index, token: token, at: clock)
    }

    /// A heartbeat. It asks as well: a follower that lacks what was sent before refuses it.
    private mutating func sendEmpty(to place: Int) {
        let follower = progress[place]
        if follower.isReachable, follower.next.previous < log.snapshot.index, !follower.isTakingSnapshot {
            // The log was cut while a question was under way.
            return sendSnapshot(to: place)
        }
        let previous = max(follower.next.previous, log.snapshot.index)
        guard let previousTerm = log.term(at: previous) else { return }
        let message = RaftMessage.Kind.append(
            previousIndex: previous, previousTerm: previousTerm, commit: commit, entries: [], token: nextToken())
        outbox.append((follower.peer, RaftMessage(term: hard.term, kind: message)))
        progress[place].sent(count: 0, bytes: 0, commit: commit, at: clock)
    }

    private mutating func nextToken() -> UInt64 {
        token += 1
        return token
    }
}
