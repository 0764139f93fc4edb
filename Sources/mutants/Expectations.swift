import Wire

/// Who ought to catch a mutant.
struct Expectation {
    /// Invariants, any of which is the right one to break, as docs/simulation.md names them; `trap` is a failed
    /// precondition of the core itself.
    var checkers: [String]
    /// The world of the one core that the mutant is in, which is tried first.
    var world: String?
    /// Scenarios of whole peers in which it should show, tried by turns.
    var scenarios: [String]

    init(_ checkers: [String], world: String?, in scenarios: [String] = []) {
        self.checkers = checkers
        self.world = world
        self.scenarios = scenarios + ["swarm"]
    }

    static func of(_ mutant: Mutant) -> Expectation? { all[mutant] }

    private static func raft(_ checkers: String..., in scenarios: [String]) -> Expectation {
        Expectation(checkers, world: "raft", in: scenarios)
    }
    private static func gossip(_ checkers: String..., in scenarios: [String]) -> Expectation {
        Expectation(checkers, world: "gossip", in: scenarios)
    }
    private static func config(_ checkers: String..., in scenarios: [String]) -> Expectation {
        Expectation(checkers, world: "config", in: scenarios)
    }

    /// What no world of one core can show.
    private static func whole(_ checkers: String..., in scenarios: [String]) -> Expectation {
        Expectation(checkers, world: nil, in: scenarios)
    }

    /// A mutant that is missing here has nobody who ought to catch it: the table says so, and the run fails.
    private static let all: [Mutant: Expectation] = [
        // Consensus. What leaves before it is on disk, or rests on no quorum's disks, is `durable`, even where nothing
        // comes of it in that world.
        .acknowledgeBeforeWrite: raft("durable", in: ["power-cut"]),
        .voteNotPersisted: raft("durable", "election", in: ["power-cut"]),
        .commitOldTermByCounting: raft("log", in: ["leader-isolated"]),
        // A leader that has not committed in its own term does not know how far others have: its reads are stale.
        .noOwnTermEntry: raft("answer", "log", in: ["leader-isolated"]),
        // Half of the voters of a joint set are a quorum of one of its halves: what they commit is on too few disks.
        .singleMajorityInJoint: raft("durable", "election", "log", in: ["voter-lost-for-good"]),
        .readTokenReused: raft("answer", in: ["one-way-cable"]),
        // The second vote in a term is seen before two leaders are: it is a promise made twice.
        .voteTwiceInTerm: raft("durable", "election", in: ["leader-isolated"]),
        .voteWithoutLogCheck: raft("log", in: ["split-floor"]),
        .appendWithoutPreviousCheck: raft("log", in: ["flapping-wifi"]),
        .staleStorageCompletion: raft("durable", in: ["slow-disk"]),
        // Terms grow without an election being won; nobody leads in the end.
        .preVoteAdoptsTerm: raft("convergence", "monotone", "trap", in: ["one-way-cable"]),
        .snapshotRegressesLog: raft("monotone", "log", in: ["rolling-restart"]),
        .jointTakesEffectOnCommit: raft("durable", "log", "election", in: ["voter-lost-for-good"]),

        // Membership
        .incarnationResetOnRefute: gossip("convergence", "monotone", in: ["flapping-wifi"]),
        // Whoever hears of the death at the higher incarnation keeps believing less than was said.
        .deathNotRecordedAtHigherIncarnation: gossip("view", in: ["rolling-restart"]),
        .versionMergeByAssignment: gossip("monotone", in: ["flapping-wifi"]),
        .recordSignatureUnchecked: gossip("authority", in: ["malicious-member"]),
        .staleRecordAccepted: gossip("monotone", in: ["malicious-member"]),
        .noRefutation: gossip("convergence", "view", in: ["flapping-wifi"]),
        .suspicionNeverExpires: gossip("convergence", "view", in: ["voter-lost-for-good"]),
        .rumourOfUnprovenLife: gossip("view", in: ["malicious-member"]),
        .strangersRecordsTaken: gossip("bounds", in: ["malicious-member"]),

        // NetworkConfig
        .commandSignatureUnchecked: config("authority", in: ["malicious-member"]),
        .commandAuthorityUnchecked: config("authority", in: ["malicious-member"]),
        .proposalAppliedTwice: config("answer", in: ["leader-isolated"]),
        .certificateOfMinority: config("certificate", in: ["split-floor"]),
        // No honest voter signs twice, so that only a forger's certificate shows it.
        .certificateCountsDuplicates: config("certificate", in: ["malicious-member"]),
        .certificateSignatureUnchecked: whole("certificate", in: ["malicious-member"]),
        .conflictIgnored: config("answer", in: ["split-floor"]),
        .olderConfigAdopted: config("monotone", in: ["rolling-restart"]),
        .invitationNotConsumed: config("authority", in: ["thundering-invitations"]),

        // Chain. A position that is applied out of its place changes every token after it.
        .overlapAppliedTwice: whole("tokens", in: ["broken-hops"]),
        .takeoverWithoutReplay: whole("compute", in: ["plug-pulled"]),
        .cacheKeptForOtherBlocks: whole("compute", in: ["plug-pulled"]),
        .staleResultTaken: whole("tokens", "compute", in: ["broken-hops"]),

        // MeshCore
        .blocksNotAwaited: whole("compute", in: ["plug-pulled"]),
        .recordsCountedAnew: whole("monotone", in: ["revolving-door"]),
        // What a machine has forgotten it promises once more.
        .probationSkipped: whole("durable", "election", "log", in: ["stale-disk"]),
        .laterLifeIgnored: whole("convergence", in: ["stale-disk"]),
    ]
}
