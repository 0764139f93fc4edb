import Wire

#if MUTANTS
    import Foundation

    /// The suite must fail with each deliberate fault of this module:
    ///
    /// TIKTRUE_MUTANT=noRefutation swift test -Xswiftc -DMUTANTS --filter MembershipTests
    private let chosen: Mutant = {
        let mutant = Mutant(rawValue: ProcessInfo.processInfo.environment["TIKTRUE_MUTANT"] ?? "") ?? .none
        activeMutant = mutant
        return mutant
    }()

    func activateMutant() { _ = chosen }
#else
    func activateMutant() {}
#endif
