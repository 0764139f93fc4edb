import Consensus
import Identity
import Testing
import Wire

func append(
    _ term: UInt64, after index: UInt64, _ last: UInt64, _ terms: [UInt64], commit: UInt64 = 0, token: UInt64 = 1
) -> RaftMessage {
    message(
        term,
        .append(
            previousIndex: LogIndex(index), previousTerm: Term(last), commit: LogIndex(commit),
            entries: .with(terms: terms, from: index + 1), token: token))
}
/// From the first entry on.
func append(_ term: UInt64, entries terms: [UInt64], token: UInt64 = 1) -> RaftMessage {
    append(term, after: 0, 0, terms, token: token)
}
func appended(_ term: UInt64, _ match: UInt64, token: UInt64 = 0) -> RaftMessage {
    message(term, .appended(match: LogIndex(match), token: token))
}

@Suite("Replication") struct ReplicationTests {
    @Test("§5.3: an entry is decided when a majority has it on disk, and that is told at once")
    func decided() {
        let stage = Stage.leader()
        stage.inject(appended(2, 1), from: b, to: a)
        stage.lose()
        stage.propose(a)
        stage.lose()
        stage.inject(appended(2, 2), from: b, to: a)
        #expect(stage[a].commit == LogIndex(2) && stage.applied[a]?.count == 2)
        #expect(stage.sentLast(by: a, to: b) == heartbeat(2, after: 2, 2, commit: 2, token: 5))
    }

    @Test("§5.3: a leader's own copy counts only when it is on disk; the others may decide without it")
    func ownCopy() {
        let stage = Stage.leader()
        stage.holdDisk(a)
        stage.propose(a)
        stage.inject(appended(2, 2), from: b, to: a)
        #expect(stage[a].commit == LogIndex(1))
        stage.inject(appended(2, 2), from: c, to: a)
        #expect(stage[a].commit == LogIndex(2) && stage[a].applied == LogIndex(1))
        stage.completeWrite(a)
        #expect(stage[a].applied == LogIndex(2))
    }

    @Test("the only voter tells nobody of what is not on its disk: lost with the power, others would be ahead of it")
    func onlyVoterWritesFirst() {
        let stage = Stage()
        stage.enter([a], learners: [b])
        stage.elect(a)
        stage.deliver()
        stage.holdDisk(a)
        stage.propose(a)
        stage.deliver()
        #expect(stage[a].lastIndex > stage[b].lastIndex && stage[a].commit == stage[b].lastIndex)
        stage.completeWrite(a)
        stage.deliver()
        #expect(stage[a].commit == stage[a].lastIndex && stage[b].lastIndex == stage[a].lastIndex)
    }

    @Test("nor does one without whom nothing is decided until a change of the voters is through")
    func onlyOutgoingVoterWritesFirst() {
        let stage = Stage()
        stage.enter([a], learners: [b, c])
        stage.elect(a)
        stage.deliver()
        stage.holdDisk(a)
        stage.tell(a) { _ = $0.changeVoters(to: (voters: [a, b], learners: [c]), at: stage.now) }
        stage.deliver()
        #expect(stage[a].voters.isJoint && stage[a].lastIndex > stage[c].lastIndex)
        stage.completeWrite(a)
        stage.deliver()
        #expect(stage[c].lastIndex == stage[a].lastIndex)
    }

    @Test("§5.3: a follower refuses what does not follow its log, and names the conflicting term")
    func refusal() {
        let stage = Stage.follower(terms: [1, 2, 2, 2])
        func refusal(_ previous: UInt64, last: UInt64, term: UInt64, first: UInt64) -> RaftMessage {
            message(
                3,
                .appendRefused(
                    previousIndex: LogIndex(previous), lastIndex: LogIndex(last), conflictTerm: Term(term),
                    conflictFirst: LogIndex(first), token: 1))
        }
        stage.inject(append(3, after: 7, 3, [3]), from: b, to: a)
        #expect(stage.sentLast(by: a, to: b) == refusal(7, last: 4, term: 2, first: 2))
        stage.inject(append(3, after: 3, 1, [3]), from: b, to: a)
        #expect(stage.sentLast(by: a, to: b) == refusal(3, last: 4, term: 2, first: 2))
        #expect(stage.entries(of: a).terms == [1, 2, 2, 2])
    }

    @Test("§5.3: entries that conflict are replaced with all that follow, those that agree stay")
    func conflicts() {
        for (message, terms) in [
            (append(3, after: 1, 1, [3]), [1, 3]), (append(3, after: 1, 1, [2, 2]), [1, 2, 2, 2]),
            (append(3, after: 1, 1, [2, 3, 3]), [1, 2, 3, 3]), (append(3, after: 4, 2, [3]), [1, 2, 2, 2, 3]),
            (append(3, after: 1, 1, []), [1, 2, 2, 2]),
        ] as [(RaftMessage, [UInt64])] {
            let stage = Stage.follower(terms: [1, 2, 2, 2])
            stage.inject(message, from: b, to: a)
            #expect(stage.entries(of: a).terms == terms)
            #expect(stage.disk(of: a).entries.terms == terms)
        }
    }

