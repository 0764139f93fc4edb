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

    @Test("what one who only learns the log has of it binds nobody but the only voter")
    func learnersBindNobody() {
        func ends(voters: [Int], heard: [Int: UInt64]) -> [UInt64] {
            var probation = Probation(question: 1, isSetBack: false, at: .zero)
            let set = voters.map { Self.peers[$0] }
            for (peer, last) in heard {
                probation.heard(
                    RaftStanding(
                        term: Term(1), lastIndex: LogIndex(last), lastTerm: Term(1), voters: VoterSet(voters: set)),
                    from: Self.peers[peer])
            }
            return probation.standings(own: Self.peers[0], voters: [set], members: Array(Self.peers[..<4]))
                .map(\.lastIndex.value).sorted()
        }
        #expect(ends(voters: [0, 1, 2], heard: [1: 7, 2: 7, 3: 8]) == [7, 7])
        #expect(ends(voters: [0], heard: [1: 7, 3: 8]) == [7, 8])
    }
}
