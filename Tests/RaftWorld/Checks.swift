import Consensus
import Identity
import Wire

/// What did not hold.
package struct Broken: Hashable, Sendable, CustomStringConvertible {
    /// One of those of docs/simulation.md.
    package let invariant: String
    package let what: String
    package var description: String { "\(invariant): \(what)" }
}

/// What must hold in any world, whatever fails.
struct Checks {
    struct Place: Hashable {
        let peer: PeerID
        let term: Term
    }
    struct Stand: Hashable {
        let index: LogIndex
        let term: Term
    }

    private(set) var failure: Broken?
    private var leaders: [Term: PeerID] = [:]
    private var votes: [Place: PeerID] = [:]
    private var written: [Stand: (entry: LogEntry, previous: Term?)] = [:]
    private var decided: [LogIndex: LogEntry] = [:]
    private var states: [LogIndex: UInt64] = [:]
    private(set) var decidedThrough = LogIndex.zero
    /// Of each peer since it was started.
    private var seen: [PeerID: (term: Term, commit: LogIndex)] = [:]

    mutating func begin(_ state: RaftState) {
        decidedThrough = state.snapshot.index
        states[state.snapshot.index] = Application(bytes: state.snapshot.state).hash
    }

    private mutating func fail(_ invariant: String, _ what: String) {
        if failure == nil { failure = Broken(invariant: invariant, what: what) }
    }

    /// Log matching, by induction: two entries of one index and term are the same, and so is what stands before them.
    mutating func writes(_ write: RaftWrite, peer: World.Peer) {
        var previous: LogEntry?
        for entry in write.entries {
            if let previous, previous.index.next != entry.index {
                fail("log", "\(peer.id.name) writes entries with a gap")
            }
            let before = previous?.term ?? peer.raft.flatMap { $0.term(before: entry.index) }
            let stand = Stand(index: entry.index, term: entry.term)
            if let known = written[stand] {
                if known.entry != entry {
                    fail("log", "log matching: \(entry.index)@\(entry.term) is two different entries")
                }
                if let before, let other = known.previous, before != other {
                    fail("log", "log matching: before \(entry.index)@\(entry.term) stand terms \(before) and \(other)")
                }
            }
            if written[stand]?.previous == nil { written[stand] = (entry, before) }
            previous = entry
        }
    }

    /// What leaves must rest on the disk, and no promise is ever made twice.
    mutating func sends(_ message: RaftMessage, to recipient: PeerID, peer: World.Peer) {
        var name: String { peer.id.name }
        let disk = peer.disk
        switch message.kind {
        case .voteReply(true): promises(message.term, for: recipient, peer: peer)
        case .vote: promises(message.term, for: peer.id, peer: peer)
        case .appended(let match, _):
            if disk.hard.term < message.term {
                fail("durable", "\(name) answers in term \(message.term), which is not on disk")
            }
            if disk.lastIndex < match {
                fail("durable", "\(name) acknowledges \(match) with \(disk.lastIndex) on disk")
            }
            if let entry = disk.entry(at: match), let own = peer.raft?.entries(after: match.previous).first,
                own.index == match, own.term != entry.term
            {
                fail("durable", "\(name) acknowledges \(match)@\(own.term) with \(match)@\(entry.term) on disk")
            }
        case .voteReply(false), .appendRefused, .preVoteReply(false):
            if disk.hard.term < message.term {
                fail("durable", "\(name) answers in term \(message.term), which is not on disk")
            }
        default: break
        }
    }

    private mutating func promises(_ term: Term, for candidate: PeerID, peer: World.Peer) {
        let known = votes.updateValue(candidate, forKey: Place(peer: peer.id, term: term))
        if let known, known != candidate {
            fail("durable", "\(peer.id.name) votes for \(known.name) and \(candidate.name) in term \(term)")
        }
        let hard = peer.disk.hard
        if hard.term < term || (hard.term == term && hard.vote != candidate) {
            fail("durable", "\(peer.id.name)'s vote for \(candidate.name) in term \(term) is not on disk")
        }
    }

    /// Election safety, and leader completeness.
    mutating func changes(_ change: Ready.Change, peer: World.Peer, raft: Raft) {
        guard change.role == .leader else { return }
        if let other = leaders.updateValue(peer.id, forKey: change.term), other != peer.id {
            fail("election", "term \(change.term) has two leaders: \(other.name) and \(peer.id.name)")
        }
        if raft.lastIndex < decidedThrough {
            fail("log", "\(peer.id.name) leads with \(raft.lastIndex) of \(decidedThrough) decided entries")
        }
        for entry in raft.entries(after: .zero) where decided[entry.index].map({ $0 != entry }) ?? false {
            // One that was decided in a later term is no matter of a leader that nobody follows any more.
            if decided[entry.index]!.term < change.term {
                fail("log", "\(peer.id.name) leads term \(change.term) without the decided \(entry.index)")
            }
        }
    }

