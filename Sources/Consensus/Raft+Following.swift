import Identity
import Wire

// A follower's side of replication: Raft §5.3, §5.4.2 and §7.

extension Raft {
    /// Whether this is a message of the present term's leader, which is then followed. One of an older term is told so,
    /// that it may step down.
    mutating func accept(leader sender: PeerID, of term: Term, token: UInt64) -> Bool {
        if term < hard.term {
            let refusal = RaftMessage.Kind.appendRefused(
                previousIndex: .zero, lastIndex: .zero, conflictTerm: .zero, conflictFirst: .zero, token: token)
            sendOnceDurable(refusal, to: sender)
            return false
        }
        if term > hard.term {
            adopt(term, vote: nil)
        } else if role == .leader || (leader != nil && leader != sender) {
            // Two leaders in one term: somebody lies.
            return false
        }
        if leader != sender { follow(sender) }
        heardLeader = clock
        drawElection()
        return true
    }

    mutating func append(
        _ entries: [LogEntry], after previousIndex: LogIndex, _ previousTerm: Term, leaderCommit: LogIndex,
        token: UInt64
    ) {
        leaderToken = max(leaderToken, token)
        // What is decided here is the same in every leader's log; and it may be in the snapshot, where no terms are
        // left.
        var new = entries[...]
        var previous = previousIndex
        if previousIndex < commit {
            previous = min(commit, LogIndex(previousIndex.value + UInt64(entries.count)))
            new = entries[Int(previous.value - previousIndex.value)...]
        } else if log.term(at: previousIndex) != previousTerm {
            guard mutated(.appendWithoutPreviousCheck), previousIndex <= log.lastIndex else {
                return refuse(previousIndex, token: token)
            }
        }
        let firstNew = log.firstNew(of: new)
        if let firstNew { take(new[firstNew...]) }
        let last = LogIndex(previous.value + UInt64(new.count))
        agreed = max(agreed, max(last, min(commit, previousIndex)))
        advanceCommit(to: min(leaderCommit, agreed))
        answer(afterWrite: firstNew != nil)
    }

    private mutating func take(_ new: ArraySlice<LogEntry>) {
        guard let first = new.first else { return }
        if first.index <= log.lastIndex {
            ledger.truncated(from: first.index)
            history.truncated(from: first.index)
            agreed = min(agreed, first.index.previous)
        }
        log.replace(with: new)
        for entry in new { history.appended(entry) }
        refreshVoters()
    }

    private mutating func refuse(_ previousIndex: LogIndex, token: UInt64) {
        let place = min(previousIndex, log.lastIndex)
        sendOnceDurable(
            .appendRefused(
                previousIndex: previousIndex, lastIndex: log.lastIndex, conflictTerm: log.term(at: place) ?? .zero,
                conflictFirst: log.firstOfTerm(at: place), token: token),
            to: leader)
    }

    mutating func install(_ snapshot: RaftSnapshot, token: UInt64) {
        leaderToken = max(leaderToken, token)
        if snapshot.index <= commit, !mutated(.snapshotRegressesLog) {
            // Older than what is decided here.
        } else if log.term(at: snapshot.index) == snapshot.term {
            agreed = max(agreed, snapshot.index)
            advanceCommit(to: snapshot.index)
        } else {
            ledger.truncated(from: min(commit, snapshot.index).next)
            log.restore(snapshot)
            history.restored(snapshot)
            isSnapshotDirty = true
            restoring = snapshot
            agreed = snapshot.index
            commit = snapshot.index
            refreshVoters()
        }
        agreed = max(agreed, min(commit, snapshot.index))
        answer(afterWrite: isSnapshotDirty)
    }

    /// Tells the leader how far the log agrees with its own, on disk; later, where something has to be written before.
    /// What brought nothing new is answered at once, with what is on disk already: a slow disk does not make a silent
    /// follower.
    private mutating func answer(afterWrite: Bool) {
        owesAnswer = true
        if mutated(.acknowledgeBeforeWrite) { return pay() }
        if ledger.isHardDurable, !afterWrite || ledger.durable >= agreed { pay() }
    }

    /// After a write: what is owed, as far as it can be paid.
    mutating func payOwed() {
        if owesAnswer, ledger.isHardDurable { pay() }
    }

    private mutating func pay() {
        guard role == .follower, let leader else { return }
        let match = mutated(.acknowledgeBeforeWrite) ? agreed : min(agreed, ledger.durable)
        outbox.append((leader, RaftMessage(term: hard.term, kind: .appended(match: match, token: leaderToken))))
        owesAnswer = ledger.durable < agreed
    }

    mutating func advanceCommit(to index: LogIndex) {
        let index = min(index, log.lastIndex)
        guard index > commit else { return }
        commit = index
        if mutated(.jointTakesEffectOnCommit) { refreshVoters() }
    }
}
