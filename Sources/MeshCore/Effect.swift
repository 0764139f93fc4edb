import Chain
import Identity
import Wire

/// Everything that a peer may want done. The shell does them in order.
public enum Effect: Sendable {
    case multicast([UInt8])
    case dial(Endpoint, expecting: PeerID?, purpose: LinkInfo.Purpose, tag: DialTag)
    case send(Frame, on: LinkID)
    case closeLink(LinkID, reason: String)
    /// Find out soon whether anything still passes over it; close it where nothing does.
    case probeLink(LinkID)

    /// Seal a datagram for that peer and send it.
    case gossip(NetworkID, GossipMessage, to: PeerID, at: Endpoint)

    /// Write the certified config in the place of the one before so that it survives a loss of power, then answer `persisted`.
    case persistLedger(StorageTicket, network: NetworkID, CertifiedConfig)
    /// Write what Raft must not forget so that it survives a loss of power, then answer `persisted`. A greater generation than the
    /// one on disk takes the place of everything of that one.
    case persistRaft(StorageTicket, network: NetworkID, generation: UInt64, RaftWrite)
    case forgetNetwork(NetworkID)
    /// Write this number in the place of that of this start so that it survives a loss of power, speak by it from then on, and then
    /// answer `persisted`.
    case raiseEpoch(StorageTicket, to: UInt64)

    case openPart(Piece)
    case writePart(Digest, offset: UInt64, bytes: Payload)
    case readPart(LinkID, PieceRequest)

    /// Hold these blocks in memory: the pinned ones in any case, then of the wanted ones as many as the grant allows, in order.
    /// Answered by `residencyChanged` whenever what is loaded has changed, and at least once.
    case reside(NetworkID, ModelManifest, pinned: [BlockRange], wanted: [BlockRange])
    case compute(StageWork)
    case truncateCache(StageKey, to: Position)
    /// Make an empty KV cache for these blocks in the place of any that is there.
    case resetCache(StageKey, network: NetworkID, blocks: BlockRange)
    case dropCache(StageKey)

    case respond(RequestID, Response)
    case log(Event)
}

/// An answer to a request. All but the first three are the last.
public enum Response: Hashable, Sendable {
    case token(TokenChoice)
    /// As `Embedded` carries it.
    case embedding(Payload)
    /// One sentence: what a chat is waiting for.
    case waiting(String)

    case created(NetworkID)
    case discovered([DiscoveredNetwork])
    case joined(NetworkID)
    case invited(String)
    case left
    case modelSet(Revision)
    case changed(Revision)
    case recovered(Revision)
    case chatFinished(ChatOutcome)
    case refused(String)
}

public struct ChatOutcome: Hashable, Sendable {
    public enum Reason: String, Hashable, Sendable {
        case stop
        case length
        case cancelled
    }
    public let reason: Reason
    public let route: [RouteStage]
    /// How often the route was changed during this turn.
    public let reroutes: Int
    /// Positions of the prompt that had to be computed.
    public let promptTokens: Int
}

public struct DiscoveredNetwork: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public let peer: PeerID
        public let address: Endpoint
    }
    public let id: NetworkID
    public let name: String
    public let model: String
    public var members: [Member]
}

/// What is worth a line in the log, named in the past tense.
public enum Event: Hashable, Sendable, CustomStringConvertible {
    case peerSeen(PeerID, name: String, address: String)
    case linkOpened(PeerID, address: String)
    case linkClosed(PeerID, reason: String)
    case configAdopted(network: String, revision: Revision)
    case configRefused(String)
    case recordRefused(String)
    case equivocationSeen(PeerID, RecordVersion)
    case pieceFetched(Digest, from: PeerID)
    case pieceFailed(Digest, reason: String)
    case pieceRefused(Digest, by: PeerID, reason: String)
    case blocksLoaded(network: String, [BlockRange])
    case blocksRefused(network: String, [BlockRange], reason: String)
    case routeOpened(SessionID, RouteEpoch, [RouteStage])
    case stageFailed(PeerID, reason: String)
    case networkLeft(String)
    case livenessChanged(String, Liveness)
    case leadershipTaken(network: String, term: Term)
    case snapshotRestored(network: String, revision: Revision)
    case networkRecovered(network: String, revision: Revision)
    /// Another machine speaks as this one, or this one's disk was set back.
    case ownIdentityElsewhere
    /// This peer has learnt that it does not know all that it has promised.
    case votesGivenUp(network: String)
    /// Too many were away to ask them.
    case diskTrusted(network: String)

    public var description: String {
        switch self {
        case .peerSeen(let peer, let name, let address): "saw peer \(peer.short) (\(name)) at \(address)"
        case .linkOpened(let peer, let address): "linked with peer \(peer.short) at \(address)"
        case .linkClosed(let peer, let reason): "lost the link with peer \(peer.short): \(reason)"
        case .configAdopted(let network, let revision): "network \(network) is at revision \(revision)"
        case .configRefused(let why): "refused a config: \(why)"
        case .recordRefused(let why): "refused a record: \(why)"
        case .equivocationSeen(let peer, let version): "peer \(peer.short) signed two records as \(version)"
        case .pieceFetched(let digest, let peer): "fetched piece \(digest.description.prefix(8)) from \(peer.short)"
        case .pieceFailed(let digest, let reason): "piece \(digest.description.prefix(8)): \(reason)"
        case .pieceRefused(let digest, let peer, let reason):
            "piece \(digest.description.prefix(8)): peer \(peer.short): \(reason)"
        case .blocksLoaded(let network, let ranges):
            "network \(network): blocks \(ranges.map(\.description).joined(separator: ", ")) are ready"
        case .blocksRefused(let network, let ranges, let reason):
            "network \(network): blocks \(ranges.map(\.description).joined(separator: ", ")) are not loaded: \(reason)"
        case .routeOpened(let session, let epoch, let route):
            "session \(session.description.prefix(8)) epoch \(epoch): "
                + route.map { "\($0.peer.short) \($0.blocks)" }.joined(separator: " > ")
        case .stageFailed(let peer, let reason): "stage on \(peer.short) failed: \(reason)"
        case .networkLeft(let name): "left network \(name)"
        case .livenessChanged(let name, let liveness): "\(name) is \(liveness)"
        case .leadershipTaken(let network, let term): "this peer leads network \(network) in term \(term)"
        case .snapshotRestored(let network, let revision):
            "network \(network): took the leader's state at revision \(revision)"
        case .networkRecovered(let network, let revision):
            "network \(network) was recovered by this peer; it goes on at revision \(revision)"
        case .votesGivenUp(let network):
            "network \(network): votes of this peer count again when the others have said what it has forgotten"
        case .diskTrusted(let network):
            "network \(network): too few others are there to confirm what this peer remembers; it goes by its disk"
        case .ownIdentityElsewhere:
            "another machine uses this peer's identity, or its data directory was set back to an older state"
        }
    }
}
