import Identity
import RaftWorld
import Testing
import Wire

@testable import Consensus

// The optimised parts against obvious ones.

@Suite("A quorum") struct QuorumTests {
    @Test("has reached what the obvious sorting says")
    func reached() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<3000 {
            let count = Int(random.next() % 8)
            let voters = (0..<count).map(World.id)
            let values = voters.map { _ in random.next() % 5 }
            let sorted = values.sorted(by: >)
            let expected = count == 0 ? nil : sorted[count / 2]
            #expect(Quorum.reached(by: voters) { values[voters.firstIndex(of: $0)!] } == expected)
        }
    }

    @Test("elects when more than half have granted, and never once that is impossible")
    func election() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<3000 {
            let voters = (0..<Int(1 + random.next() % 7)).map(World.id)
            let answers = voters.map { _ in random.next() % 3 }
            let granted = zip(voters, answers).filter { $0.1 == 0 }.map(\.0) + [World.id(20)]
            let refused = zip(voters, answers).filter { $0.1 == 1 }.map(\.0)
            let yes = granted.count - 1
            let open = voters.count - yes - refused.count
            let expected: Election =
                2 * yes > voters.count ? .won : 2 * (yes + open) > voters.count ? .pending : .lost
            #expect(Quorum.election(among: voters, granted: granted, refused: refused) == expected)
        }
    }

    @Test("of a joint set is a majority of each half")
    func joint() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<3000 {
            func some() -> [PeerID] { (0..<6).map(World.id).filter { _ in random.next() % 2 == 0 } }
            let set = VoterSet(voters: some() + [a], outgoing: some() + [b])
            let agreeing = some()
            func isMajority(_ group: [PeerID]) -> Bool { 2 * group.count { agreeing.contains($0) } > group.count }
            let expected = isMajority(set.voters) && isMajority(set.outgoing)
            #expect(set.isQuorum { agreeing.contains($0) } == expected)
            let others = set.everyone.filter { !agreeing.contains($0) }
            #expect((set.election(granted: agreeing, refused: others) == .won) == expected)
        }
    }

    @Test("of nobody is never reached")
    func empty() {
        #expect(!VoterSet(voters: []).isQuorum { _ in true })
        #expect(Quorum.election(among: [], granted: [a], refused: []) == .lost)
    }

    @Test("overlaps with every quorum of the next set on the way of a change")
    func overlap() {
        var random = SeededGenerator(seed: 4)
        let all = (0..<5).map(World.id)
        func quorums(_ set: VoterSet) -> [Int] {
            (0..<32).filter { mask in set.isQuorum { peer in mask >> all.firstIndex(of: peer)! & 1 == 1 } }
        }
        for _ in 0..<60 {
            func some() -> [PeerID] { all.filter { _ in random.next() % 2 == 0 } }
            let first = VoterSet(voters: some() + [a], learners: some())
            let joint = first.step(toVoters: some() + [all[Int(random.next() % 5)]], learners: some())
            for (one, next) in [(first, joint), (joint, joint.withoutOutgoing)] {
                for left in quorums(one) { for right in quorums(next) { #expect(left & right != 0) } }
            }
        }
    }
}

@Suite("A change of the voters") struct VoterSetChangeTests {
    @Test("goes by a joint set whenever voters differ, and never where only learners do")
    func joint() {
        let set = VoterSet(voters: [a, b], learners: [c])
        #expect(set.step(toVoters: [b, a], learners: []) == VoterSet(voters: [a, b]))
        #expect(set.step(toVoters: [a, c], learners: []) == VoterSet(voters: [a, c], outgoing: [a, b]))
    }

    @Test("keeps one who becomes a learner as a learner to the end")
    func demoted() {
        let joint = VoterSet(voters: [a, b]).step(toVoters: [a], learners: [b])
        #expect(joint.isVoter(b))
        #expect(joint.withoutOutgoing == VoterSet(voters: [a], learners: [b]))
    }

    @Test("counts the last set of the log, and the one before it when that is truncated")
    func history() {
        let sets = [[a], [a, b], [a, b, c]].map { VoterSet(voters: $0) }
        let state = RaftState.with(voters: [a])
        var history = VoterHistory(log: RaftLog(snapshot: state.snapshot, entries: []))
        history.appended(LogEntry(term: Term(1), index: LogIndex(3), body: .voters(sets[1])))
        history.appended(LogEntry(term: Term(1), index: LogIndex(6), body: .voters(sets[2])))
        #expect(
            (history.last, history.set(at: LogIndex(5)), history.set(at: LogIndex(2))) == (sets[2], sets[1], sets[0]))
        var truncated = history
        truncated.truncated(from: LogIndex(6))
        #expect(truncated.last == sets[1])
        truncated.truncated(from: LogIndex(1))
        #expect(truncated.last == sets[0])
        history.compacted(through: LogIndex(4))
        #expect(history.last == sets[2] && history.set(at: LogIndex(4)) == sets[1])
        #expect(
            !history.changes(after: LogIndex(2), through: LogIndex(5))
                && history.changes(after: LogIndex(5), through: LogIndex(6)))
    }
}

