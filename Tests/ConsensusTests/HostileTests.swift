import Consensus
import Identity
import RaftWorld
import Testing
import Wire

/// Messages of every kind with absurd numbers, from members and strangers.
private struct Hostility {
    var random: SeededGenerator

    mutating func draw(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

    /// Near what is true, or far beyond.
    mutating func number(near value: UInt64) -> UInt64 {
        switch draw(8) {
        case 0: 0
        case 1: .max
        case 2: Limits.counter &+ UInt64(draw(3)) &- 1
        case 3: random.next()
        default: value &+ UInt64(draw(6)) &- 2
        }
    }
    mutating func index(_ raft: Raft) -> LogIndex {
        LogIndex(number(near: draw(2) == 0 ? raft.lastIndex.value : raft.commit.value))
    }
    mutating func term(_ raft: Raft) -> Term {
        // Far terms are rare: after one, everything nearer is ignored.
        draw(400) == 0 ? Term(number(near: raft.term.value)) : Term(raft.term.value &+ UInt64(draw(4)) &- 1)
    }
    mutating func peer() -> PeerID { World.id(draw(9)) }

    mutating func entries(_ raft: Raft, after index: LogIndex, _ term: Term) -> [LogEntry] {
        let isOrderly = draw(2) == 0
        return (0..<draw(5)).map { offset in
            let body: LogEntry.Body =
                switch draw(6) {
                case 0: .empty
                case 1: .voters(set())
                default: .command([UInt8](repeating: 0, count: draw(30)))
                }
            let next = LogIndex(index.value &+ UInt64(offset) &+ 1)
            return isOrderly
                ? LogEntry(term: term, index: next, body: body)
                : LogEntry(term: self.term(raft), index: LogIndex(number(near: next.value)), body: body)
        }
    }
    mutating func set() -> VoterSet {
        func some(_ most: Int) -> [PeerID] { (0..<draw(most)).map { _ in peer() } }
        return VoterSet(voters: some(10), outgoing: draw(3) == 0 ? some(10) : [], learners: some(4))
    }

    mutating func message(_ raft: Raft) -> RaftMessage {
        let token = number(near: UInt64(draw(50)))
        let kind: RaftMessage.Kind
        switch draw(12) {
        case 0: kind = .preVote(lastIndex: index(raft), lastTerm: term(raft))
        case 1: kind = .preVoteReply(granted: draw(2) == 0)
        case 2: kind = .vote(lastIndex: index(raft), lastTerm: term(raft), isTransfer: draw(2) == 0)
        case 3: kind = .voteReply(granted: draw(2) == 0)
        case 4, 5, 6:
            let previous = index(raft)
            let previousTerm = (previous <= raft.lastIndex ? raft.term(before: previous.next) : nil) ?? term(raft)
            kind = .append(
                previousIndex: previous, previousTerm: previousTerm, commit: index(raft),
                entries: entries(raft, after: previous, max(previousTerm, raft.term)), token: token)
        case 7, 8: kind = .appended(match: index(raft), token: token)
        case 9:
            kind = .appendRefused(
                previousIndex: index(raft), lastIndex: index(raft), conflictTerm: term(raft),
                conflictFirst: index(raft), token: token)
        case 10:
            let snapshot = RaftSnapshot(index: index(raft), term: term(raft), voters: set(), state: [1])
            kind = .snapshot(snapshot, token: token)
        default: kind = .timeoutNow
        }
        return RaftMessage(term: term(raft), kind: kind)
    }
}

@Suite("Whatever is sent to a Raft") struct HostileTests {
    @Test("it never traps, never goes back and stays within its bounds", arguments: 0..<4)
    func holds(part: Int) {
        var reached: Set<String> = []
        for seed in 0..<120 {
            var hostility = Hostility(random: SeededGenerator(seed: UInt64(part * 1000 + seed)))
            let voters = Array([a, b, c].prefix(1 + hostility.draw(3)))
            var raft = Raft(own: a, state: .with(voters: voters, terms: [1, 1, 2], term: 2), seed: 1, now: .zero)
            var now = Instant.zero
            var writes: [WriteToken] = []
            var most = 0
            for _ in 0..<300 {
                let (term, commit) = (raft.term, raft.commit)
                now = now.advanced(by: .milliseconds(Int64(hostility.draw(200))))
                switch hostility.draw(12) {
                case 0: raft.passTime(at: now)
                case 1: _ = raft.propose([1, 2, 3], at: now)
                case 2: raft.read(ReadID(1), at: now)
                case 3: _ = raft.transfer(to: hostility.peer(), at: now)
                case 4: _ = raft.changeVoters(to: ([a, b], [hostility.peer()]), at: now)
                case 5: _ = raft.leaveJoint(at: now)
                case 6: raft.compact(through: hostility.index(raft), state: [])
                case 7: raft.stored(WriteToken(hostility.number(near: writes.last?.value ?? 0)), at: now)
                case 8:
                    if hostility.draw(2) == 0 {
                        raft.lost(hostility.peer(), at: now)
                    } else {
                        raft.regained(hostility.peer(), at: now)
                    }
                default: raft.received(hostility.message(raft), from: hostility.peer(), at: now)
                }
                while let ready = raft.takeReady() {
                    most = max(most, ready.messages.count)
                    if let write = ready.write { writes.append(write.token) }
                }
                if hostility.draw(3) == 0, let token = writes.last { raft.stored(token, at: now) }
                if raft.role == .leader { reached.insert(raft.followers.isEmpty ? "sole leader" : "leader") }
                if raft.voters.isJoint { reached.insert("joint") }
                if raft.snapshot.index > .zero { reached.insert("snapshot") }
                if raft.leader == b { reached.insert("follower") }
                if raft.commit > LogIndex(6) { reached.insert("commit") }
                #expect(raft.term >= term && raft.commit >= commit && raft.applied <= raft.commit, "seed \(seed)")
                #expect(raft.term.value <= Limits.counter && raft.lastIndex.value <= Limits.counter, "seed \(seed)")
            }
            // Each input may be answered, and a leader may send each of its few followers a window's worth.
            #expect(most <= 9 * 34, "seed \(seed): \(most) messages at once")
        }
        #expect(reached == ["sole leader", "leader", "joint", "snapshot", "follower", "commit"])
    }

    @Test("answers that wait for the disk are one to each at most")
    func held() {
        var raft = Raft(own: a, state: .with(voters: [a, b, c]), seed: 1, now: .zero)
        _ = raft.takeReady()
        let vote = RaftMessage(term: Term(5), kind: .vote(lastIndex: .zero, lastTerm: .zero, isTransfer: false))
        for _ in 0..<1000 { raft.received(vote, from: b, at: .zero) }
        let ready = raft.takeReady()
        #expect(ready?.messages.isEmpty == true)
        raft.stored(ready!.write!.token, at: .zero)
        #expect(raft.takeReady()?.messages.count == 1)
    }
}
