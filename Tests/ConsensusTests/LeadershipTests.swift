import Consensus
import Identity
import RaftWorld
import Testing
import Wire

@Suite("What a leader is asked for") struct LeadershipTests {
    // MARK: Reads

    @Test("reads wait for an entry of the leader's own term, then for a quorum's echo of a later token")
    func reads() {
        let stage = Stage.leader()
        stage.tell(a) { $0.read(ReadID(1), at: stage.now) }
        #expect(stage.answers.isEmpty)
        stage.inject(appended(2, 1, token: 1), from: b, to: a)
        #expect(stage.answers.isEmpty)
        guard case .append(_, _, _, _, let token)? = stage.sentLast(by: a, to: b)?.kind else {
            return #expect(Bool(false))
        }
        stage.inject(appended(2, 1, token: token), from: b, to: a)
        #expect(stage.answers == [ReadAnswer(id: ReadID(1), granted: LogIndex(1))])
    }

    @Test("echoes of tokens that were sent before the read do not confirm it, however late and often they come")
    func oldEchoes() {
        let stage = Stage.leader()
        stage.inject(appended(2, 1, token: 1), from: b, to: a)
        stage.wake(a)
        guard case .append(_, _, _, _, let token)? = stage.sentLast(by: a, to: b)?.kind else {
            return #expect(Bool(false))
        }
        stage.tell(a) { $0.read(ReadID(1), at: stage.now) }
        for old in 1...token { for peer in [b, c] { stage.inject(appended(2, 1, token: old), from: peer, to: a) } }
        #expect(stage.answers.isEmpty)
    }

    @Test("reads are refused by whoever does not lead, and when leadership ends")
    func refusedReads() {
        let stage = Stage.leader()
        stage.tell(a) { $0.read(ReadID(1), at: stage.now) }
        stage.inject(heartbeat(3), from: b, to: a)
        stage.tell(a) { $0.read(ReadID(2), at: stage.now) }
        #expect(stage.answers.map(\.granted) == [nil, nil])
    }

    @Test("one round confirms all reads that were asked before it, and one alone needs no round")
    func batch() {
        let stage = Stage()
        stage.enter(a, .with(voters: [a]))
        for id in 1...3 { stage.tell(a) { $0.read(ReadID(UInt64(id)), at: stage.now) } }
        #expect(stage.answers.map(\.granted) == [LogIndex(1), LogIndex(1), LogIndex(1)])
    }

    // MARK: Transfer

    @Test("a transfer brings the target up to date, asks it to seek election and takes no proposals meanwhile")
    func transfer() {
        let stage = Stage()
        stage.enter([a, b, c])
        stage.elect(a)
        stage.propose(a)
        #expect(stage.tell(a) { $0.transfer(to: b, at: stage.now) } == true)
        #expect(!stage.sent(by: a).contains { $0.kind == .timeoutNow })
        #expect(stage.tell(a) { $0.propose([1], at: stage.now) } == .transferring)
        stage.deliver()
        #expect(stage[b].role == .leader && stage[b].term == Term(3) && stage[a].leader == b)
    }

