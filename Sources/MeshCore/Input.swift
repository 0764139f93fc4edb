import Chain
import Identity
import Wire

/// What the shell's clocks say when it hands in an input.
public struct Time: Hashable, Sendable {
    /// Monotonic. Everything that waits goes by it.
    public let instant: Instant
    /// Seconds since 1970, which may jump. Only the expiry of invitations goes by it.
    public let wallClock: UInt64
    public init(instant: Instant, wallClock: UInt64) {
        self.instant = instant
        self.wallClock = wallClock
    }
}

/// One wish of a person, until it is answered. Numbered by the shell.
public struct RequestID: Hashable, Comparable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static func < (left: RequestID, right: RequestID) -> Bool { left.value < right.value }
}

/// A dial under way. Numbered by the core.
public struct DialTag: Hashable, Comparable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static func < (left: DialTag, right: DialTag) -> Bool { left.value < right.value }
}

/// A write that something waits for. Numbered by the core.
public struct StorageTicket: Hashable, Comparable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static func < (left: StorageTicket, right: StorageTicket) -> Bool { left.value < right.value }
}

/// A link that has proven who is at its other end.
public struct LinkInfo: Hashable, Sendable {
    public enum Purpose: Hashable, Sendable {
        case member
        /// A peer that is not a member yet, or asks what there is.
        case admission
    }
    public let id: LinkID
    public let peer: PeerID
    public let purpose: Purpose
    public let isOutbound: Bool
    /// Where the peer accepts links.
    public let remote: Endpoint?
    /// The dial that led to it.
    public let dial: DialTag?

    public init(id: LinkID, peer: PeerID, purpose: Purpose, isOutbound: Bool, remote: Endpoint?, dial: DialTag?) {
        self.id = id
        self.peer = peer
        self.purpose = purpose
        self.isOutbound = isOutbound
        self.remote = remote
        self.dial = dial
    }
}

/// Everything that can happen to a peer.
public enum Input: Sendable {
    /// The time that `nextWake` named has come.
    case woke
    /// The machine's addresses, at start and whenever they change.
    case addressesChanged([Endpoint])

    case datagramReceived([UInt8], host: String)
    /// A datagram that a member sealed for this peer.
    case gossipReceived(NetworkID, GossipMessage, from: PeerID, at: Endpoint)
    case linkOpened(LinkInfo)
    case linkClosed(LinkID, reason: String)
    case dialFailed(DialTag, reason: String)
    case received(Frame, on: LinkID)

    case persisted(StorageTicket)

    /// The piece's download can go on at this offset.
    case partOpened(Digest, offset: UInt64)
    case partWritten(Digest, next: UInt64)
    case partFailed(Digest, reason: String)
    case pieceStored(Digest)
    /// A piece that no network here needs was deleted.
    case pieceRemoved(Digest)
    /// The answer to `readPart`; nil where it could not be read.
    case partRead(LinkID, PieceRequest, total: UInt64, bytes: [UInt8]?)

    /// Which blocks are ready to compute, and which were asked for and do not fit or cannot be read.
    case residencyChanged(NetworkID, loaded: [Int], refused: [Int], reason: String)
    case computed(StageTicket, StageKey, StageResult)

    case requested(RequestID, Request)
    case cancelled(RequestID)
    /// The peer is to be stopped in a moment. What comes of it is still done.
    case stopping
}

/// What a person wants.
public enum Request: Sendable {
    case createNetwork(name: String, model: ModelManifest)
    case discover
    case join(String)
    /// The secret is 16 bytes of the system's entropy: a core has no randomness that is fit for secrets.
    case invite(network: NetworkID, role: Role, validSeconds: UInt64, secret: [UInt8])
    case leave(NetworkID)
    case setModel(NetworkID, ModelManifest)
    /// Any other change of the config.
    case change(NetworkID, ConfigCommand.Change)
    /// Begin the network anew without the voters that are lost for good: this peer alone votes then, until others are there.
    case recover(NetworkID)
    case chat(ChatInput)
}

/// A turn of a conversation, as tokens.
public struct ChatInput: Sendable {
    public let network: NetworkID
    public let conversation: SessionID
    /// The whole conversation so far. What the session has already computed is not computed again.
    public let tokens: [Int32]
    public let maxNewTokens: Int
    /// Ascending.
    public let stopTokens: [Int32]
    public let task: HeadTask
    /// Whether the conversation may go on: then what was computed is kept for its next turn.
    public let goesOn: Bool

    public init(
        network: NetworkID, conversation: SessionID, tokens: [Int32], maxNewTokens: Int, stopTokens: [Int32],
        task: HeadTask, goesOn: Bool = true
    ) {
        self.network = network
        self.conversation = conversation
        self.tokens = tokens
        self.maxNewTokens = maxNewTokens
        self.stopTokens = stopTokens
        self.task = task
        self.goesOn = goesOn
    }
}
