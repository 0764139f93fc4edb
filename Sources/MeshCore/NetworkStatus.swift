import Identity
import NetworkConfig
import Wire

/// One network as this peer sees it just now, for people to look at.
public struct NetworkStatus: Sendable {
    public struct Peer: Sendable {
        public enum State: Hashable, Sendable {
            case alive
            /// There is a link, but members have not heard from it lately.
            case suspect
            /// There is no link to it.
            case unreachable
        }

        public let member: NetworkConfig.Member
        public let address: Endpoint?
        public let state: State
        public let votes: Bool
        public let first: [BlockRange]
        public let copies: [BlockRange]
        public let held: [BlockRange]
        public let loaded: [BlockRange]
        /// The config that it goes by, by its own word; `none` where it has not said.
        public let applied: ConfigVersion
        /// Bytes of memory that its owner started it with, by its own word; nil where it has not said. What is agreed stands in
        /// `member`.
        public let offeredMemory: UInt64?

        public init(
            member: NetworkConfig.Member, address: Endpoint?, state: State, votes: Bool, first: [BlockRange],
            copies: [BlockRange], held: [BlockRange], loaded: [BlockRange], applied: ConfigVersion,
            offeredMemory: UInt64?
        ) {
            self.member = member
            self.address = address
            self.state = state
            self.votes = votes
            self.first = first
            self.copies = copies
            self.held = held
            self.loaded = loaded
            self.applied = applied
            self.offeredMemory = offeredMemory
        }
    }

    public let id: NetworkID
    /// The certified config that this peer goes by.
    public let config: NetworkConfig
    /// Whose signatures certify it, ascending. Empty for a network's first revision, which its id names.
    public let certifiers: [PeerID]
    /// This peer's.
    public let role: Role
    /// Whether the config can be changed now.
    public let canChange: Bool
    public let leader: PeerID?
    /// All members, this peer too, in the order of the config.
    public let peers: [Peer]
    /// Bytes of what this peer should hold that are on its disk, and of all of it.
    public let fetched: (held: UInt64, wanted: UInt64)
    /// Bytes by which the grants of all members fall short of the model; zero where every block has a place.
    public let shortfall: UInt64
    /// Blocks that no reachable peer has on its disk.
    public let missing: [BlockRange]

    public init(
        id: NetworkID, config: NetworkConfig, certifiers: [PeerID], role: Role, canChange: Bool, leader: PeerID?,
        peers: [Peer], fetched: (held: UInt64, wanted: UInt64), shortfall: UInt64, missing: [BlockRange]
    ) {
        self.id = id
        self.config = config
        self.certifiers = certifiers
        self.role = role
        self.canChange = canChange
        self.leader = leader
        self.peers = peers
        self.fetched = fetched
        self.shortfall = shortfall
        self.missing = missing
    }
}
