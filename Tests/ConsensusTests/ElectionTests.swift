import Consensus
import Identity
import Testing
import Wire

func message(_ term: UInt64, _ kind: RaftMessage.Kind) -> RaftMessage { RaftMessage(term: Term(term), kind: kind) }
func heartbeat(_ term: UInt64, after index: UInt64 = 0, _ last: UInt64 = 0, commit: UInt64 = 0, token: UInt64 = 1)
    -> RaftMessage
{
    message(
        term,
        .append(
            previousIndex: LogIndex(index), previousTerm: Term(last), commit: LogIndex(commit), entries: [],
            token: token))
}
func vote(_ term: UInt64, _ index: UInt64 = 0, _ last: UInt64 = 0, isTransfer: Bool = false) -> RaftMessage {
    message(term, .vote(lastIndex: LogIndex(index), lastTerm: Term(last), isTransfer: isTransfer))
}
func preVote(_ term: UInt64, _ index: UInt64 = 0, _ last: UInt64 = 0) -> RaftMessage {
    message(term, .preVote(lastIndex: LogIndex(index), lastTerm: Term(last)))
}

extension Stage {
    /// What waits to be delivered from a peer, without whom it is for.
    func sent(by peer: PeerID) -> [RaftMessage] { letters.filter { $0.from == peer }.map(\.message) }
    func sentLast(by peer: PeerID, to other: PeerID) -> RaftMessage? {
        letters.last { $0.from == peer && $0.to == other }?.message
    }
    /// A leader of three (or of all these), of whom only the leader is on stage.
    static func leader(_ voters: [PeerID] = [a, b, c], settings: RaftSettings = .standard) -> Stage {
        let stage = Stage(settings: settings)
        stage.enter(a, .with(voters: voters))
        stage.wake(a)
        for kind in [RaftMessage.Kind.preVoteReply(granted: true), .voteReply(granted: true)] {
            for voter in voters where voter != a { stage.inject(message(2, kind), from: voter, to: a) }
        }
        stage.lose()
        return stage
    }
    /// A follower of term 2 with this log, alone on stage.
    static func follower(terms: [UInt64] = [], learners: [PeerID] = []) -> Stage {
        let stage = Stage()
        stage.enter(a, .with(voters: [a, b, c], learners: learners, terms: terms, term: 2))
        return stage
    }
}

@Suite("Elections") struct ElectionTests {
    @Test("§5.1: a message of a later term makes anyone a follower of it")
    func laterTerm() {
        let stage = Stage.leader()
        stage.inject(heartbeat(7), from: b, to: a)
        #expect(stage[a].role == .follower && stage[a].term == Term(7) && stage[a].leader == b)
    }

    @Test("§5.1: one of an earlier term is not obeyed, and a stale leader is told the term")
    func earlierTerm() {
        let stage = Stage.follower()
        stage.inject(heartbeat(1), from: b, to: a)
        #expect(stage[a].leader == nil && stage.sent(by: a).map(\.term) == [Term(2)])
    }

    @Test("§5.2: a follower that hears a leader stays one")
    func heartbeats() {
        let stage = Stage.follower()
        for _ in 0..<20 {
            stage.wait(1000)
            stage.tell(a) { $0.passTime(at: stage.now) }
            stage.inject(heartbeat(2), from: b, to: a)
        }
        #expect(stage[a].role == .follower && stage[a].leader == b)
    }

    @Test("§5.2: without one it seeks election after a time drawn anew, sooner where it never heard one")
    func timeouts() {
        let times = RaftTimes()
        var drawn: [Instant] = []
        var drawnBehindALeader: [Instant] = []
        for seed in 0..<50 {
            var raft = Raft(own: a, state: .with(voters: [a, b]), seed: UInt64(seed), now: .zero)
            drawn.append(raft.nextWake)
            raft.received(heartbeat(1), from: b, at: .zero)
            drawnBehindALeader.append(raft.nextWake)
        }
        func lie(_ drawn: [Instant], from least: Interval, to most: Interval) -> Bool {
            drawn.allSatisfy { $0.since(.zero) >= least && $0.since(.zero) < most } && Set(drawn).count > 45
        }
        let twice = Interval(nanoseconds: 2 * times.campaignTimeout.nanoseconds)
        #expect(lie(drawn, from: times.campaignTimeout, to: twice))
        #expect(lie(drawnBehindALeader, from: times.electionTimeout, to: times.electionTimeoutMax))
    }

    @Test("§5.2: a candidate raises the term and votes for itself, on disk, before it asks")
    func candidate() {
        let stage = Stage.follower()
        stage.holdDisk(a)
        stage.wake(a)
        stage.inject(message(3, .preVoteReply(granted: true)), from: b, to: a)
        stage.lose()
        #expect(stage[a].role == .candidate && stage[a].term == Term(3) && stage.sent(by: a).isEmpty)
        stage.completeWrite(a)
        #expect(stage.disk(of: a).hard == HardState(term: Term(3), vote: a))
        #expect(stage.sent(by: a) == [vote(3), vote(3)])
    }

