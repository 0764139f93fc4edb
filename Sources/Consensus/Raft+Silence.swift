import Identity
import Wire

// A peer whose disk may be older than what it has promised. Raft assumes that disks keep what they have reported as
// written; a disk that was restored from a backup does not, and the peer that stands on it would vote twice in a term,
// and forget entries that were committed on its word. So it may be kept silent until others have told it how the log
// stands with them (after Viewstamped Replication's recovery, Liskov and Cowling 2012, §4.3). A silent peer asks for no
// vote, gives none, follows nobody and acknowledges nothing.
//
// Whom it must have heard before it may speak is the application's matter (MeshCore's `Probation`).

extension Raft {
    /// How the log stands with this peer. What it was told itself when its silence ended, and has not got, is left out:
    /// those who are short would tell it to each other for ever, though whoever had it, or lied, is gone.
    public var standing: RaftStanding {
        RaftStanding(term: hard.term, lastIndex: end.index, lastTerm: end.term, voters: voters)
    }

    var end: LogEnd { LogEnd(term: log.lastTerm, index: log.lastIndex) }

    /// Others have had more of the log than this peer has, and it may have acknowledged it: until it has that, it helps
    /// nobody who lacks it, itself included.
    public var isShort: Bool { floor.map { $0 > end } ?? false }

    /// Promises nothing any more, and gives up what it leads.
    ///
    /// - Parameter forgetsCommit: What was taken for decided may not be: this peer decided it alone. Everything after
    ///   the snapshot is to be applied anew, when it is found to be decided.
    public mutating func silence(forgetsCommit: Bool = false, at now: Instant) {
        clock = now
        follow(nil)
        isSilent = true
        heardLeader = nil
        owesAnswer = false
        electionDue = Raft.never
        outbox.removeAll(keepingCapacity: true)
        held.removeAll(keepingCapacity: true)
        guard forgetsCommit, restoring == nil else { return }
        commit = log.snapshot.index
        applied = log.snapshot.index
        agreed = .zero
    }

    /// Speaks again, after others have told how the log stands with them. It may have voted in the latest term that
    /// anyone knows, and may not know it: it votes in later ones only.
    public mutating func speak(after standings: [RaftStanding], at now: Instant) {
        clock = now
        isSilent = false
        var term = hard.term
        floor = nil
        for standing in standings {
            term = max(term, standing.term)
            let end = LogEnd(term: standing.lastTerm, index: standing.lastIndex)
            floor = max(floor ?? end, end)
        }
        if !standings.isEmpty { abstain(in: term) }
        if voters.isOnlyVoter(own) {
            electionDue = now
            passTime(at: now)
        } else {
            drawElection()
        }
    }

    /// A vote for itself that it never asks anybody to count.
    private mutating func abstain(in term: Term) {
        if term > hard.term {
            adopt(term, vote: own)
        } else if hard.vote == nil, term > .zero {
            hard = HardState(term: term, vote: own)
            ledger.hardChanged()
        }
    }

    /// Whether a log that ends there has all that this peer must not help to forget.
    func reachesFloor(lastIndex: LogIndex, lastTerm: Term) -> Bool {
        guard let floor, floor > end else { return true }
        return LogEnd(term: lastTerm, index: lastIndex) >= floor
    }
}

/// Where a log ends. Of two, the greater one holds everything that the other one may have committed (Raft §5.4.1).
struct LogEnd: Hashable, Comparable, Sendable {
    let term: Term
    let index: LogIndex
    static func < (left: LogEnd, right: LogEnd) -> Bool { (left.term, left.index) < (right.term, right.index) }
}
