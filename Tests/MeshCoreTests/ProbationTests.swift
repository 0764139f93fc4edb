import Identity
import Testing
import Wire

@testable import MeshCore

@Suite struct ProbationTests {
    private static let peers = (0..<7).map { _ in SigningKey.random().peer }
    private static let grace = Interval.seconds(10)

    private func verdict(
        voters: [[Int]], members: [Int] = Array(0..<7), heard: [Int: [Int]], after seconds: Int64 = 0,
        isSetBack: Bool = false
    ) -> Probation.Verdict {
        func peers(_ indices: [Int]) -> [PeerID] { indices.map { Self.peers[$0] } }
        var probation = Probation(question: 1, isSetBack: isSetBack, at: .zero)
        for (peer, voters) in heard {
            let standing = RaftStanding(
                term: Term(1), lastIndex: LogIndex(1), lastTerm: Term(1), voters: VoterSet(voters: peers(voters)))
            probation.heard(standing, from: Self.peers[peer])
        }
        return probation.verdict(
            own: Self.peers[0], voters: voters.map(peers), members: peers(members), grace: Self.grace,
            at: Instant.zero.advanced(by: .seconds(seconds)))
    }

    @Test("all other voters must have spoken, whoever else has")
    func everyone() {
        #expect(verdict(voters: [[0, 1, 2]], heard: [:]) == .wait)
        #expect(verdict(voters: [[0, 1, 2]], heard: [1: [0, 1, 2], 3: [], 4: []]) == .wait)
        #expect(verdict(voters: [[0, 1, 2]], heard: [1: [0, 1, 2], 2: [0, 1, 2]]) == .proven)
    }

    @Test("and those who vote as any of them knows")
    func whomOthersKnow() {
        #expect(verdict(voters: [[0, 1]], heard: [1: [1, 2, 3]]) == .wait)
        #expect(verdict(voters: [[0, 1]], heard: [1: [1, 2, 3], 2: [1, 2, 3], 3: [1, 2, 3]]) == .proven)
        // Whoever is no member any more is not waited for.
        #expect(verdict(voters: [[0, 1, 2]], members: [0, 1], heard: [1: [0, 1]]) == .proven)
    }

    @Test("the only voter asks all members, and one that is alone nobody")
    func onlyVoter() {
        #expect(verdict(voters: [[0]], members: [0, 1, 2], heard: [1: []]) == .wait)
        #expect(verdict(voters: [[0]], members: [0, 1, 2], heard: [1: [], 2: []]) == .proven)
        #expect(verdict(voters: [[0]], members: [0, 1, 2], heard: [1: [0, 1, 3], 2: []]) == .proven)
        #expect(verdict(voters: [[0]], members: [0], heard: [:]) == .proven)
    }

    @Test("in the end a part suffices that every majority with this peer meets, or else the disk")
    func grace() {
        let five = [[0, 1, 2, 3, 4]]
        let heard = [1: five[0], 2: five[0], 3: five[0]]
        #expect(verdict(voters: five, heard: heard, after: 9) == .wait)
        #expect(verdict(voters: five, heard: heard, after: 10) == .proven)
        #expect(verdict(voters: five, heard: [1: five[0], 2: five[0]], after: 10) == .trusted)
        #expect(verdict(voters: [[0, 1, 2]], heard: [1: [0, 1, 2]], after: 10) == .trusted)
        #expect(verdict(voters: [[0]], members: [0, 1], heard: [:], after: 10) == .trusted)
    }

    @Test("a disk that is known to be old is never trusted")
    func knownToBeOld() {
        #expect(verdict(voters: [[0, 1, 2]], heard: [1: [0, 1, 2]], after: 100, isSetBack: true) == .wait)
        #expect(verdict(voters: [[0, 1, 2]], heard: [1: [0, 1, 2], 2: []], isSetBack: true) == .proven)
    }

    /// Where the logs end of those that bind this peer. Its own ends at `mine`, and each knows the last set that it has heard of.
    private func ends(
        _ mine: UInt64, _ own: [Int], heard: [Int: (last: UInt64, voters: [Int])], certified: [Int]? = nil
    ) -> [UInt64] {
        func standing(_ last: UInt64, _ voters: [Int]) -> RaftStanding {
            RaftStanding(
                term: Term(1), lastIndex: LogIndex(last), lastTerm: Term(1),
                voters: VoterSet(voters: voters.map { Self.peers[$0] }))
        }
        var probation = Probation(question: 1, isSetBack: false, at: .zero)
        for (peer, told) in heard { probation.heard(standing(told.last, told.voters), from: Self.peers[peer]) }
        return probation.standings(
            own: Self.peers[0], mine: standing(mine, own), certified: (certified ?? own).map { Self.peers[$0] },
            members: Array(Self.peers[..<4])
        ).map(\.lastIndex.value).filter { $0 > 0 }.sorted()
    }

    @Test("what one who only learns the log has of it binds nobody but the only voter")
    func learnersBindNobody() {
        let set = [0, 1, 2]
        #expect(ends(1, set, heard: [1: (7, set), 2: (7, set), 3: (8, set)]) == [7, 7])
        #expect(ends(1, [0], heard: [1: (7, [0]), 3: (8, [0])]) == [7, 8])
    }

    /// Found by the simulator: the others learnt the log by then, had what its leader sent and nobody else got, and no voter led again.
    @Test("nor what one has who voted before, once anyone knows of later voters")
    func formerVotersBindNobody() {
        let (old, new) = ([0, 1, 2, 3], [0, 1])
        #expect(ends(5, new, heard: [1: (4, old), 2: (6, new), 3: (6, new)]) == [4])
        #expect(ends(4, old, heard: [1: (5, new), 2: (6, new), 3: (6, new)], certified: new) == [5])
        // Where the later set is of no use yet, the former ones are asked as well.
        #expect(ends(4, old, heard: [1: (4, old), 2: (4, old), 3: (4, old)], certified: new) == [4, 4, 4])
    }
}
