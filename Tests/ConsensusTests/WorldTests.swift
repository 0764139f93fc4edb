import RaftWorld
import Testing
import Wire

@Suite("In a world where everything fails") struct WorldTests {
    @Test("nothing that was promised is broken, and all recovers", arguments: 0..<4)
    func seeds(part: Int) {
        var reached: [String: Int] = [:]
        for seed in 0..<50 {
            let world = World(seed: UInt64(part * 50 + seed))
            let failure = world.run()
            #expect(failure == nil, "seed \(world.seed)")
            reached.merge(world.counts) { $0 + $1 }
        }
        // What never happened was not tested.
        for rare in [
            "coup", "crash", "partition", "restart", "compaction", "snapshot restored", "read granted", "transfer",
            "voter change finished", "joint set recovered by a new leader", "log repaired", "log recovered",
            "several writes under way", "the first peer replaced", "undecided entries recovered by a new leader",
        ] {
            #expect(reached[rare, default: 0] > 0, "never reached: \(rare)")
        }
    }

    @Test("a seed leads to the same world each time")
    func determinism() {
        for seed in 0..<3 {
            let worlds = (0..<2).map { _ in World(seed: UInt64(1000 + seed)) }
            let failures = worlds.map { $0.run() }
            #expect(failures == [nil, nil] && worlds[0].fingerprint == worlds[1].fingerprint)
        }
    }
}
