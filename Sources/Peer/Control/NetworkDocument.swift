/// One network as this peer sees it: an entry of `status --json`, of `network list --json`, and all of `network show --json`.
public struct NetworkDocument: Codable, Equatable, Sendable {
    /// How the network keeps its voters, and what it computes with.
    public struct Policy: Codable, Equatable, Sendable {
        public var maxVoters: Int
        /// Seconds that a voter may be away before another member takes its seat.
        public var voterGrace: Int
        /// In which format conversations keep keys and values: `f16` or `q8_0`.
        public var cacheFormat: String

        public init(maxVoters: Int, voterGrace: Int, cacheFormat: String = "f16") {
            self.maxVoters = maxVoters
            self.voterGrace = voterGrace
            self.cacheFormat = cacheFormat
        }

        enum CodingKeys: String, CodingKey {
            case maxVoters = "max_voters"
            case voterGrace = "voter_grace"
            case cacheFormat = "cache_format"
        }
    }

    /// An invitation that nobody has used yet.
    public struct OpenInvitation: Codable, Equatable, Sendable {
        /// 64 hexadecimal digits. It lets nobody in; `network revoke` takes it.
        public var id: String
        public var role: String
        /// Seconds since 1970.
        public var expires: UInt64

        public init(id: String, role: String, expires: UInt64) {
            self.id = id
            self.role = role
            self.expires = expires
        }
    }

    public var name: String
    /// 64 hexadecimal digits.
    public var id: String
    public var revision: UInt64
    /// Greater after each recovery; revisions count within it.
    public var generation: UInt64
    /// How often the network was recovered.
    public var recoveries: UInt64
    /// Ids of the voters whose signatures certify the revision, or of the admin who recovered the network by it. Empty for a network's
    /// first revision, which its id names.
    public var certifiedBy: [String]
    /// Ids of the peers that decide changes.
    public var voters: [String]
    /// This peer's role in it.
    public var role: String
    /// Whether the config can be changed now.
    public var quorum: Bool
    /// Id of the peer that orders changes; null where none is known.
    @ExplicitNull public var leader: String?
    public var model: String
    /// Blocks of the model, embedding and head among them.
    public var blockCount: Int
    public var policy: Policy
    public var invitations: [OpenInvitation]
    /// One sentence on what keeps the network from answering well; null where all is well.
    @ExplicitNull public var notice: String?
    public var peers: [PeerDocument]

    public init(
        name: String, id: String, revision: UInt64, generation: UInt64 = 0, recoveries: UInt64 = 0,
        certifiedBy: [String] = [], voters: [String] = [], role: String, quorum: Bool, leader: String?, model: String,
        blockCount: Int, policy: Policy = Policy(maxVoters: 7, voterGrace: 300), invitations: [OpenInvitation] = [],
        notice: String? = nil, peers: [PeerDocument]
    ) {
        self.name = name
        self.id = id
        self.revision = revision
        self.generation = generation
        self.recoveries = recoveries
        self.certifiedBy = certifiedBy
        self.voters = voters
        self.role = role
        self.quorum = quorum
        self.leader = leader
        self.model = model
        self.blockCount = blockCount
        self.policy = policy
        self.invitations = invitations
        self.notice = notice
        self.peers = peers
    }

    enum CodingKeys: String, CodingKey {
        case name, id, revision, generation, recoveries
        case certifiedBy = "certified_by"
        case voters, role, quorum, leader, model
        case blockCount = "block_count"
        case policy, invitations, notice, peers
    }
}

/// A network that was heard of just now: an entry of `network discover --json`.
public struct DiscoveredNetworkDocument: Codable, Equatable, Sendable {
    public struct Member: Codable, Equatable, Sendable {
        public var id: String
        public var address: String
        public init(id: String, address: String) {
            self.id = id
            self.address = address
        }
    }

    public var name: String
    public var id: String
    public var model: String
    public var members: [Member]

    public init(name: String, id: String, model: String, members: [Member]) {
        self.name = name
        self.id = id
        self.model = model
        self.members = members
    }
}

/// What `network invite --json` prints.
public struct InvitationDocument: Codable, Equatable, Sendable {
    /// What the guest hands to `network join`.
    public var invitation: String
    public var network: String
    public var role: String
    /// Seconds since 1970.
    public var expires: UInt64

    public init(invitation: String, network: String, role: String, expires: UInt64) {
        self.invitation = invitation
        self.network = network
        self.role = role
        self.expires = expires
    }
}

/// What a change of a network's config came to: what the commands that make one print with `--json`.
public struct ChangeDocument: Codable, Equatable, Sendable {
    /// The network's name.
    public var network: String
    /// The network's id.
    public var id: String
    /// The certified revision that has the change.
    public var revision: UInt64
    /// Name of the peer or the model, or beginning of the id of the invitation, that the change is about; null where it is about
    /// the whole network.
    @ExplicitNull public var subject: String?

    public init(network: String, id: String, revision: UInt64, subject: String? = nil) {
        self.network = network
        self.id = id
        self.revision = revision
        self.subject = subject
    }
}
