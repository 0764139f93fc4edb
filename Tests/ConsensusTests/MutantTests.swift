#if MUTANTS
    import Foundation
    import Testing
    import Wire

    /// Each deliberate fault must be found by the world's checks. Run alone: the fault is in every Raft of the process.
    ///
    ///     TIKTRUE_MUTANT=voteTwiceInTerm swift test -Xswiftc -DMUTANTS --filter aMutantIsFound
    @Test(.enabled(if: ProcessInfo.processInfo.environment["TIKTRUE_MUTANT"] != nil))
    func aMutantIsFound() throws {
        let environment = ProcessInfo.processInfo.environment
        activeMutant = try #require(Mutant(rawValue: environment["TIKTRUE_MUTANT"] ?? ""))
        let seeds = UInt64(environment["TIKTRUE_SEEDS"] ?? "") ?? 200
        var found: [(seed: UInt64, why: String)] = []
        for seed in 0..<seeds {
            if let failure = World(seed: seed).run() { found.append((seed, failure)) }
        }
        print("\(activeMutant): found by \(found.count) of \(seeds) seeds, first by \(found.prefix(3))")
        #expect(!found.isEmpty)
    }
#endif
