import Wire

/// Who ought to catch a mutant.
struct Expectation {
    /// Invariants, any of which is the right one to break, as docs/simulation.md names them; `trap` is a failed
    /// precondition of the core itself.
    var checkers: [String]
    /// Scenarios in which it should show, tried by turns.
    var scenarios: [String]

    init(_ checkers: [String], in scenarios: [String] = []) {
        self.checkers = checkers
        self.scenarios = scenarios + ["swarm"]
    }

    static func of(_ mutant: Mutant) -> Expectation? { all[mutant] }

    /// A mutant that is missing here has nobody who ought to catch it: the table says so, and the run fails.
    private static let all: [Mutant: Expectation] = [
        // Consensus
        .acknowledgeBeforeWrite: Expectation(["durable"], in: ["power-cut", "slow-disk"]),
        .voteNotPersisted: Expectation(["durable", "election"], in: ["power-cut"]),
        .commitOldTermByCounting: Expectation(["log", "durable"], in: ["leader-isolated", "power-cut"]),
        .noOwnTermEntry: Expectation(["log", "answer", "convergence"], in: ["leader-isolated", "power-cut"]),
        .singleMajorityInJoint: Expectation(["election", "log"], in: ["voter-lost-for-good", "split-floor"]),
        .readTokenReused: Expectation(["answer"], in: ["leader-isolated", "one-way-cable"]),
        .voteTwiceInTerm: Expectation(["election"], in: ["leader-isolated", "power-cut"]),
        .voteWithoutLogCheck: Expectation(["log", "durable"], in: ["leader-isolated", "split-floor"]),
        .appendWithoutPreviousCheck: Expectation(["log", "durable"], in: ["split-floor", "flapping-wifi"]),
        .staleStorageCompletion: Expectation(["durable", "log"], in: ["slow-disk", "leader-isolated"]),
        .preVoteAdoptsTerm: Expectation(["monotone", "convergence", "trap"], in: ["flapping-wifi", "one-way-cable"]),
        .snapshotRegressesLog: Expectation(["monotone", "log", "durable"], in: ["split-floor", "rolling-restart"]),
        .jointTakesEffectOnCommit: Expectation(["election", "log"], in: ["voter-lost-for-good", "office-morning"]),

        // Membership
        .incarnationResetOnRefute: Expectation(["view", "convergence"], in: ["flapping-wifi", "rolling-restart"]),
        .deathNotRecordedAtHigherIncarnation: Expectation(["view", "convergence"], in: ["rolling-restart"]),
        .versionMergeByAssignment: Expectation(["convergence", "view"], in: ["flapping-wifi", "no-datagrams"]),
        .recordSignatureUnchecked: Expectation(["authority", "view", "convergence"], in: ["malicious-member"]),
        .staleRecordAccepted: Expectation(["monotone", "convergence"], in: ["malicious-member", "rolling-restart"]),
        .noRefutation: Expectation(["view", "convergence"], in: ["flapping-wifi", "overworked-machine"]),
        .suspicionNeverExpires: Expectation(["view", "convergence"], in: ["voter-lost-for-good"]),
        .rumourOfUnprovenLife: Expectation(["view", "convergence"], in: ["malicious-member"]),
        .strangersRecordsTaken: Expectation(["bounds", "authority"], in: ["malicious-member", "wiped-disk"]),

        // NetworkConfig
        .commandSignatureUnchecked: Expectation(["authority"], in: ["malicious-member"]),
        .commandAuthorityUnchecked: Expectation(["authority"], in: ["malicious-member"]),
        .proposalAppliedTwice: Expectation(["answer"], in: ["leader-isolated", "flapping-wifi"]),
        .certificateOfMinority: Expectation(["certificate"], in: ["split-floor", "majority-lost"]),
        .certificateCountsDuplicates: Expectation(["certificate"], in: ["split-floor", "majority-lost"]),
        .conflictIgnored: Expectation(["answer"], in: ["split-floor", "healthy-lan"]),
        .olderConfigAdopted: Expectation(["monotone"], in: ["flapping-wifi", "rolling-restart"]),
        .invitationNotConsumed: Expectation(["authority"], in: ["thundering-invitations"]),
    ]
}