    @Test("§5.3: an old append that arrives late takes nothing away")
    func late() {
        let stage = Stage.follower()
        stage.inject(append(2, entries: [1, 1, 2]), from: b, to: a)
        stage.inject(append(2, entries: [1]), from: b, to: a)
        #expect(stage.entries(of: a).terms == [1, 1, 2])
        #expect(stage.sentLast(by: a, to: b) == appended(2, 3, token: 1))
    }

    @Test("§5.3: a follower decides as far as the leader says, but not beyond what agrees with it")
    func followerCommit() {
        let stage = Stage.follower(terms: [1, 1, 1])
        stage.inject(heartbeat(2, after: 1, 1, commit: 3), from: b, to: a)
        #expect(stage[a].commit == LogIndex(1))
        stage.inject(heartbeat(2, after: 3, 1, commit: 2), from: b, to: a)
        #expect(stage[a].commit == LogIndex(2))
        stage.inject(heartbeat(2, after: 3, 1, commit: 1), from: b, to: a)
        #expect(stage[a].commit == LogIndex(2))
    }

    @Test("§5.4.2: entries of an older term are not decided by counting")
    func oldTerm() {
        let stage = Stage()
        stage.enter(a, .with(voters: [a, b, c], terms: [1, 2], term: 2))
        stage.wake(a)
        stage.inject(message(3, .preVoteReply(granted: true)), from: b, to: a)
        stage.inject(message(3, .voteReply(granted: true)), from: b, to: a)
        stage.inject(appended(3, 2), from: b, to: a)
        #expect(stage[a].role == .leader && stage[a].commit == .zero)
        stage.inject(appended(3, 3), from: b, to: a)
        #expect(stage[a].commit == LogIndex(3))
    }

    @Test("a new leader begins its term with an empty entry")
    func emptyEntry() {
        let stage = Stage.leader()
        #expect(stage.entries(of: a) == [LogEntry(term: Term(2), index: LogIndex(1), body: .empty)])
        #expect(!stage[a].hasCommittedOwnTerm)
        stage.inject(appended(2, 1), from: c, to: a)
        #expect(stage[a].hasCommittedOwnTerm)
    }

    @Test("an acknowledgement leaves when the entries are on disk, and says how far they are")
    func acknowledgements() {
        let stage = Stage.follower()
        stage.holdDisk(a)
        stage.inject(append(2, entries: [1]), from: b, to: a)
        stage.inject(append(2, after: 1, 1, [2, 2], token: 2), from: b, to: a)
        #expect(stage.sent(by: a).isEmpty)
        stage.completeWrite(a)
        #expect(stage.sent(by: a) == [appended(2, 1, token: 2)])
        stage.completeWrite(a)
        #expect(stage.sentLast(by: a, to: b) == appended(2, 3, token: 2))
    }

    @Test("a heartbeat is answered while the disk is slow, with what is on it")
    func slowDisk() {
        let stage = Stage.follower()
        stage.holdDisk(a)
        stage.inject(append(2, entries: [1, 1]), from: b, to: a)
        stage.inject(heartbeat(2, after: 2, 1, token: 5), from: b, to: a)
        #expect(stage.sent(by: a) == [appended(2, 0, token: 5)])
    }

    @Test("an acknowledgement of what the leader never sent is ignored")
    func beyond() {
        let stage = Stage.leader()
        stage.inject(appended(2, 99), from: b, to: a)
        stage.inject(appended(2, 1, token: 99), from: b, to: a)
        stage.inject(appended(2, 1), from: e, to: a)
        #expect(stage[a].commit == .zero && stage[a].match(of: b) == .zero)
    }

