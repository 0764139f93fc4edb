import Consensus
import Identity
import Testing
import Wire

extension TranscriptTests {
    @Test("a log that was cut before a slow follower had it, and an older snapshot that reconnects it")
    func olderSnapshot() throws {
        let stage = Stage()
        stage.enter([a, b, c])
        stage.elect(a)
        stage.say("C hears nothing any more. B cuts its log at 3, A at 5.")
        for _ in 0..<2 { stage.propose(a) }
        stage.deliver { $0.to != c }
        stage.tell(b) { $0.compact(through: LogIndex(3), state: [3]) }
        for _ in 0..<2 { stage.propose(a) }
        stage.deliver { $0.to != c }
        stage.tell(a) { $0.compact(through: LogIndex(5), state: [5]) }
        stage.lose { $0.to == c }
        stage.say("A finds out that C is behind its log; its snapshot of 5 is slow.")
        stage.wake(a)
        stage.deliver { !$0.message.isSnapshot }
        let slow = stage.take { $0.message.isSnapshot }
        stage.propose(a)
        stage.deliver()
        stage.wait(3000)
        stage.leave(a)
        stage.elect(b, atLength: true)
        #expect(stage[c].snapshot.index == LogIndex(3) && stage[c].commit == stage[b].commit)
        stage.say("A's snapshot arrives after all. It is of no use any more.")
        for letter in slow { stage.inject(letter.message, from: letter.from, to: letter.to) }
        #expect(stage[c].snapshot.index == LogIndex(3))
        try tell("older-snapshot", stage)
    }

    @Test("a joint change that replaces the leader, who can neither commit nor campaign after")
    func replacedLeader() throws {
        let stage = Stage()
        stage.enter([a, b], learners: [c, d])
        stage.elect(a)
        stage.tell(a) { _ = $0.changeVoters(to: ([c, d], [b]), at: stage.now) }
        stage.say("B is slow: C and D alone cannot decide it.")
        stage.deliver { $0.to != b }
        #expect(!stage[a].isJointCommitted)
        stage.deliver()
        #expect(stage[a].isJointCommitted)
        stage.tell(a) { _ = $0.leaveJoint(at: stage.now) }
        stage.say("C and D decide alone. A goes, and asks one of them to follow it.")
        stage.deliver()
        #expect(stage[a].role == .follower && stage[c].voters == VoterSet(voters: [c, d], learners: [b]))
        #expect([c, d].contains { stage[$0].role == .leader })
        stage.say("A does not seek election any more, and has nothing to propose.")
        stage.wait(60_000)
        stage.tell(a) { $0.passTime(at: stage.now) }
        #expect(stage[a].role == .follower && stage[a].nextWake == Raft.never)
        #expect(stage.tell(a) { $0.propose([1], at: stage.now) } == .notLeader(nil))
        try tell("replaced-leader", stage)
    }

    @Test("a decided change of voters that is not applied and keeps its peer from campaigning")
    func unappliedChange() throws {
        let stage = Stage()
        stage.enter([a, b, c], learners: [d])
        stage.elect(a)
        stage.say("B's disk is slow. A, C and D decide the joint set without it, and B hears so.")
        stage.holdDisk(b)
        stage.tell(a) { _ = $0.changeVoters(to: ([a, b, c, d], []), at: stage.now) }
        stage.deliver()
        #expect(stage[b].commit > stage[b].applied)
        stage.leave(a)
        stage.say("B times out and waits: it has not applied what is decided.")
        stage.wake(b)
        #expect(stage[b].role == .follower)
        stage.say("Its disk has it now.")
        stage.releaseDisk(b)
        stage.wake(b)
        #expect(stage[b].role == .preCandidate)
        try tell("unapplied-change", stage)
    }

    @Test("entries of an old term, decided only through one of the leader's own")
    func oldTerm() throws {
        var settings = RaftSettings()
        settings.maxEntryBytesPerMessage = 1
        let stage = Stage(settings: settings)
        stage.say("Figure 8: A and B have entry 2 of term 2, E one of term 3. A message holds one entry.")
        let voters = [a, b, c, d, e]
        for (voter, log) in zip(voters, [[1, 2], [1, 2], [1], [1], [1, 3]] as [[UInt64]]) {
            stage.enter(voter, .with(voters: voters, terms: log, term: 3))
        }
        stage.elect(a, until: .leader)
        stage.say("A leads term 4. C and D lack entry 2 and get it; what else A sends is slow.")
        stage.deliverOnce { $0.to == c || $0.to == d }
        for _ in 0..<3 { stage.deliverOnce { $0.message.reachesOnly(LogIndex(2)) } }
        stage.say("Entry 2 of term 2 is on the disks of A to D, and still not decided: E could yet replace it.")
        #expect([a, b, c, d].allSatisfy { stage.disk(of: $0).entries.prefix(2).map(\.term.value) == [1, 2] })
        #expect(voters.allSatisfy { stage[$0].commit == .zero })
        stage.say("A's own entry arrives, and all before it is decided with it.")
        stage.deliver()
        #expect(voters.allSatisfy { stage[$0].commit == LogIndex(3) })
        try tell("old-term", stage)
    }
}

extension RaftMessage {
    fileprivate var isSnapshot: Bool {
        if case .snapshot = kind { true } else { false }
    }

    /// Whether it deals with the log up to there and no further.
    fileprivate func reachesOnly(_ index: LogIndex) -> Bool {
        switch kind {
        case .append(_, _, _, let entries, _): entries.last?.index == index
        case .appended(let match, _): match == index
        case .appendRefused(let previous, _, _, _, _): previous == index
        default: false
        }
    }
}