    /// State-machine safety.
    mutating func applies(_ entry: LogEntry, peer: World.Peer) {
        if entry.index != peer.state.index.next {
            fail("log", "\(peer.id.name) applies \(entry.index) after \(peer.state.index)")
        }
        if peer.disk.lastIndex < entry.index {
            fail("durable", "\(peer.id.name) applies \(entry.index), which is not on its disk")
        }
        decides(entry, peer.id)
    }

    private mutating func decides(_ entry: LogEntry, _ peer: PeerID) {
        if let known = decided[entry.index] {
            if known != entry {
                fail(
                    "log", "\(entry.index) is decided as of term \(known.term), and by \(peer.name) as of \(entry.term)"
                )
            }
        } else {
            decided[entry.index] = entry
        }
        decidedThrough = max(decidedThrough, entry.index)
    }

    mutating func applied(_ state: Application) {
        if let known = states.updateValue(state.hash, forKey: state.index), known != state.hash {
            fail("log", "two states after entry \(state.index)")
        }
    }

    mutating func restored(_ snapshot: RaftSnapshot, peer: World.Peer) -> Application {
        let state = Application(bytes: snapshot.state)
        if state.index != snapshot.index {
            fail("log", "a snapshot of \(snapshot.index) holds the state at \(state.index)")
        }
        if state.index <= peer.state.index, peer.state.index > LogIndex(1) {
            fail("monotone", "\(peer.id.name) goes back from \(peer.state.index) to a snapshot of \(state.index)")
        }
        if peer.disk.snapshot.index < snapshot.index {
            fail("durable", "\(peer.id.name) restores a snapshot that is not on disk")
        }
        applied(state)
        return state
    }

    mutating func reads(at granted: LogIndex, floor: LogIndex) {
        if granted < floor {
            fail("answer", "a read is granted at \(granted) though \(floor) was decided when it was asked")
        }
    }

    /// Terms and commit never go back, and what a leader commits is on a quorum's disks.
    mutating func stands(_ raft: Raft, peer: World.Peer, disk: (PeerID) -> RaftState) {
        let seen = seen[peer.id] ?? (.zero, .zero)
        if raft.term < seen.term {
            fail("monotone", "\(peer.id.name) goes back from term \(seen.term) to \(raft.term)")
        }
        if raft.commit < seen.commit {
            fail("monotone", "\(peer.id.name) goes back from commit \(seen.commit) to \(raft.commit)")
        }
        self.seen[peer.id] = (raft.term, raft.commit)
        guard raft.commit > seen.commit else { return }
        let new = raft.entries(after: max(seen.commit, raft.snapshot.index)).prefix { $0.index <= raft.commit }
        for entry in new { decides(entry, peer.id) }
        guard raft.role == .leader, let last = new.last else { return }
        if last.term != raft.term {
            fail("log", "\(peer.id.name) leads term \(raft.term) and commits \(last.index)@\(last.term) by counting")
        }
        for group in [raft.voters.voters, raft.voters.outgoing] where !group.isEmpty {
            let holders = group.filter { voter in
                let disk = disk(voter)
                return disk.snapshot.index >= last.index || disk.entry(at: last.index) == last
            }
            if holders.count * 2 <= group.count {
                fail("durable", "\(peer.id.name) commits \(last.index) with \(holders.count) of \(group.count) disks")
            }
        }
    }

    /// What was only in memory is forgotten: a term that was never on disk, and commit.
    mutating func restarts(_ peer: PeerID) { seen[peer] = nil }
}

extension RaftState {
    var lastIndex: LogIndex { LogIndex(snapshot.index.value + UInt64(entries.count)) }
    func entry(at index: LogIndex) -> LogEntry? {
        guard index > snapshot.index, index <= lastIndex else { return nil }
        return entries[Int(index.value - snapshot.index.value) - 1]
    }
}

extension Raft {
    /// Of the entry before that one; nil where it is not known any more.
    package func term(before index: LogIndex) -> Term? {
        let previous = index.previous
        if previous == snapshot.index { return snapshot.term }
        guard previous > snapshot.index else { return nil }
        return entries(after: previous.previous).first?.term
    }
}
