/// What the peer says while it works on a request. The last one is `result` or `failure`, exactly one of them.
public enum ControlEvent: Codable, Equatable, Sendable {
    /// Long work goes on; `fraction` from 0 to 1 where it is known.
    case progress(text: String, fraction: Double?)
    /// The next part of an answer, whole characters only.
    case text(String)
    /// Something that the person should know, one sentence.
    case notice(String)
    case result(ControlResult)
    /// Why it cannot be done and what to do, one sentence.
    case failure(String)

    /// True for the event after which nothing follows.
    public var isLast: Bool {
        switch self {
        case .result, .failure: true
        case .progress, .text, .notice: false
        }
    }
}

/// What a request came to. Each request has one kind of result; the comment names it.
public enum ControlResult: Codable, Equatable, Sendable {
    /// `status`
    case status(StatusDocument)
    /// `networkList`
    case networks([NetworkDocument])
    /// `networkCreate`, `networkJoin`, `networkShow`
    case network(NetworkDocument)
    /// `networkDiscover`
    case discovered([DiscoveredNetworkDocument])
    /// `networkInvite`
    case invitation(InvitationDocument)
    /// `modelList`
    case models([ModelDocument])
    /// `modelAdd`, `modelShow`
    case model(ModelDocument)
    /// `peerList`
    case peers([NetworkPeersDocument])
    /// `peerShow`
    case memberships(PeerMembershipsDocument)
    /// `networkRecover`, `networkSetModel`, `networkSetPolicy`, `networkPlan`, `networkRevoke`, `peerGrant`, `peerRole`,
    /// `peerRemove`
    case changed(ChangeDocument)
    /// `chat`
    case chat(ChatDocument)
    /// `embed`
    case embeddings(EmbeddingDocument)
    /// `events`
    case events([EventDocument])
    /// `networkLeave`, `modelRemove`, `stop`
    case done
}
