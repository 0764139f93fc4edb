import Testing
import Wire

@testable import Membership

@Suite struct SuspicionTests {
    private func suspicion(expected: Int) -> Suspicion {
        Suspicion(
            by: Lone.peer(1), at: .zero, minimum: .milliseconds(800), maximum: .milliseconds(4800), expected: expected)
    }

    @Test func aSuspicionShortensWithTheLogarithmOfItsConfirmations() {
        var suspicion = suspicion(expected: 3)
        var lengths = [suspicion.length.milliseconds]
        for other in 2...4 {
            let isNew = suspicion.confirm(by: Lone.peer(other))
            #expect(isNew)
            lengths.append(suspicion.length.milliseconds)
        }
        #expect(lengths[0] == 4800)
        #expect(abs(lengths[1] - 2800) < 0.01)
        #expect(abs(lengths[2] - 1630.1) < 0.1)
        #expect(abs(lengths[3] - 800) < 0.01)
    }

    @Test func nobodyConfirmsTwiceNorMoreThanExpected() {
        var suspicion = suspicion(expected: 1)
        let taken = [1, 2, 2, 3].map { suspicion.confirm(by: Lone.peer($0)) }
        #expect(taken == [false, true, false, false])
    }

    @Test func whereNobodyCanConfirmItIsAsShortAsCanBe() {
        #expect(suspicion(expected: 0).length == .milliseconds(800))
        #expect(suspicion(expected: -1).length == .milliseconds(800))
    }

    @Test func whoWasJustHeardHasAtLeastTheLeastTime() {
        var suspicion = suspicion(expected: 3)
        let late = Instant(nanoseconds: 4_500_000_000)
        suspicion.postpone(from: late)
        #expect(suspicion.deadline == late.advanced(by: .milliseconds(800)))
        suspicion.postpone(from: .zero)
        #expect(suspicion.deadline == late.advanced(by: .milliseconds(800)))
    }

    @Test(arguments: [(1, 800.0), (8, 800.0), (10, 800.0), (64, 1444.9), (100, 1600.0), (256, 1926.6)])
    func theLeastSuspicionGrowsWithTheLogarithmOfTheMembers(members: Int, milliseconds: Double) {
        #expect(abs(GossipSettings.standard.suspicionMinimum(members: members).milliseconds - milliseconds) < 0.1)
    }

    @Test(arguments: [(1, 4), (8, 4), (9, 4), (10, 8), (99, 8), (100, 12), (256, 12), (1000, 16)])
    func rumoursAreSentFourTimesTheDigitsOfTheMembers(members: Int, times: Int) {
        #expect(GossipSettings.standard.retransmits(members: members) == times)
    }

    @Test(arguments: [(1.0, 0.0), (2, 1), (3, 1.584_962_5), (10, 3.321_928_1), (1024, 10), (1e15, 49.828_921_4)])
    func logarithmsAreRight(value: Double, binary: Double) {
        #expect(abs(Logarithm.binary(value) - binary) < 1e-6)
    }
}