    @Test("§5.2: an answer that comes before its own vote is on disk does not elect it")
    func ownVoteOnDisk() {
        let stage = Stage.follower()
        stage.holdDisk(a)
        stage.wake(a)
        stage.inject(message(3, .preVoteReply(granted: true)), from: b, to: a)
        stage.inject(message(3, .voteReply(granted: true)), from: b, to: a)
        #expect(stage[a].role == .candidate)
        stage.completeWrite(a)
        #expect(stage[a].role == .leader)
    }

    @Test("§5.2: a voter votes for one in a term, first come, and again for the same one")
    func oneVote() {
        let stage = Stage.follower()
        for (peer, isGranted) in [(b, true), (c, false), (b, true)] {
            stage.inject(vote(3), from: peer, to: a)
            #expect(stage.sentLast(by: a, to: peer) == message(3, .voteReply(granted: isGranted)))
        }
    }

    @Test("§5.2: a vote outlives a restart")
    func voteOnDisk() {
        let stage = Stage.follower()
        stage.inject(vote(3), from: b, to: a)
        stage.restart(a)
        stage.inject(vote(3), from: c, to: a)
        #expect(stage.sentLast(by: a, to: c) == message(3, .voteReply(granted: false)))
    }

    @Test("§5.2: a vote leaves when it is on disk, and a refusal when the term that it carries is")
    func votesWait() {
        for (index, isGranted) in [(UInt64(0), false), (9, true)] {
            let stage = Stage.follower(terms: [1])
            stage.holdDisk(a)
            stage.inject(vote(3, index, 1), from: b, to: a)
            #expect(stage.sent(by: a).isEmpty)
            stage.completeWrite(a)
            #expect(stage.sent(by: a) == [message(3, .voteReply(granted: isGranted))])
        }
    }

    @Test("§5.2: a candidate gives way to a leader of its term, and a tie leads to another try")
    func giveWay() {
        let stage = Stage.follower()
        stage.wake(a)
        stage.inject(message(3, .preVoteReply(granted: true)), from: b, to: a)
        stage.wake(a)
        #expect(stage[a].role == .preCandidate && stage[a].term == Term(3))
        stage.inject(heartbeat(3), from: c, to: a)
        #expect(stage[a].role == .follower && stage[a].leader == c)
    }

    @Test("§5.4.1: no vote for a log that ends in an earlier term, or is shorter in the same one")
    func logs() {
        for (index, last, isGranted) in [(3, 1, false), (1, 2, false), (2, 2, true), (1, 3, true)]
            as [(UInt64, UInt64, Bool)]
        {
            let stage = Stage.follower(terms: [1, 2])
            stage.inject(preVote(4, index, last), from: b, to: a)
            stage.inject(vote(4, index, last), from: c, to: a)
            #expect((stage.sentLast(by: a, to: b)?.kind == .preVoteReply(granted: true)) == isGranted)
            #expect((stage.sentLast(by: a, to: c)?.kind == .voteReply(granted: true)) == isGranted)
        }
    }

    @Test("PreVote: asking and granting change no term, no vote and no timer, and write nothing")
    func preVoteLeavesNoTrace() {
        let stage = Stage.follower()
        let (wake, lines) = (stage[a].nextWake, stage.lines.count)
        stage.inject(preVote(9), from: b, to: a)
        #expect(stage.sent(by: a) == [message(9, .preVoteReply(granted: true))])
        #expect(stage[a].nextWake == wake && stage[a].term == Term(2) && stage[a].vote == nil)
        #expect(stage.lines.count == lines + 2)
    }

    @Test("PreVote: a refusal of a higher term is adopted, a grant is not taken for one")
    func preVoteTerms() {
        let stage = Stage.follower()
        stage.wake(a)
        stage.inject(message(3, .preVoteReply(granted: false)), from: b, to: a)
        #expect(stage[a].term == Term(3) && stage[a].role == .follower)
        stage.inject(message(9, .preVoteReply(granted: true)), from: b, to: a)
        #expect(stage[a].term == Term(3))
    }

    @Test("PreVote: one that asks for a term that has begun is refused with it")
    func preVoteLate() {
        let stage = Stage.follower()
        stage.inject(preVote(2), from: b, to: a)
        #expect(stage.sent(by: a) == [message(2, .preVoteReply(granted: false))])
    }