    @Test("flow control: messages are cut, the window fills, and is opened by answers")
    func window() {
        var settings = RaftSettings()
        settings.maxEntryBytesPerMessage = 40
        settings.maxInflightAppends = 2
        let stage = Stage.leader([a, b], settings: settings)
        stage.inject(appended(2, 1), from: b, to: a)
        stage.lose()
        for _ in 0..<10 { stage.propose(a, "12345678901234567890") }
        #expect(stage.sent(by: a).count == 2)
        stage.inject(appended(2, 2), from: b, to: a)
        let commitTold = stage.sent(by: a)
        guard case .append(_, _, _, let entries, _)? = commitTold.last?.kind else { return #expect(Bool(false)) }
        #expect(commitTold.count == 3 && entries.count == 1)
    }

    @Test("flow control: what is not decided is limited, but one proposal is always taken")
    func uncommitted() {
        var settings = RaftSettings()
        settings.maxUncommittedBytes = 100
        let stage = Stage.leader(settings: settings)
        stage.inject(appended(2, 1), from: b, to: a)
        let big = [UInt8](repeating: 1, count: 500)
        #expect(stage.tell(a) { $0.propose(big, at: stage.now) } == .appended(term: Term(2), index: LogIndex(2)))
        #expect(stage.tell(a) { $0.propose([1], at: stage.now) } == .busy)
        stage.inject(appended(2, 2), from: b, to: a)
        #expect(stage.tell(a) { $0.propose([1], at: stage.now) } == .appended(term: Term(2), index: LogIndex(3)))
        let huge = [UInt8](repeating: 1, count: settings.maxCommandBytes + 1)
        guard case .notAllowed? = stage.tell(a, { $0.propose(huge, at: stage.now) }) else {
            return #expect(Bool(false))
        }
    }

    @Test("§7: a follower that is behind the log gets the snapshot, with its voters, on disk before it counts")
    func snapshot() {
        let stage = Stage.follower(terms: [1])
        stage.holdDisk(a)
        let snapshot = RaftSnapshot(
            index: LogIndex(9), term: Term(2), voters: VoterSet(voters: [a, b, d]), state: [7])
        stage.inject(message(2, .snapshot(snapshot, token: 1)), from: b, to: a)
        #expect(stage[a].voters.isVoter(d) && stage[a].applied == .zero && stage.sent(by: a).isEmpty)
        stage.completeWrite(a)
        #expect(stage[a].applied == LogIndex(9) && stage.disk(of: a).snapshot == snapshot)
        #expect(stage.sent(by: a) == [appended(2, 9, token: 1)])
        stage.releaseDisk(a)
        stage.inject(append(2, after: 9, 2, [2], commit: 10), from: b, to: a)
        #expect(stage[a].applied == LogIndex(10))
    }

    @Test("§7: a snapshot of what the log has decides it and replaces nothing; one at or below commit is ignored")
    func knownSnapshot() {
        let stage = Stage.follower(terms: [1, 2, 2])
        func take(_ index: UInt64, _ term: UInt64) {
            let snapshot = RaftSnapshot(
                index: LogIndex(index), term: Term(term), voters: VoterSet(voters: [a, b, c]), state: [])
            stage.inject(message(2, .snapshot(snapshot, token: 1)), from: b, to: a)
        }
        take(2, 2)
        #expect(stage[a].commit == LogIndex(2) && stage[a].applied == LogIndex(2) && stage[a].lastIndex == LogIndex(3))
        take(1, 1)
        #expect(stage[a].commit == LogIndex(2) && stage[a].snapshot.index == .zero)
        #expect(stage.sentLast(by: a, to: b) == appended(2, 2, token: 1))
    }

    @Test("§7: a lost snapshot is sent again")
    func lostSnapshot() {
        let stage = Stage()
        stage.enter([a, b, c])
        stage.elect(a)
        for _ in 0..<3 { stage.propose(a) }
        stage.deliver { $0.to != c && $0.from != c }
        stage.tell(a) { $0.compact(through: LogIndex(3), state: [1]) }
        stage.lose()
        for _ in 0..<12 {
            stage.wake(a)
            stage.lose {
                if case .snapshot = $0.message.kind {
                    stage.now < Instant.zero.advanced(by: .seconds(3))
                } else {
                    false
                }
            }
            stage.deliver { letter in
                if case .snapshot = letter.message.kind, stage.now < Instant.zero.advanced(by: .seconds(3)) {
                    false
                } else {
                    true
                }
            }
        }
        #expect(stage[c].snapshot.index == LogIndex(3) && stage[c].commit == LogIndex(4))
    }

    @Test("compaction goes up to what was applied, keeps the voters of its place, and a restart begins with it")
    func compaction() {
        let stage = Stage()
        stage.enter(a, .with(voters: [a]))
        for _ in 0..<3 { stage.propose(a) }
        stage.tell(a) { $0.compact(through: LogIndex(9), state: [9]) }
        #expect(stage[a].snapshot.index == .zero)
        stage.tell(a) { $0.compact(through: LogIndex(3), state: [3]) }
        #expect(stage[a].logCount == 1 && stage.disk(of: a).snapshot.state == [3])
        stage.restart(a)
        #expect(stage[a].snapshot.index == LogIndex(3) && stage[a].voters == VoterSet(voters: [a]))
        #expect(stage[a].commit == LogIndex(5))
    }

    @Test("writes under way are limited; what comes meanwhile goes together")
    func writes() {
        var settings = RaftSettings()
        settings.maxWritesUnderWay = 2
        let stage = Stage.leader(settings: settings)
        stage.holdDisk(a)
        for _ in 0..<5 { stage.propose(a) }
        stage.completeWrite(a)
        stage.completeWrite(a)
        stage.completeWrite(a)
        #expect(stage[a].durable == LogIndex(6))
    }
}
