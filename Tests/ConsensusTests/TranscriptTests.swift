import Consensus
import Foundation
import Identity
import RaftWorld
import Testing
import Wire

/// Stories that can be read: each is played on a stage, and what happened is compared with Transcripts/NAME.txt. Where
/// a change is wanted, TIKTRUE_REGENERATE=1 writes them anew, to be read and committed.
@Suite("The story of") struct TranscriptTests {
    func tell(_ name: String, _ stage: Stage) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Transcripts/\(name).txt")
        if ProcessInfo.processInfo.environment["TIKTRUE_REGENERATE"] == "1" {
            try Data(stage.transcript.utf8).write(to: file)
        }
        let expected = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        let told = stage.transcript.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, pair) in zip(expected, told).enumerated() where pair.0 != pair.1 {
            Issue.record("\(name), line \(number + 1): expected “\(pair.0)”, told “\(pair.1)”")
            return
        }
        #expect(expected.count == told.count, "\(name) ends elsewhere")
    }

    @Test("the divergent logs of the paper's figure 7, repaired")
    func divergentLogs() throws {
        let stage = Stage()
        let voters = [a, b, c, d, e, f, g]
        let logs: [[UInt64]] = [
            [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4],
            [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4],
            [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
        ]
        for (voter, log) in zip(voters, logs) { stage.enter(voter, .with(voters: voters, terms: log, term: 7)) }
        stage.say("A, the leader of term 8, finds B to G as (a) to (f) of the figure.")
        stage.elect(a, atLength: true)
        for voter in voters { #expect(stage.entries(of: voter).terms == logs[0] + [8], "\(voter.name)") }
        #expect(voters.allSatisfy { stage[$0].commit == LogIndex(11) })
        try tell("figure-7", stage)
    }

    @Test("a pre-candidate that is behind in its log: it changes nobody's term")
    func preCandidateBehind() throws {
        let stage = Stage()
        stage.enter(a, .with(voters: [a, b, c], terms: [1, 1]))
        stage.enter(b, .with(voters: [a, b, c], terms: [1, 1]))
        stage.enter(c, .with(voters: [a, b, c], terms: [1]))
        stage.say("C lacks an entry and hears nobody.")
        stage.wake(c)
        stage.deliver()
        #expect([a, b, c].allSatisfy { stage[$0].term == Term(1) })
        #expect(stage[c].role == .follower)
        try tell("pre-candidate-behind", stage)
    }

    @Test("voters that hear a leader and refuse, and one that forgot it and grants")
    func stickiness() throws {
        let stage = Stage()
        stage.enter([a, b, c, d, e], terms: [1])
        stage.elect(a)
        stage.say("E has lost its link to A; nobody else has.")
        stage.tell(e) { $0.lost(a, at: stage.now) }
        stage.wake(e)
        stage.deliver()
        #expect(stage[e].term == stage[a].term && stage[a].role == .leader)
        stage.say("B has just been started anew and knows of no leader.")
        stage.restart(b)
        stage.wake(e)
        stage.deliver { $0.to == b || $0.from == b }
        stage.lose()
        #expect(stage[a].role == .leader && stage[e].role == .preCandidate)
        try tell("stickiness", stage)
    }

    @Test("a learner that was promoted and does not know, whose vote decides")
    func unknowingVoter() throws {
        let stage = Stage()
        stage.enter([a, b], learners: [c])
        stage.elect(a)
        stage.say("A makes C a voter; C is out of reach.")
        stage.tell(a) { _ = $0.changeVoters(to: ([a, b, c], []), at: stage.now) }
        stage.deliver { $0.from != c && $0.to != c }
        stage.tell(a) { _ = $0.leaveJoint(at: stage.now) }
        stage.deliver { $0.from != c && $0.to != c }
        stage.lose()
        #expect(stage[c].voters.learners == [c] && stage[b].voters.isVoter(c))
        stage.leave(a)
        stage.tell(b) { $0.lost(a, at: stage.now) }
        stage.tell(c) { $0.lost(a, at: stage.now) }
        stage.elect(b, atLength: true)
        #expect(stage[b].role == .leader && stage[c].voters.isVoter(c))
        try tell("unknowing-voter", stage)
    }

    @Test("an append that is written, replaced and written again")
    func appendABA() throws {
        let stage = Stage()
        stage.enter(a, .with(voters: [a, b, c], terms: [1], term: 2))
        func append(_ terms: [UInt64], term: UInt64) -> RaftMessage {
            RaftMessage(
                term: Term(term),
                kind: .append(
                    previousIndex: LogIndex(1), previousTerm: Term(1), commit: .zero,
                    entries: .with(terms: terms, from: 2), token: 1))
        }
        stage.holdDisk(a)
        stage.say("B leads term 2, C term 3, and B, which never saw C's entry, term 4. A's disk has done nothing yet.")
        stage.inject(append([2], term: 2), from: b, to: a)
        stage.inject(append([3], term: 3), from: c, to: a)
        stage.inject(append([2], term: 4), from: b, to: a)
        stage.say("The first write completes: 2@2 is on disk, but will be overwritten. It proves nothing.")
        stage.completeWrite(a)
        #expect(stage[a].durable == LogIndex(1) && stage.letters.isEmpty)
        stage.completeWrite(a)
        #expect(stage[a].durable == LogIndex(1) && stage.letters.isEmpty)
        stage.say("Only the last write is that of term 4.")
        stage.completeWrite(a)
        #expect(stage[a].durable == LogIndex(2) && stage.letters.count == 1)
        try tell("append-aba", stage)
    }

    @Test("appends that are all dropped, until a heartbeat finds out")
    func droppedAppends() throws {
        var settings = RaftSettings()
        settings.maxInflightAppends = 3
        let stage = Stage(settings: settings)
        stage.enter([a, b])
        stage.elect(a)
        for _ in 0..<5 { stage.propose(a) }
        stage.say("The window is full, and everything in it is lost.")
        stage.lose()
        stage.wake(a)
        stage.deliver()
        #expect(stage[b].commit == stage[a].lastIndex)
        try tell("dropped-appends", stage)
    }

    @Test("a follower out of reach that returns to streaming")
    func returnOfAFollower() throws {
        let stage = Stage()
        stage.enter([a, b, c])
        stage.elect(a)
        stage.tell(a) { $0.lost(c, at: stage.now) }
        stage.leave(c)
        for _ in 0..<3 { stage.propose(a) }
        stage.deliver()
        #expect(stage[a].followers.last?.pace == .probing)
        stage.say("C is back, from its disk.")
        stage.enter(c, .with(voters: [a, b, c], terms: [2], term: 2))
        stage.tell(a) { $0.regained(c, at: stage.now) }
        stage.deliver()
        #expect(stage[a].followers.last?.pace == .streaming && stage[c].commit == stage[a].commit)
        try tell("return-of-a-follower", stage)
    }
}
