import Identity
import Testing
import Wire

@testable import MeshCore

struct VoterChoiceTests {
    private static func peer(_ number: UInt8) -> PeerID {
        guard let peer = PeerID([UInt8](repeating: 0, count: 31) + [number]) else { preconditionFailure("32 bytes") }
        return peer
    }

    private static func member(
        _ number: UInt8, present: Int64? = 1000, absent: Int64 = 0, votes: Bool = false, leaving: Bool = false,
        role: Role = .worker
    ) -> VoterChoice.Candidate {
        VoterChoice.Candidate(
            peer: peer(number), role: role, joined: Revision(UInt64(number)), present: present.map { .seconds($0) },
            absent: .seconds(absent), isVoter: votes, isLeaving: leaving)
    }

    private static func away(_ number: UInt8, for seconds: Int64, votes: Bool = true) -> VoterChoice.Candidate {
        member(number, present: nil, absent: seconds, votes: votes)
    }

    private static let choice = VoterChoice(most: 7, grace: .seconds(300), settling: .seconds(2))

    private func chosen(_ candidates: VoterChoice.Candidate..., most: Int = 7) -> [UInt8] {
        VoterChoice(most: most, grace: .seconds(300), settling: .seconds(2)).chosen(from: candidates)
            .compactMap { $0.bytes.last }
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (6, 5), (7, 7), (8, 7), (200, 7)])
    func aNetworkHasAnOddNumberOfSeatsExceptWhereThereAreTwoMembers(members: Int, seats: Int) {
        #expect(VoterChoice.seats(members: members, most: 7) == seats)
    }

    @Test func thePolicyMayAllowFewerSeats() {
        #expect(VoterChoice.seats(members: 9, most: 5) == 5)
        #expect(VoterChoice.seats(members: 9, most: 4) == 3)
        #expect(VoterChoice.seats(members: 2, most: 1) == 1)
        #expect(VoterChoice.seats(members: 9, most: 1) == 1)
    }

    @Test func aNewcomerTakesAFreeSeatOnceItHasSettled() {
        #expect(chosen(Self.member(1, votes: true), Self.member(2, present: 1)) == [1])
        #expect(chosen(Self.member(1, votes: true), Self.member(2, present: 2)) == [1, 2])
    }

    @Test func thoseWhoOnlyAskVoteLast() {
        let asks = Self.member(2, role: .member)
        #expect(chosen(Self.member(1, votes: true), asks, Self.member(3), Self.member(4)) == [1, 3, 4])
        #expect(chosen(Self.member(1, votes: true), asks, Self.member(3)) == [1, 2, 3])
    }

    @Test func aVoterThatIsAwayKeepsItsSeatForTheGrace() {
        let others = [Self.member(1, votes: true), Self.member(2, votes: true), Self.member(4)]
        #expect(Self.choice.chosen(from: others + [Self.away(3, for: 299)]) == [1, 2, 3].map(Self.peer))
        #expect(Self.choice.chosen(from: others + [Self.away(3, for: 300)]) == [1, 2, 4].map(Self.peer))
    }

    @Test func aSeatIsNotTakenAwayForNobody() {
        #expect(
            chosen(Self.member(1, votes: true), Self.member(2, votes: true), Self.away(3, for: 10_000)) == [1, 2, 3])
    }

    @Test func whoeverReturnsHasItsSeatBackOnceItHasProvenSteady() {
        let now = [Self.member(1, votes: true), Self.member(2, votes: true), Self.member(4, votes: true)]
        #expect(Self.choice.chosen(from: now + [Self.member(3, present: 299)]) == [1, 2, 4].map(Self.peer))
        #expect(Self.choice.chosen(from: now + [Self.member(3, present: 300)]) == [1, 2, 3].map(Self.peer))
    }

    @Test func whoeverLeavesVotesNoMore() {
        #expect(
            chosen(
                Self.member(1, votes: true, leaving: true), Self.member(2, votes: true), Self.member(3, votes: true),
                Self.member(4)) == [2, 3, 4])
        #expect(chosen(Self.member(1, votes: true, leaving: true), Self.member(2, votes: true)) == [2])
    }

    @Test func seatsThatAreTooManyGoAwayFromTheAbsentFirst() {
        #expect(
            chosen(
                Self.member(1, votes: true), Self.away(2, for: 400), Self.member(3, votes: true),
                Self.member(4, votes: true)) == [1, 3, 4])
        #expect(
            chosen(
                Self.member(1, votes: true), Self.member(2, votes: true), Self.member(3, votes: true), most: 1) == [1])
    }

    @Test func whatWasChosenStaysChosenWhileNothingChanges() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let count = UInt8(1 + random.next() % 12)
            var candidates = (1...count).map { number in
                random.next() % 4 == 0
                    ? Self.away(number, for: Int64(random.next() % 600), votes: random.next() % 2 == 0)
                    : Self.member(number, present: Int64(random.next() % 600), votes: random.next() % 2 == 0)
            }
            // Seats are handed back one at a time; after a few rounds everything rests.
            var chosen: [PeerID] = []
            for _ in 0..<20 {
                chosen = Self.choice.chosen(from: candidates)
                candidates = candidates.map { candidate in
                    VoterChoice.Candidate(
                        peer: candidate.peer, role: candidate.role, joined: candidate.joined,
                        present: candidate.present, absent: candidate.absent,
                        isVoter: chosen.contains(candidate.peer), isLeaving: false)
                }
            }
            #expect(Self.choice.chosen(from: candidates) == chosen)
            #expect(chosen.count <= VoterChoice.seats(members: candidates.count, most: 7))
            #expect(chosen == chosen.sorted())
        }
    }
}
