import Identity
import Testing
import Wire

@testable import Membership

/// Holes that others' implementations had; each stays closed.
@Suite struct KnownHoleTests {
    /// swift-cluster-membership, memberlist: whoever restarted at incarnation zero stayed dead for ever.
    @Test func aPeerThatRestartsIsNotHeldDownByItsEarlierDeath() {
        var lone = Lone(among: 5)
        lone.hear(Rumour(2, .dead, epoch: 4, count: 11), from: 1)
        lone.hear(.ping(sequence: 1), from: 2, epoch: 5, count: 0)
        #expect(lone.liveness(of: 2) == .alive)
        // The old death still goes about.
        lone.hear(Rumour(2, .dead, epoch: 4, count: 11), from: 3)
        #expect(lone.liveness(of: 2) == .alive)
    }

    /// Evidence of a death at a higher incarnation was dropped where the member counted as dead already: a late "alive"
    /// of an incarnation in between then brought it back to life.
    @Test func aStaleAliveDoesNotResurrectWhoDiedAtAHigherIncarnation() {
        var lone = Lone(among: 5)
        lone.hear(Rumour(2, .dead, count: 1), from: 1)
        lone.hear(Rumour(2, .dead, count: 5), from: 3)
        lone.hear(Rumour(2, .alive, count: 3), from: 4)
        #expect(lone.liveness(of: 2) == .dead)
        #expect(lone.gossip.incarnation(of: Lone.peer(2)).count == 5)
        #expect(lone.changes == [.dead])
    }

    /// {A:1} happened before {A:1, B:1}: a missing entry is zero, and what is missing is sent.
    @Test func aMissingEntryOfADigestIsVersionZero() {
        var lone = Lone(among: 5)
        lone.hear(from: 1, records: [Lone.record(1, 1), Lone.record(2, 1)])
        _ = lone.takeActions()
        let theirs = RecordDigest(
            first: .lowest, last: .highest,
            versions: [RecordDigestEntry(peer: Lone.peer(1), version: RecordVersion(epoch: 1, sequence: 1))],
            asks: false)
        lone.hear(from: 3, summary: 1, digest: theirs)
        let answer = lone.sent.filter { $0.to == Lone.peer(3) }.flatMap(\.message.records)
        #expect(answer == [Lone.record(2, 1)])
    }

    /// Rumours alone leave some members of small networks without the news: what is lost is found by comparing
    /// summaries.
    @Test func aRecordThatEveryRumourMissedIsFoundByComparing() {
        var lone = Lone(among: 3)
        lone.hear(from: 1, records: [Lone.record(1, 1)])
        lone.pass(.seconds(20), answer: answering())
        _ = lone.takeActions()
        lone.pass(.seconds(5)) { lone, message, to, _ in
            if case .ping(let number) = message.kind { lone.hear(.ack(sequence: number), from: to, summary: 99) }
        }
        #expect(lone.sent.contains { $0.message.digest?.asks == true })
    }

    /// A liar names a death in a life that never began: the victim could never refute it.
    @Test func aDeathInALifeThatNeverBeganIsNotBelieved() {
        var lone = Lone(among: 5)
        lone.hear(.ping(sequence: 1), from: 2, epoch: 3, count: 0)
        lone.hear(Rumour(2, .dead, epoch: 1 << 40, count: 0), from: 4)
        #expect(lone.liveness(of: 2) == .alive)
        // Its record is proof as well as its own voice is.
        lone.hear(from: 1, records: [Lone.record(3, 1)])
        lone.hear(Rumour(3, .suspect, epoch: 9, count: 0), from: 4)
        #expect(lone.liveness(of: 3) == .alive)
    }

    @Test func whatWasBelievedOfALifeThatNeverBeganEndsWithTheMembersOwnWord() {
        var lone = Lone(among: 5)
        lone.hear(Rumour(2, .dead, epoch: 1 << 40, count: 0), from: 4)
        #expect(lone.liveness(of: 2) == .dead)
        lone.hear(.ping(sequence: 1), from: 2, epoch: 3, count: 0)
        #expect(lone.liveness(of: 2) == .alive)
        #expect(lone.gossip.incarnation(of: Lone.peer(2)).epoch == 3)
    }

    /// Found by the simulator: nothing true could be said of such a member any more, so that it was never suspected again, or the verdict
    /// on it stayed due for ever.
    @Test func whatWasBelievedOfALifeThatNeverBeganEndsWithTheMembersRecord() {
        var lone = Lone(among: 5)
        lone.hear(Rumour(2, .alive, epoch: 9, count: 0), from: 4)
        lone.hear(from: 1, records: [Lone.record(2, epoch: 3, 1)])
        #expect(lone.gossip.incarnation(of: Lone.peer(2)).epoch == 3)
        lone.pass(.seconds(60), answer: answering(except: [2]))
        #expect(lone.liveness(of: 2) == .dead)
    }
}
