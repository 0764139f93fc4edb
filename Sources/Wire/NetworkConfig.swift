import Identity

/// What a member may do. Numbered as on the wire.
public enum Role: Int, Sendable, CaseIterable, CustomStringConvertible {
    /// Changes the config and admits peers; holds blocks too.
    case admin = 1
    /// Holds blocks.
    case worker = 2
    /// Keeps copies and takes over.
    case backup = 3
    /// Only asks.
    case member = 4

    public init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.description == name }) else { return nil }
        self = role
    }

    public var description: String {
        switch self {
        case .admin: "admin"
        case .worker: "worker"
        case .backup: "backup"
        case .member: "member"
        }
    }

    public var holdsBlocks: Bool { self != .member }
}

/// How a network keeps its voters, and what it computes with.
public struct NetworkPolicy: Hashable, Sendable {
    /// The most voters that there may be.
    public let maxVoters: Int
    /// Seconds that a voter may be away before another member takes its seat.
    public let voterGrace: Int
    /// In which format sessions keep keys and values.
    public let cacheFormat: CacheFormat

    public static let votersAllowed = 1...7
    /// Seconds: up to a week.
    public static let graceAllowed = 1...604_800
    public static let standard = NetworkPolicy(maxVoters: 7, voterGrace: 300)

    public init(maxVoters: Int, voterGrace: Int, cacheFormat: CacheFormat = .f16) {
        self.maxVoters = maxVoters
        self.voterGrace = voterGrace
        self.cacheFormat = cacheFormat
    }

    public var isAllowed: Bool {
        NetworkPolicy.votersAllowed.contains(maxVoters) && NetworkPolicy.graceAllowed.contains(voterGrace)
    }
}

/// What the members of a network agree on. docs/protocol.md says how it is certified and passed on.
public struct NetworkConfig: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public let peer: PeerID
        public var name: String
        public var role: Role
        /// Bytes of memory that the network may use there: what its owner lends, unless an admin has set less.
        public var grantedMemory: UInt64
        /// Bytes of memory that its owner lends, by the owner's last word.
        public var offeredMemory: UInt64
        public var addresses: [Endpoint]
        /// The revision that admitted it.
        public var joined: Revision
        /// The revision that last set its role or its grant.
        public var changed: Revision
        public init(
            peer: PeerID, name: String, role: Role, grantedMemory: UInt64, offeredMemory: UInt64? = nil,
            addresses: [Endpoint], joined: Revision = .first, changed: Revision = .first
        ) {
            self.peer = peer
            self.name = name
            self.role = role
            self.grantedMemory = grantedMemory
            self.offeredMemory = offeredMemory ?? grantedMemory
            self.addresses = addresses
            self.joined = joined
            self.changed = changed
        }
    }

    public struct Invitation: Hashable, Sendable {
        /// The public half of a key grown from the invitation's secret. Whoever can sign with it may enter once.
        public let key: PeerID
        public let role: Role
        /// Seconds since 1970.
        public let expires: UInt64
        public init(key: PeerID, role: Role, expires: UInt64) {
            self.key = key
            self.role = role
            self.expires = expires
        }
    }

    public struct Assignment: Hashable, Sendable {
        public let peer: PeerID
        public let blocks: BlockRange
        /// A second copy, which serves when the first cannot.
        public let copy: Bool
        public init(peer: PeerID, blocks: BlockRange, copy: Bool) {
            self.peer = peer
            self.blocks = blocks
            self.copy = copy
        }
    }

    /// Nil in the first revision.
    public var network: NetworkID?
    /// See `RevisionHeader.generation`.
    public var generation: UInt64
    public var revision: Revision
    public var name: String
    /// Who founded it. That gives no rights.
    public var founder: PeerID
    /// Who decide changes and certify the next revision, ascending.
    public var voters: [PeerID]
    /// In the order of their admission. At least one of them is an admin.
    public var members: [Member]
    public var model: ModelManifest
    public var policy: NetworkPolicy
    public var invitations: [Invitation]
    /// First copies in the order of the chain, then second copies.
    public var assignment: [Assignment]
    /// Peers that were removed, for ever.
    public var removed: [PeerID]
    /// Makes two networks that were founded alike differ.
    public var salt: [UInt8]
    /// The revisions in which each was last set.
    public var modelChanged: Revision
    public var policyChanged: Revision
    public var assignmentChanged: Revision

    public init(
        network: NetworkID?, generation: UInt64 = 0, revision: Revision, name: String, founder: PeerID,
        voters: [PeerID], members: [Member], model: ModelManifest, policy: NetworkPolicy = .standard,
        invitations: [Invitation] = [], assignment: [Assignment] = [], removed: [PeerID] = [], salt: [UInt8],
        modelChanged: Revision = .first, policyChanged: Revision = .first, assignmentChanged: Revision = .first
    ) {
        self.network = network
        self.generation = generation
        self.revision = revision
        self.name = name
        self.founder = founder
        self.voters = voters
        self.members = members
        self.model = model
        self.policy = policy
        self.invitations = invitations
        self.assignment = assignment
        self.removed = removed
        self.salt = salt
        self.modelChanged = modelChanged
        self.policyChanged = policyChanged
        self.assignmentChanged = assignmentChanged
    }

    /// What a network begins with: its founder alone, who is its admin and its only voter.
    public init(founding name: String, by founder: Member, model: ModelManifest, salt: [UInt8]) {
        var founder = founder
        founder.role = .admin
        founder.joined = .first
        founder.changed = .first
        self.init(
            network: nil, revision: .first, name: name, founder: founder.peer, voters: [founder.peer],
            members: [founder], model: model, salt: salt)
    }

    public var version: ConfigVersion { ConfigVersion(generation: generation, revision: revision) }
    /// Ascending.
    public var admins: [PeerID] { members.filter { $0.role == .admin }.map(\.peer).sorted() }
    public func member(_ peer: PeerID) -> Member? { members.firstIndex { $0.peer == peer }.map { members[$0] } }
    public func isMember(_ peer: PeerID) -> Bool { members.contains { $0.peer == peer } }

    /// Blocks that the peer is to hold, first copies before second ones.
    public func blocks(of peer: PeerID) -> (first: [BlockRange], copies: [BlockRange]) {
        let mine = assignment.filter { $0.peer == peer }
        return (mine.filter { !$0.copy }.map(\.blocks), mine.filter(\.copy).map(\.blocks))
    }

    /// A revision's payload, whose digest the header names.
    public func encoded() -> [UInt8] { Coding.bytes(self) }

    /// Reads a revision's payload. Whether it is genuine is the header's matter.
    public init(payload: [UInt8]) throws(WireError) { self = try Coding.value(payload) }

    /// The same for whoever knows the payload's digest, which must be that: one that was read lately is not read again.
    public init(payload: [UInt8], digest: Digest) throws(WireError) {
        self = try NetworkConfig.recent.value(of: digest) { () throws(WireError) in try NetworkConfig(payload: payload)
        }
    }

    private static let recent = RecentReadings<NetworkConfig>(places: 16)
}
