import GossipWorld
import Identity
import Membership
import Testing
import Wire

/// Whole networks on a LAN with faults.
@Suite struct WorldTests {
    private func settled(
        _ count: Int, seed: UInt64, linked: Bool = false, within length: Interval = .seconds(30),
        _ comment: Comment? = nil, _ world: World? = nil
    ) -> World {
        let world = world ?? World(count, seed: seed, linked: linked)
        world.advance(length) { world.isConverged }
        #expect(world.isConverged, comment)
        return world
    }

    @Test(arguments: [1, 2, 3, 8, 24]) func allThatStartTogetherKnowEachOther(count: Int) {
        let world = settled(count, seed: UInt64(count), within: .seconds(10))
        #expect(world.members.allSatisfy { $0.gossip.records.count == count })
    }

    @Test func onACleanLANNobodyIsEvenSuspected() {
        let world = World(16, seed: 2)
        var suspected = 0
        world.onLiveness = { _, _, _ in suspected += 1 }
        world.advance(.seconds(120))
        #expect(suspected == 0)
    }

    @Test func lossAloneKillsNobody() {
        let world = World(12, seed: 3)
        world.faults.loss = 0.1
        var dead = 0
        world.onLiveness = { _, _, liveness in if liveness == .dead { dead += 1 } }
        world.advance(.seconds(300))
        #expect(dead == 0)
    }

    @Test(arguments: [(2, 3_000), (3, 6_000), (8, 7_500), (24, 8_500)])
    func aDeathIsNoticedByAllWithinTheBound(count: Int, milliseconds: Int64) {
        for seed in 1...4 as ClosedRange<UInt64> {
            let world = settled(count, seed: seed)
            world.advance(.seconds(10))
            world.crash(count - 1)
            _ = settled(count, seed: seed, within: .milliseconds(milliseconds), "seed \(seed)", world)
        }
    }

    @Test func aChangeReachesAllThroughHeavyLossAndFromTheQuietState() {
        for seed in 1...5 as ClosedRange<UInt64> {
            let world = settled(16, seed: seed)
            world.advance(.seconds(10))
            world.faults.loss = 0.3
            world.publish(3)
            _ = settled(16, seed: seed, within: .seconds(2), "seed \(seed)", world)
        }
    }

    @Test func whoRestartsIsBackAtOnceAndNeverTakenForItsDeadSelf() {
        let world = settled(8, seed: 5)
        world.crash(2)
        _ = settled(8, seed: 5, within: .seconds(10), "death", world)
        world.restart(2)
        _ = settled(8, seed: 5, within: .seconds(4), "return", world)
        // Also where nobody had missed it.
        world.restart(3)
        _ = settled(8, seed: 5, within: .seconds(4), "quick return", world)
        #expect(world.members[0].gossip.incarnation(of: world.peer(3)).epoch == 2)
    }

    @Test func aPartitionHealsByItself() {
        for seed in 1...3 as ClosedRange<UInt64> {
            let world = settled(10, seed: seed)
            world.cuts = { ($0 < 4) != ($1 < 4) }
            world.advance(.seconds(30))
            #expect(world.members[0].gossip.liveness(of: world.peer(9)) == .dead)
            #expect(world.members[9].gossip.liveness(of: world.peer(0)) == .dead)
            world.publish(0)
            world.publish(9)
            world.cuts = { _, _ in false }
            _ = settled(10, seed: seed, within: .seconds(20), "seed \(seed)", world)
        }
    }

    @Test func aOneWayCutKillsNobodyWhoOthersCanReach() {
        let world = settled(8, seed: 8)
        var dead = 0
        world.onLiveness = { _, _, liveness in if liveness == .dead { dead += 1 } }
        world.cuts = { $0 == 1 && $1 == 2 }
        world.advance(.seconds(60))
        world.publish(1)
        _ = settled(8, seed: 8, within: .seconds(3), nil, world)
        #expect(dead == 0)
    }

