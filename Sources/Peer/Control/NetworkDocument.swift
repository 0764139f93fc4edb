import Wire

/// One network as this peer sees it: an entry of `status --json`, of `network list --json`, and all of `network show --json`.
public struct NetworkDocument: Codable, Equatable, Sendable {
    public var name: String
    /// 64 hexadecimal digits.
    public var id: String
    public var revision: UInt64
    /// This peer's role in it.
    public var role: String
    /// Whether the config can be changed now.
    public var quorum: Bool
    /// Id of the peer that orders changes; null where none is known.
    @ExplicitNull public var leader: String?
    public var model: String
    /// Blocks of the model, embedding and head among them.
    public var blockCount: Int
    /// One sentence on what keeps the network from answering well; null where all is well.
    @ExplicitNull public var notice: String?
    public var peers: [PeerDocument]

    public init(
        name: String, id: String, revision: UInt64, role: String, quorum: Bool, leader: String?, model: String,
        blockCount: Int, notice: String? = nil, peers: [PeerDocument]
    ) {
        self.name = name
        self.id = id
        self.revision = revision
        self.role = role
        self.quorum = quorum
        self.leader = leader
        self.model = model
        self.blockCount = blockCount
        self.notice = notice
        self.peers = peers
    }

    enum CodingKeys: String, CodingKey {
        case name, id, revision, role, quorum, leader, model
        case blockCount = "block_count"
        case notice
        case peers
    }
}

/// A member of a network.
public struct PeerDocument: Codable, Equatable, Sendable {
    public enum State: String, Codable, Sendable { case alive, unreachable }

    /// 64 hexadecimal digits.
    public var id: String
    public var name: String
    /// `host:port`; empty where none is known.
    public var address: String
    public var state: State
    public var role: String
    /// Blocks that it serves first, as the config assigns them.
    public var blocks: [BlockSpan]
    /// Blocks of which it keeps the second copy.
    public var copies: [BlockSpan]
    /// Blocks that it can compute at once, by its own word.
    public var loaded: [BlockSpan]
    /// Blocks whose pieces are on its disk, by its own word.
    public var held: [BlockSpan]
    /// Bytes that it lends to this network.
    public var sharedMemory: UInt64

    public init(
        id: String, name: String, address: String, state: State, role: String, blocks: [BlockSpan], copies: [BlockSpan],
        loaded: [BlockSpan], held: [BlockSpan], sharedMemory: UInt64
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.state = state
        self.role = role
        self.blocks = blocks
        self.copies = copies
        self.loaded = loaded
        self.held = held
        self.sharedMemory = sharedMemory
    }

    enum CodingKeys: String, CodingKey {
        case id, name, address, state, role, blocks, copies, loaded, held
        case sharedMemory = "shared_memory"
    }
}

/// Consecutive blocks, written as `[first, last]`.
public struct BlockSpan: Codable, Equatable, Sendable, CustomStringConvertible {
    public var first: Int
    public var last: Int

    public init(first: Int, last: Int) {
        self.first = first
        self.last = last
    }

    public init(_ range: BlockRange) { self.init(first: range.first, last: range.last) }

    public init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        first = try container.decode(Int.self)
        last = try container.decode(Int.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(first)
        try container.encode(last)
    }

    public var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}

/// The members of one network: an entry of `peer list --json`.
public struct NetworkPeersDocument: Codable, Equatable, Sendable {
    public var network: String
    public var id: String
    public var peers: [PeerDocument]

    public init(network: String, id: String, peers: [PeerDocument]) {
        self.network = network
        self.id = id
        self.peers = peers
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
