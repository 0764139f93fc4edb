import Identity
import Wire

// What is to be done, and what waits for the disk.

extension Raft {
    /// A message that rests on the present term or vote.
    mutating func sendOnceDurable(_ kind: RaftMessage.Kind, to recipient: PeerID?) {
        guard let recipient else { return }
        let message = RaftMessage(term: hard.term, kind: kind)
        guard !ledger.isHardDurable else { return outbox.append((recipient, message)) }
        // One to each is enough: whoever asks again is answered with what holds now.
        held.removeAll { $0.to == recipient && $0.message.kind.isSameSort(as: kind) }
        if held.count < Raft.maxHeld { held.append((recipient, message)) }
    }

    /// Far more than a group has members.
    private static let maxHeld = 256

    /// The write of this token, and all before it, are on disk.
    public mutating func stored(_ token: WriteToken, at now: Instant) {
        clock = now
        guard ledger.complete(token, last: log.lastIndex) else { return }
        if ledger.isHardDurable {
            outbox.append(contentsOf: held)
            held.removeAll(keepingCapacity: true)
            if role == .candidate, !granted.contains(own), !refused.contains(own) {
                granted.append(own)
                countVotes()
            }
        }
        switch role {
        case .leader:
            if writesFirst { wantsReplication = true }
            advanceLeaderCommit()
        case .follower: payOwed()
        case .preCandidate, .candidate: break
        }
    }

    /// Nil when there is nothing to be done.
    public mutating func takeReady() -> Ready? {
        var ready = Ready()
        replicate()
        swap(&ready.messages, &outbox)
        ready.write = takeWrite()
        takeApplicable(&ready)
        swap(&ready.reads, &answers)
        let change = Ready.Change(role: role, term: hard.term, leader: leader)
        if change != told {
            told = change
            ready.roleChange = change
        }
        return ready.isEmpty ? nil : ready
    }

    private mutating func takeWrite() -> (token: WriteToken, write: RaftWrite)? {
        guard ledger.isHardDirty || isSnapshotDirty || ledger.handed < log.lastIndex,
            ledger.countUnderWay < settings.maxWritesUnderWay
        else { return nil }
        let write = RaftWrite(
            hard: ledger.isHardDirty ? hard : nil, snapshot: isSnapshotDirty ? log.snapshot : nil,
            entries: Array(log.entries(after: ledger.handed, through: log.lastIndex)))
        isSnapshotDirty = false
        return (ledger.begin(through: log.lastIndex), write)
    }

    private mutating func takeApplicable(_ ready: inout Ready) {
        if let snapshot = restoring {
            guard ledger.durable >= snapshot.index else { return }
            ready.restored = snapshot
            restoring = nil
            applied = snapshot.index
        }
        let through = min(commit, ledger.durable)
        guard through > applied else { return }
        ready.committed = Array(log.entries(after: applied, through: through))
        applied = through
    }

    /// The application's state after the entry at `through`, which has to be applied: it takes the place of the log up
    /// to there.
    public mutating func compact(through index: LogIndex, state: [UInt8]) {
        guard index > log.snapshot.index, index <= applied, restoring == nil, let term = log.term(at: index) else {
            return
        }
        let set = history.set(at: index)
        log.compact(to: RaftSnapshot(index: index, term: term, voters: set, state: state))
        history.compacted(through: index)
        isSnapshotDirty = true
    }
}

extension RaftMessage.Kind {
    /// Of those that wait for the hard state.
    fileprivate func isSameSort(as other: RaftMessage.Kind) -> Bool {
        switch (self, other) {
        case (.preVoteReply, .preVoteReply), (.vote, .vote), (.voteReply, .voteReply),
            (.appendRefused, .appendRefused):
            true
        default: false
        }
    }
}
