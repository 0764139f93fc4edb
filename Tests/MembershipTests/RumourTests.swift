import Identity
import Testing
import Wire

@testable import Membership

/// What is believed, and how it grows.
@Suite struct RumourTests {
    /// What is held, what is said, and what is held then. Of (incarnation, liveness) the greater holds.
    @Test(arguments: [
        (Rumour(2, .alive), Rumour(2, .suspect), Liveness.suspect),
        (Rumour(2, .suspect), Rumour(2, .alive), .suspect),
        (Rumour(2, .suspect), Rumour(2, .alive, count: 1), .alive),
        (Rumour(2, .dead), Rumour(2, .alive), .dead),
        (Rumour(2, .dead), Rumour(2, .suspect), .dead),
        (Rumour(2, .dead), Rumour(2, .alive, count: 1), .alive),
        (Rumour(2, .dead, count: 1), Rumour(2, .alive, count: 1), .dead),
        (Rumour(2, .dead, epoch: 1, count: 9), Rumour(2, .alive, epoch: 2), .alive),
        (Rumour(2, .alive, epoch: 2), Rumour(2, .dead, epoch: 1, count: 9), .alive),
        (Rumour(2, .alive, count: 3), Rumour(2, .suspect, count: 2), .alive),
        (Rumour(2, .dead, count: 1), Rumour(2, .suspect, count: 2), .suspect),
    ])
    func ofTwoBeliefsTheGreaterHolds(held: Rumour, said: Rumour, then: Liveness) {
        var lone = Lone(among: 5)
        lone.hear(held, from: 1)
        lone.hear(said, from: 3)
        #expect(lone.liveness(of: 2) == then)
        #expect(lone.gossip.incarnation(of: Lone.peer(2)) == max(held.incarnation, said.incarnation))
    }

    @Test func whatIsSaidOfAMemberIsPassedOnAFewTimes() {
        var lone = Lone(among: 8)
        lone.hear(Rumour(2, .dead), from: 1)
        lone.pass(.seconds(5), answer: answering(except: [2]))
        let told = lone.sent.filter { $0.to != Lone.peer(2) }.flatMap(\.message.rumours).filter {
            $0.about == Lone.peer(2)
        }
        #expect(told.count == 4)
        #expect(Set(told) == [Rumour(2, .dead)])
    }