    @Test("a transfer is given up after an election timeout, when the link is lost, or when it makes no sense")
    func givenUp() {
        let stage = Stage.leader()
        stage.inject(appended(2, 1), from: c, to: a)
        for target in [a, e] { #expect(stage.tell(a) { $0.transfer(to: target, at: stage.now) } == false) }
        #expect(stage.tell(a) { $0.transfer(to: b, at: stage.now) } == true)
        #expect(stage.tell(a) { $0.transfer(to: c, at: stage.now) } == false)
        stage.tell(a) { $0.lost(b, at: stage.now) }
        #expect(stage[a].transferTarget == nil)
        #expect(stage.tell(a) { $0.transfer(to: b, at: stage.now) } == true)
        for _ in 0..<4 {
            stage.wake(a)
            stage.inject(appended(2, 1), from: c, to: a)
        }
        #expect(stage[a].transferTarget == nil && stage[a].role == .leader)
    }

    @Test("only the leader can ask for an election, and only a voter heeds it")
    func timeoutNow() {
        let stage = Stage.follower()
        stage.inject(heartbeat(2), from: b, to: a)
        for (term, peer) in [(UInt64(2), c), (1, b), (3, b), (2, e)] {
            stage.inject(message(term, .timeoutNow), from: peer, to: a)
            #expect(stage[a].role == .follower && stage[a].term == Term(2))
        }
        stage.inject(message(2, .timeoutNow), from: b, to: a)
        #expect(stage[a].role == .candidate)
        let learner = Stage()
        learner.enter(d, .with(voters: [a, b], learners: [d]))
        learner.inject(heartbeat(1), from: b, to: d)
        learner.inject(message(1, .timeoutNow), from: b, to: d)
        #expect(learner[d].role == .follower)
    }

    @Test("a new leader sends only heartbeats where the link was lost before, and does not count on it")
    func lostBefore() {
        let stage = Stage()
        stage.enter(a, .with(voters: [a, b, c]))
        for peer in [b, c] { stage.tell(a) { $0.lost(peer, at: stage.now) } }
        stage.elect(a)
        for kind in [RaftMessage.Kind.preVoteReply(granted: true), .voteReply(granted: true)] {
            stage.inject(message(2, kind), from: b, to: a)
        }
        #expect(stage[a].followers.map(\.isReachable) == [true, false] && stage[a].hasQuorum)
        guard case .append(_, _, _, let entries, _)? = stage.sentLast(by: a, to: c)?.kind else {
            return #expect(Bool(false))
        }
        #expect(entries.isEmpty)
        stage.tell(a) { $0.lost(b, at: stage.now) }
        #expect(!stage[a].hasQuorum)
        stage.tell(a) { $0.regained(c, at: stage.now) }
        guard case .append(_, _, _, let all, _)? = stage.sentLast(by: a, to: c)?.kind else {
            return #expect(Bool(false))
        }
        #expect(all.count == 1 && stage[a].hasQuorum)
    }

    // MARK: Voters

    private func change(_ stage: Stage, _ voters: [PeerID], _ learners: [PeerID] = []) -> ProposalOutcome? {
        stage.tell(a) { $0.changeVoters(to: (voters, learners), at: stage.now) }
    }

    @Test("§6: a change counts from when it is in the log, and back when it is truncated")
    func effectiveOnAppend() {
        let stage = Stage.follower(terms: [1])
        let set = VoterSet(voters: [a, b, c, d], outgoing: [a, b, c])
        let entry = LogEntry(term: Term(2), index: LogIndex(2), body: .voters(set))
        stage.inject(
            message(
                2, .append(previousIndex: LogIndex(1), previousTerm: Term(1), commit: .zero, entries: [entry], token: 1)
            ),
            from: b, to: a)
        #expect(stage[a].voters == set && stage[a].commit == .zero)
        stage.inject(append(3, after: 1, 1, [3]), from: c, to: a)
        #expect(stage[a].voters == VoterSet(voters: [a, b, c]))
    }

    @Test("§6: a joint set decides with both majorities")
    func bothMajorities() {
        let stage = Stage.leader()
        stage.inject(appended(2, 1), from: b, to: a)
        #expect(change(stage, [a, d, e]) == .appended(term: Term(2), index: LogIndex(2)))
        for peer in [d, e] { stage.inject(appended(2, 2), from: peer, to: a) }
        #expect(stage[a].commit == LogIndex(1))
        stage.inject(appended(2, 2), from: b, to: a)
        #expect(stage[a].commit == LogIndex(2) && stage[a].isJointCommitted)
    }

    @Test("§6: one change at a time, after an entry of the leader's own term, and left only when decided")
    func oneAtATime() {
        let stage = Stage.leader()
        #expect(change(stage, [a, b]) == .changeUnderWay)
        stage.inject(appended(2, 1), from: b, to: a)
        #expect(stage.tell(a) { $0.leaveJoint(at: stage.now) } == .notAllowed("the voters are not changing"))
        #expect(change(stage, [a, b]) == .appended(term: Term(2), index: LogIndex(2)))
        #expect(change(stage, [a, b, c]) == .changeUnderWay)
        #expect(stage.tell(a) { $0.leaveJoint(at: stage.now) } == .changeUnderWay)
        stage.inject(appended(2, 2), from: b, to: a)
        #expect(stage.tell(a) { $0.leaveJoint(at: stage.now) } == .appended(term: Term(2), index: LogIndex(3)))
        #expect(change(stage, [a, b, c]) == .changeUnderWay)
        stage.inject(appended(2, 3), from: b, to: a)
        #expect(change(stage, [a, b, c]) == .appended(term: Term(2), index: LogIndex(4)))
    }

    @Test("§6: learners come and go in one step, get the log and count for nothing")
    func learners() {
        let stage = Stage.leader([a, b])
        stage.inject(appended(2, 1), from: b, to: a)
        #expect(change(stage, [a, b], [d]) == .appended(term: Term(2), index: LogIndex(2)))
        #expect(!stage[a].voters.isJoint && stage.sentLast(by: a, to: d) != nil)
        stage.inject(appended(2, 2), from: d, to: a)
        #expect(stage[a].commit == LogIndex(1) && stage[a].match(of: d) == LogIndex(2))
    }

    @Test("a recovered joint set is decided by an entry of the new leader's own term before it is left")
    func recoveredJoint() {
        let stage = Stage()
        var state = RaftState.with(voters: [a, b, c])
        let joint = VoterSet(voters: [a, b], outgoing: [a, b, c])
        state.entries = [LogEntry(term: Term(1), index: LogIndex(1), body: .voters(joint))]
        for peer in [a, b, c] { stage.enter(peer, state) }
        stage.wake(a)
        stage.deliver { if case .appended = $0.message.kind { false } else { true } }
        #expect(stage[a].role == .leader && !stage[a].isJointCommitted)
        #expect(stage.tell(a) { $0.leaveJoint(at: stage.now) } == .changeUnderWay)
        stage.deliver()
        #expect(stage[a].isJointCommitted)
        stage.tell(a) { _ = $0.leaveJoint(at: stage.now) }
        stage.deliver()
        #expect(stage[b].voters == VoterSet(voters: [a, b]))
    }

    @Test("impossible sets are refused, and so is everything by whoever does not lead")
    func impossible() {
        let stage = Stage.leader()
        stage.inject(appended(2, 1), from: b, to: a)
        for voters in [[], (0..<8).map(World.id)] {
            guard case .notAllowed? = change(stage, voters) else { return #expect(Bool(false)) }
        }
        #expect(change(stage, [c, b, a]) == .notAllowed("these are the voters already"))
        let follower = Stage.follower()
        follower.inject(heartbeat(2), from: b, to: a)
        #expect(change(follower, [a, b]) == .notLeader(b))
        #expect(follower.tell(a) { $0.propose([1], at: follower.now) } == .notLeader(b))
    }
}