@Suite("A follower's progress") struct ProgressTests {
    private let settings = RaftSettings()

    @Test("asks once while it probes, and streams once the follower agrees")
    func probe() {
        var progress = Progress(peer: b, next: LogIndex(5), now: .zero)
        #expect(progress.hasRoom(settings))
        progress.sent(count: 1, bytes: 10, commit: .zero, at: .zero)
        #expect(!progress.hasRoom(settings) && progress.next == LogIndex(5))
        progress.agreed(to: LogIndex(5), logStart: .zero)
        #expect(progress.state == .replicate && progress.next == LogIndex(6) && progress.hasRoom(settings))
    }

    @Test("ignores refusals of what it asked before")
    func stale() {
        var progress = Progress(peer: b, next: LogIndex(9), now: .zero)
        let old = progress.refused(previous: LogIndex(6), hint: LogIndex(2))
        #expect(!old)
        let present = progress.refused(previous: LogIndex(8), hint: LogIndex(4))
        #expect(present && progress.next == LogIndex(5))
        progress.agreed(to: LogIndex(4), logStart: .zero)
        let late = progress.refused(previous: LogIndex(4), hint: LogIndex(1))
        #expect(!late && progress.next == LogIndex(5))
    }

    @Test("always goes back with a refusal, but never behind what is agreed, whatever the hint")
    func hints() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            var progress = Progress(peer: b, next: LogIndex(10), now: .zero)
            let match = random.next() % 9
            progress.agreed(to: LogIndex(match), logStart: .zero)
            let before = progress.next
            let previous = LogIndex(random.next() % 12)
            guard progress.refused(previous: previous, hint: LogIndex(random.next() % 14)) else { continue }
            #expect(progress.next < before && progress.next > progress.match)
        }
    }

    @Test("holds a window of messages and bytes, like a plain list of what is under way")
    func window() {
        var random = SeededGenerator(seed: 6)
        var small = RaftSettings()
        small.maxInflightAppends = 4
        small.maxInflightBytes = 100
        for _ in 0..<300 {
            var window = InflightWindow()
            var list: [(last: UInt64, bytes: Int)] = []
            var last: UInt64 = 0
            for _ in 0..<40 {
                if random.next() % 2 == 0, window.hasRoom(small) {
                    last += 1 + random.next() % 3
                    let bytes = Int(random.next() % 60)
                    window.add(last: LogIndex(last), bytes: bytes)
                    list.append((last, bytes))
                } else {
                    let through = random.next() % (last + 2)
                    window.release(through: LogIndex(through))
                    list.removeAll { $0.last <= through }
                }
                let bytes = list.reduce(0) { $0 + $1.bytes }
                #expect(window.count == list.count && window.bytes == bytes)
                #expect(window.hasRoom(small) == (list.count < 4 && bytes < 100))
            }
        }
    }

    @Test("leaves a snapshot's wait with whatever reconnects the log")
    func snapshot() {
        var progress = Progress(peer: b, next: LogIndex(5), now: .zero)
        progress.sentSnapshot(through: LogIndex(20), token: 1, at: .zero)
        progress.agreed(to: LogIndex(11), logStart: LogIndex(12))
        #expect(progress.isTakingSnapshot && !progress.hasRoom(settings))
        progress.agreed(to: LogIndex(12), logStart: LogIndex(12))
        #expect(progress.state == .replicate && progress.next == LogIndex(13))
    }

    @Test("forgets what is under way when the link is lost, and asks anew when something is heard")
    func lost() {
        var progress = Progress(peer: b, next: LogIndex(5), now: .zero)
        progress.agreed(to: LogIndex(4), logStart: .zero)
        progress.sent(count: 3, bytes: 10, commit: .zero, at: .zero)
        progress.becomeProbe()
        progress.isReachable = false
        #expect(!progress.hasRoom(settings) && progress.next == LogIndex(5))
        progress.heard(token: 1, at: .zero)
        #expect(progress.hasRoom(settings))
    }
}
