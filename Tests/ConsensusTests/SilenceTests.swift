import Identity
import Testing
import Wire

@testable import Consensus

@Suite struct SilenceTests {
    private static let peers = (0..<3).map { _ in SigningKey.random().peer }.sorted()

    /// Voter 0 of three, whose log ends with two entries of term 3.
    private func voter(isSilent: Bool = true, voters: [PeerID] = SilenceTests.peers) -> Raft {
        let snapshot = RaftSnapshot(index: LogIndex(1), term: Term(1), voters: VoterSet(voters: voters), state: [])
        let entries = (2...3).map { LogEntry(term: Term(3), index: LogIndex(UInt64($0)), body: .empty) }
        return Raft(
            own: Self.peers[0],
            state: RaftState(hard: HardState(term: Term(3), vote: nil), snapshot: snapshot, entries: entries),
            isSilent: isSilent, seed: 1, now: .zero)
    }

    private func standing(term: UInt64, end: (term: UInt64, index: UInt64)) -> RaftStanding {
        RaftStanding(
            term: Term(term), lastIndex: LogIndex(end.index), lastTerm: Term(end.term),
            voters: VoterSet(voters: Self.peers))
    }

    /// What it says once everything is on disk.
    private func said(_ raft: inout Raft) -> [RaftMessage] {
        var messages: [RaftMessage] = []
        while let ready = raft.takeReady() {
            messages += ready.messages.map(\.message)
            if let write = ready.write { raft.stored(write.token, at: .zero) }
        }
        return messages
    }

    private func asksForVote(_ raft: inout Raft, term: UInt64, end: (term: UInt64, index: UInt64)) -> Bool {
        raft.received(
            RaftMessage(
                term: Term(term),
                kind: .vote(lastIndex: LogIndex(end.index), lastTerm: Term(end.term), isTransfer: true)),
            from: Self.peers[1], at: .zero)
        return said(&raft).contains { $0.kind == .voteReply(granted: true) }
    }

    @Test("a silent peer gives no vote, follows nobody and seeks no election")
    func silent() {
        var raft = voter()
        #expect(!asksForVote(&raft, term: 9, end: (8, 80)))
        raft.received(
            RaftMessage(
                term: Term(9),
                kind: .append(previousIndex: LogIndex(3), previousTerm: Term(3), commit: .zero, entries: [], token: 1)),
            from: Self.peers[1], at: .zero)
        raft.passTime(at: Instant(nanoseconds: 60_000_000_000))
        #expect(said(&raft).isEmpty && raft.term == Term(3) && raft.role == .follower && raft.leader == nil)
        #expect(raft.nextWake == Raft.never)
    }

    @Test("one that speaks again votes only in terms that are later than all that it was told")
    func laterTerms() {
        var raft = voter()
        raft.speak(after: [standing(term: 5, end: (3, 3)), standing(term: 4, end: (3, 3))], at: .zero)
        #expect(!asksForVote(&raft, term: 5, end: (3, 3)))
        #expect(asksForVote(&raft, term: 6, end: (3, 3)))
    }

    @Test("not even in its own latest term, where it remembers no vote")
    func ownTerm() {
        var raft = voter()
        raft.speak(after: [standing(term: 3, end: (3, 3))], at: .zero)
        #expect(!asksForVote(&raft, term: 3, end: (3, 3)))
    }

    @Test("nor for one whose log is shorter than the longest that it was told of, itself included, until it has that")
    func floor() {
        var raft = voter()
        raft.speak(after: [standing(term: 5, end: (5, 7))], at: .zero)
        #expect(raft.isShort && raft.standing.lastIndex == LogIndex(3))
        #expect(!asksForVote(&raft, term: 6, end: (5, 6)))
        #expect(asksForVote(&raft, term: 7, end: (5, 7)))
        raft.passTime(at: Instant(nanoseconds: 60_000_000_000))
        #expect(raft.role == .follower)
        let entries = (4...7).map { LogEntry(term: Term(5), index: LogIndex(UInt64($0)), body: .empty) }
        raft.received(
            RaftMessage(
                term: Term(8),
                kind: .append(
                    previousIndex: LogIndex(3), previousTerm: Term(3), commit: .zero, entries: entries, token: 1)),
            from: Self.peers[2], at: .zero)
        #expect(!raft.isShort)
    }

    @Test("a leader that falls silent leads no more")
    func leader() {
        var raft = voter(isSilent: false, voters: [Self.peers[0]])
        _ = said(&raft)
        #expect(raft.role == .leader)
        raft.silence(forgetsCommit: true, at: .zero)
        #expect(raft.role == .follower && raft.commit == LogIndex(1) && raft.applied == LogIndex(1))
        raft.speak(after: [], at: .zero)
        _ = said(&raft)
        #expect(raft.role == .leader)
    }

    @Test("a follower that has lost what it acknowledged is asked from further back")
    func lostEntries() {
        var progress = Progress(peer: Self.peers[1], next: LogIndex(10), now: .zero)
        progress.agreed(to: LogIndex(9), logStart: .zero)
        progress.becomeProbe()
        let isTaken = progress.refused(previous: LogIndex(9), hint: LogIndex(4))
        #expect(isTaken && progress.match == LogIndex(4) && progress.next == LogIndex(5))
    }
}