    @Test("stickiness: who heard a leader within an election timeout helps nobody, but for a transfer")
    func stickiness() {
        let stage = Stage.follower()
        stage.inject(heartbeat(2), from: b, to: a)
        stage.lose()
        stage.wait(2999)
        stage.inject(preVote(3), from: c, to: a)
        stage.inject(vote(3), from: c, to: a)
        #expect(stage.sent(by: a) == [message(2, .preVoteReply(granted: false))])
        stage.wait(1)
        stage.inject(preVote(3), from: c, to: a)
        #expect(stage.sentLast(by: a, to: c)?.kind == .preVoteReply(granted: true))
        stage.inject(heartbeat(2), from: b, to: a)
        stage.inject(vote(3, isTransfer: true), from: c, to: a)
        #expect(stage.sentLast(by: a, to: c) == message(3, .voteReply(granted: true)))
    }

    @Test("stickiness: a leader refuses as well")
    func leaderRefuses() {
        let stage = Stage.leader()
        stage.inject(vote(9, 9, 9), from: c, to: a)
        stage.inject(preVote(9, 9, 9), from: c, to: a)
        #expect(stage[a].role == .leader && stage[a].term == Term(2))
        #expect(stage.sentLast(by: a, to: c) == message(2, .preVoteReply(granted: false)))
    }

    @Test("CheckQuorum: a leader that hears no majority for an election timeout steps down")
    func checkQuorum() {
        let stage = Stage.leader([a, b, c, d, e])
        let start = stage.now
        while stage[a].role == .leader, stage.now < start.advanced(by: .seconds(10)) {
            stage.wake(a)
            stage.inject(message(2, .appended(match: .zero, token: 1)), from: b, to: a)
        }
        #expect(stage.now.since(start) >= .seconds(3) && stage.now.since(start) <= .milliseconds(3300))
        let steady = Stage.leader([a, b, c])
        for _ in 0..<30 {
            steady.wake(a)
            steady.inject(message(2, .appended(match: .zero, token: 1)), from: b, to: a)
        }
        #expect(steady[a].role == .leader)
    }

    @Test("a lost link to the leader leads to a question soon, and one to anybody else does not")
    func lostLeader() {
        let stage = Stage.follower()
        stage.inject(heartbeat(2), from: b, to: a)
        let wake = stage[a].nextWake
        stage.tell(a) { $0.lost(c, at: stage.now) }
        #expect(stage[a].nextWake == wake)
        stage.tell(a) { $0.lost(b, at: stage.now) }
        let time = stage[a].nextWake.since(stage.now)
        #expect(time >= .milliseconds(100) && time < .milliseconds(400))
        stage.inject(preVote(3), from: c, to: a)
        #expect(stage.sentLast(by: a, to: c)?.kind == .preVoteReply(granted: true))
    }

    @Test("a group of one leads and decides as soon as its disk has it")
    func alone() {
        let stage = Stage()
        stage.enter(a, .with(voters: [a]))
        #expect(stage[a].role == .leader && stage[a].commit == LogIndex(1) && stage.now == .zero)
        stage.holdDisk(a)
        stage.propose(a)
        #expect(stage[a].commit == LogIndex(1))
        stage.completeWrite(a)
        #expect(stage[a].commit == LogIndex(2))
    }

    @Test("who is no voter rests for ever, but votes when asked")
    func passive() {
        let stage = Stage()
        stage.enter(d, .with(voters: [a, b, c], learners: [d]))
        stage.enter(e, .empty)
        for peer in [d, e] {
            #expect(stage[peer].nextWake == Raft.never)
            stage.inject(preVote(2), from: b, to: peer)
            stage.inject(vote(2), from: b, to: peer)
            #expect(stage.sent(by: peer).map(\.kind) == [.preVoteReply(granted: true), .voteReply(granted: true)])
            stage.inject(heartbeat(2), from: b, to: peer)
            stage.wake(peer)
            #expect(stage[peer].leader == nil && stage[peer].nextWake == Raft.never && stage[peer].role == .follower)
        }
    }

    @Test("thesis §4.2.2: who votes no more by an entry that is not decided may still have to lead")
    func lastElector() {
        let stage = Stage()
        let sets = [
            VoterSet(voters: [b], outgoing: [a], learners: []), VoterSet(voters: [b]),
        ]
        var state = RaftState.with(voters: [a])
        let joint = LogEntry(term: Term(1), index: LogIndex(1), body: .voters(sets[0]))
        state.entries = [joint]
        stage.enter(b, state)
        state.entries = [joint, LogEntry(term: Term(1), index: LogIndex(2), body: .voters(sets[1]))]
        stage.enter(a, state)
        stage.wake(b)
        stage.deliver()
        #expect(stage[b].role == .follower)
        stage.elect(a)
        // It decides the entry and goes.
        stage.deliver()
        #expect(stage[b].role == .leader && stage[b].voters == sets[1] && stage[a].role == .follower)
    }
}