    @Test func whatIsNewIsPushedToOthersAtOnce() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(1), answer: answering())
        _ = lone.takeActions()
        lone.hear(Rumour(2, .dead), from: 1)
        let pushed = lone.sent.filter { $0.message.rumours.contains(Rumour(2, .dead)) }
        #expect(Set(pushed.map(\.to)).count == GossipSettings.standard.pushFanout)
    }

    @Test func confirmationsByDifferentMembersShortenASuspicion() {
        func lasts(_ confirmers: [Int]) -> Int {
            var lone = Lone(among: 8)
            for other in confirmers { lone.hear(Rumour(5, .suspect, by: other), from: 1) }
            var steps = 0
            while lone.liveness(of: 5) == .suspect, steps < 100 {
                lone.pass(.milliseconds(100), answer: answering(except: [5]))
                steps += 1
            }
            return steps
        }
        // Its own probe finds it out too, so that the first is confirmed once.
        #expect(lasts([1, 2, 3, 4]) == 8)
        #expect(lasts([1, 2, 3]) < lasts([1]))
        #expect(lasts([1, 1, 1, 1]) == lasts([1]))
        // Strangers, and the suspect itself, confirm nothing.
        #expect(lasts([1, 40, 41, 5]) == lasts([1]))
    }

    @Test func aConfirmationIsPassedOnUnderTheNameOfWhoFoundOut() {
        var lone = Lone(among: 8)
        lone.hear(Rumour(5, .suspect, by: 1), from: 1)
        _ = lone.takeActions()
        lone.hear(Rumour(5, .suspect, by: 2), from: 2)
        lone.pass(.milliseconds(20))
        #expect(lone.told(of: 5).contains(Rumour(5, .suspect, by: 2)))
    }

    @Test func whoHearsOfItsOwnSuspicionRefutesIt() {
        var lone = Lone(among: 5, epoch: 3)
        lone.hear(.ping(sequence: 1), from: 1, rumours: [Rumour(0, .suspect, epoch: 3, count: 4)])
        #expect(lone.gossip.incarnation == Incarnation(epoch: 3, count: 5))
        #expect(lone.sent.first?.message.incarnation == Incarnation(epoch: 3, count: 5))
        #expect(lone.told(of: 0).contains(Rumour(0, .alive, epoch: 3, count: 5, by: 0)))
        #expect(lone.gossip.localHealth == 1)
    }

    @Test func whatIsSaidOfAnEarlierLifeIsNotRefuted() {
        var lone = Lone(among: 5, epoch: 3)
        lone.hear(Rumour(0, .dead, epoch: 2, count: 40), from: 1)
        #expect(lone.gossip.incarnation == Incarnation(epoch: 3, count: 0))
        #expect(lone.gossip.isSelfHealthy)
    }

    @Test func whoHearsOfALaterLifeOfItsOwnReportsIt() {
        var lone = Lone(among: 5, epoch: 3)
        for _ in 0..<3 { lone.hear(Rumour(0, .alive, epoch: 7), from: 1) }
        let reports = lone.takeActions().filter { if case .ownEpochExceeded(7) = $0 { true } else { false } }
        #expect(reports.count == 1)
        #expect(lone.gossip.incarnation == Incarnation(epoch: 3, count: 0))
    }

    @Test func whoGoesOnUnderALaterEpochTellsEverybody() {
        var lone = Lone(among: 5, epoch: 3)
        lone.gossip.beginLife(8, at: .zero)
        lone.gossip.beginLife(5, at: .zero)
        lone.hear(.ping(sequence: 1), from: 1, rumours: [Rumour(0, .dead, epoch: 7, count: 4)])
        #expect(lone.gossip.incarnation == Incarnation(epoch: 8, count: 0))
        #expect(lone.sent.first?.message.incarnation == Incarnation(epoch: 8, count: 0))
    }

    @Test func aClaimThatCannotBeExceededIsLeft() {
        var lone = Lone(among: 5, epoch: 3)
        lone.hear(Rumour(0, .dead, epoch: 3, count: .max), from: 1)
        #expect(lone.gossip.incarnation == Incarnation(epoch: 3, count: 0))
    }

    @Test func whoSaysSomethingOutdatedIsToldBetter() {
        var lone = Lone(among: 5)
        lone.hear(Rumour(2, .dead, count: 4), from: 1)
        lone.pass(.seconds(5), answer: answering(except: [2]))
        _ = lone.takeActions()
        lone.hear(.ping(sequence: 9), from: 3, rumours: [Rumour(2, .suspect, count: 2)])
        #expect(lone.sent.first { $0.to == Lone.peer(3) }?.message.rumours == [Rumour(2, .dead, count: 4)])
    }

    @Test func whoIsThoughtDeadAndSpeaksIsToldSo() {
        for kind in [GossipMessage.Kind.ping(sequence: 4), .ack(sequence: 4), .news] {
            var lone = Lone(among: 5)
            lone.hear(Rumour(2, .dead), from: 1)
            _ = lone.takeActions()
            lone.hear(kind, from: 2)
            #expect(lone.sent.contains { $0.to == Lone.peer(2) && $0.message.rumours.contains(Rumour(2, .dead)) })
            lone.hear(kind, from: 2, count: 1)
            #expect(lone.liveness(of: 2) == .alive)
        }
    }

    @Test func aFarewellIsDeathAtOnce() {
        var lone = Lone(among: 5)
        _ = lone.takeActions()
        lone.change { $0.leave(at: $1) }
        #expect(Set(lone.sent.map(\.to)).count == 4)
        #expect(lone.sent.allSatisfy { $0.message.rumours.contains(Rumour(0, .dead, epoch: 3, by: 0)) })
        #expect(lone.gossip.nextWake.nanoseconds == .max)
        lone.hear(.ping(sequence: 1), from: 1)
        #expect(lone.sent.count == 4)

        var other = Lone(among: 5)
        other.hear(from: 2, rumours: [Rumour(2, .dead, by: 2)])
        #expect(other.changes == [.dead])
    }

    @Test func aRosterThatChangesBringsAndTakesMembers() {
        var lone = Lone(among: 4)
        lone.hear(Rumour(2, .suspect), from: 1)
        lone.hear(from: 3, records: [Lone.record(3, 1)])
        lone.change { $0.rosterChanged([0, 1, 2, 6, 6].map(Lone.peer), at: $1) }
        #expect(lone.liveness(of: 2) == .suspect)
        #expect(lone.liveness(of: 6) == .alive && !lone.gossip.isProven(Lone.peer(6)))
        #expect(lone.liveness(of: 3) == .dead && lone.gossip.record(of: Lone.peer(3)) == nil)
        _ = lone.takeActions()
        lone.pass(.seconds(10), answer: answering())
        #expect(Set(lone.sent.map(\.to)) == Set([1, 2, 6].map(Lone.peer)))
    }

    @Test func aRosterThatShrinksToNobodyAndGrowsAgainIsNoSleep() {
        var lone = Lone(among: 4)
        lone.change { $0.rosterChanged([Lone.peer(0)], at: $1) }
        lone.now = lone.now.advanced(by: .seconds(100))
        lone.change { $0.rosterChanged((0..<4).map(Lone.peer), at: $1) }
        lone.pass(.seconds(2), answer: answering())
        #expect(lone.gossip.isSelfHealthy && lone.changes.isEmpty)
    }
}
