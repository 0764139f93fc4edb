import Wire

/// A member of a network.
public struct PeerDocument: Codable, Equatable, Sendable {
    public enum State: String, Codable, Sendable {
        case alive
        /// There is a link, but members have not heard from it lately.
        case suspect
        /// There is no link to it.
        case unreachable
    }

    /// 64 hexadecimal digits.
    public var id: String
    public var name: String
    /// `host:port`; empty where none is known.
    public var address: String
    public var state: State
    public var role: String
    /// Whether it decides changes of the config.
    public var votes: Bool
    /// The revision that it goes by, by its own word; 0 where it has not said.
    public var applied: UInt64
    /// The generation of that revision: after a recovery a lower revision may be the newer one.
    public var appliedGeneration: UInt64
    /// Blocks that it serves first, as the config assigns them.
    public var blocks: [BlockSpan]
    /// Blocks of which it keeps the second copy.
    public var copies: [BlockSpan]
    /// Blocks that it can compute at once, by its own word.
    public var loaded: [BlockSpan]
    /// Blocks whose pieces are on its disk, by its own word.
    public var held: [BlockSpan]
    /// Bytes that it lends to this network, as the config says.
    public var sharedMemory: UInt64
    /// Bytes that its owner started it with, by its own word; null where it has not said.
    @ExplicitNull public var offeredMemory: UInt64?

    public init(
        id: String, name: String, address: String, state: State, role: String, votes: Bool = false,
        applied: UInt64 = 0, appliedGeneration: UInt64 = 0, blocks: [BlockSpan], copies: [BlockSpan],
        loaded: [BlockSpan], held: [BlockSpan], sharedMemory: UInt64, offeredMemory: UInt64? = nil
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.state = state
        self.role = role
        self.votes = votes
        self.applied = applied
        self.appliedGeneration = appliedGeneration
        self.blocks = blocks
        self.copies = copies
        self.loaded = loaded
        self.held = held
        self.sharedMemory = sharedMemory
        self.offeredMemory = offeredMemory
    }

    enum CodingKeys: String, CodingKey {
        case id, name, address, state, role, votes, applied
        case appliedGeneration = "applied_generation"
        case blocks, copies, loaded, held
        case sharedMemory = "shared_memory"
        case offeredMemory = "offered_memory"
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
    /// Id of the peer that orders changes; null where none is known.
    @ExplicitNull public var leader: String?
    public var peers: [PeerDocument]

    public init(network: String, id: String, leader: String? = nil, peers: [PeerDocument]) {
        self.network = network
        self.id = id
        self.leader = leader
        self.peers = peers
    }
}

/// One peer in every network that it shares with this one: all of `peer show --json`.
public struct PeerMembershipsDocument: Codable, Equatable, Sendable {
    public struct Membership: Codable, Equatable, Sendable {
        /// The network's name.
        public var network: String
        /// The network's id.
        public var id: String
        public var revision: UInt64
        public var generation: UInt64
        /// Whether the peer orders the network's changes.
        public var leads: Bool
        public var peer: PeerDocument

        public init(
            network: String, id: String, revision: UInt64, generation: UInt64, leads: Bool, peer: PeerDocument
        ) {
            self.network = network
            self.id = id
            self.revision = revision
            self.generation = generation
            self.leads = leads
            self.peer = peer
        }
    }

    /// 64 hexadecimal digits.
    public var id: String
    public var name: String
    public var networks: [Membership]

    public init(id: String, name: String, networks: [Membership]) {
        self.id = id
        self.name = name
        self.networks = networks
    }
}