    @Test func whereNoDatagramPassesLinksDo() {
        let world = World(6, seed: 9, linked: true)
        world.blocksDatagram = { ($0 < 3) != ($1 < 3) }
        var dead = 0
        world.onLiveness = { _, _, liveness in if liveness == .dead { dead += 1 } }
        _ = settled(6, seed: 9, within: .seconds(10), nil, world)
        world.advance(.seconds(60))
        world.publish(5)
        _ = settled(6, seed: 9, within: .seconds(3), nil, world)
        #expect(dead == 0)
    }

    @Test func whoIsCutOffFromDatagramsAltogetherLivesByItsLinks() {
        let world = World(5, seed: 10, linked: true)
        world.blocksDatagram = { _, _ in true }
        _ = settled(5, seed: 10, within: .seconds(10), nil, world)
        world.advance(.seconds(60))
        #expect(world.isConverged)
    }

    @Test func theStalledComeBackAndAccuseNobody() {
        let world = settled(12, seed: 11)
        var wrong = 0
        world.onLiveness = { _, about, liveness in if about > 1, liveness == .dead { wrong += 1 } }
        for round in 0..<6 {
            world.stall(round % 2, for: .seconds(Int64(5 + 4 * round)))
            world.advance(.seconds(Int64(6 + 4 * round)))
        }
        _ = settled(12, seed: 11, within: .seconds(20), nil, world)
        #expect(wrong == 0)
    }

    @Test func whoSaysFarewellIsMissedAtOnce() {
        let world = settled(10, seed: 12)
        world.advance(.seconds(10))
        world.change(4) { $0.leave(at: $1) }
        world.crash(4)
        _ = settled(10, seed: 12, within: .seconds(1), nil, world)
    }

    @Test func whoComesWithAnEmptyDiskIsToldEverything() {
        let world = settled(20, seed: 13)
        world.advance(.seconds(20))
        world.restart(7)
        _ = settled(20, seed: 13, within: .seconds(4), nil, world)
        #expect(world.members[7].gossip.records.count == 20)
    }

    @Test func anIdleMeshIsQuietWhateverItsSize() {
        func bytesPerSecond(_ count: Int) -> Int {
            let world = settled(count, seed: 14)
            world.advance(.seconds(15))
            let before = world.members.reduce(0) { $0 + $1.bytes }
            world.advance(.seconds(20))
            return (world.members.reduce(0) { $0 + $1.bytes } - before) / count / 20
        }
        let (few, many) = (bytesPerSecond(4), bytesPerSecond(40))
        #expect(few < 500 && many < 500 && abs(few - many) < 50)
    }

    @Test func faultsOfAllKindsAreSurvivedOnceTheyEnd() {
        for seed in 1...6 as ClosedRange<UInt64> {
            let world = storm(seed)
            world.faults = World.Faults()
            world.cuts = { _, _ in false }
            for number in world.members.indices where !world.members[number].isUp { world.restart(number) }
            _ = settled(9, seed: seed, within: .seconds(45), "seed \(seed)", world)
        }
    }

    @Test func theSameSeedGivesTheSameWorld() {
        #expect(storm(3).trace == storm(3).trace)
        #expect(storm(3).trace != storm(4).trace)
    }

    /// A minute of loss, doubles, delays, partitions, one-way cuts, stalls, crashes and restarts.
    private func storm(_ seed: UInt64) -> World {
        let world = World(9, seed: seed, linked: seed % 2 == 0)
        world.faults.loss = Double(world.draw(0...30)) / 100
        world.faults.duplicates = Double(world.draw(0...50)) / 100
        world.faults.delayMost = .milliseconds(Int64(world.draw(1...100)))
        for _ in 0..<12 {
            let (one, other) = (world.draw(0...8), world.draw(0...8))
            switch world.draw(0...5) {
            case 0: world.cuts = { ($0 <= one) != ($1 <= one) }
            case 1: world.cuts = { $0 == one && $1 == other }
            case 2: world.cuts = { _, _ in false }
            case 3: world.stall(one, for: .seconds(Int64(world.draw(1...9))))
            case 4: if world.members[one].isUp { world.crash(one) } else { world.restart(one) }
            default: if world.members[one].isUp { world.publish(one) }
            }
            world.advance(.milliseconds(Int64(world.draw(500...9_000))))
        }
        return world
    }
}
