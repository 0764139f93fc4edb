/// Deliberate faults of the cores, one at a time, that the simulator's checkers must find (`tools/mutants`).
///
/// They exist in builds with the flag `MUTANTS` only: without it `mutated` is false at compile time, and nothing of them is left in
/// the program.
public enum Mutant: String, CaseIterable, Sendable {
    case none

    // Consensus
    case acknowledgeBeforeWrite
    case voteNotPersisted
    case commitOldTermByCounting
    case noOwnTermEntry
    case singleMajorityInJoint
    case readTokenReused
    case voteTwiceInTerm
    case voteWithoutLogCheck
    case appendWithoutPreviousCheck
    case staleStorageCompletion
    case preVoteAdoptsTerm
    case snapshotRegressesLog
    case jointTakesEffectOnCommit

    // NetworkConfig
    case commandSignatureUnchecked
    case commandAuthorityUnchecked
    case proposalAppliedTwice
    case certificateOfMinority
    case certificateCountsDuplicates
    case certificateSignatureUnchecked
    case conflictIgnored
    case olderConfigAdopted
    case invitationNotConsumed

    // Membership
    case incarnationResetOnRefute
    case deathNotRecordedAtHigherIncarnation
    case versionMergeByAssignment
    case recordSignatureUnchecked
    case staleRecordAccepted
    case noRefutation
    case suspicionNeverExpires
    case strangersRecordsTaken
    case rumourOfUnprovenLife

    // Chain
    case overlapAppliedTwice
    case takeoverWithoutReplay
    case cacheKeptForOtherBlocks
    case staleResultTaken

    // MeshCore
    case blocksNotAwaited
    case recordsCountedAnew
    case probationSkipped
    case laterLifeIgnored
}

#if MUTANTS
    /// Set once, before any core is made, and only read after that.
    nonisolated(unsafe) public var activeMutant = Mutant.none
    @inlinable public func mutated(_ mutant: Mutant) -> Bool { activeMutant == mutant }
#else
    @inlinable public func mutated(_ mutant: Mutant) -> Bool { false }
#endif
