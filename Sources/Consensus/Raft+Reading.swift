import Wire

// Linearizable reads without an entry of the log: ReadIndex (thesis §6.4).

struct PendingRead: Hashable, Sendable {
    let id: ReadID
    /// Nil until this leader has committed an entry of its own term: before that it does not know what is decided.
    var index: LogIndex?
    /// Echoes of later tokens confirm it.
    var after: UInt64
}

extension Raft {
    /// Asks for the right to read the application's state as of now. Answered in `Ready.reads`: granted at an index,
    /// once a quorum has confirmed that this peer leads, or refused where it does not.
    public mutating func read(_ id: ReadID, at now: Instant) {
        clock = now
        guard role == .leader, reads.count < settings.maxReads else {
            answers.append(ReadAnswer(id: id, granted: nil))
            return
        }
        reads.append(PendingRead(id: id, index: nil, after: token))
        if hasCommittedOwnTerm { beginReads() }
    }

    /// A round of heartbeats with new tokens, one for all reads that wait for it.
    mutating func beginReads() {
        guard reads.last?.index == nil, !reads.isEmpty else { return }
        for place in reads.indices where reads[place].index == nil {
            reads[place].index = commit
            reads[place].after = mutated(.readTokenReused) ? 0 : token
        }
        wantsRound = true
        confirmReads()
    }

    mutating func confirmReads() {
        guard let first = reads.first, first.index != nil else { return }
        let echoed = voters.reached { peer in
            peer == own ? UInt64.max : place(of: peer).map { progress[$0].echoed } ?? 0
        }
        guard let echoed else { return }
        var count = 0
        while count < reads.count, let index = reads[count].index, echoed > reads[count].after {
            answers.append(ReadAnswer(id: reads[count].id, granted: index))
            count += 1
        }
        if count > 0 { reads.removeSubrange(..<count) }
    }
}
