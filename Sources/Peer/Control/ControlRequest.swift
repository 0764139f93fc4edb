/// What a client asks of the running peer. One request travels on one connection; docs/protocol.md lists
/// them. Both ends are the same binary: a peer of another version says so when it cannot read a request.
public enum ControlRequest: Codable, Equatable, Sendable {
    case status
    case networkCreate(name: String, model: String)
    case networkDiscover
    case networkJoin(invitation: String)
    /// Role as Wire.Role names it.
    case networkInvite(network: String, role: String, validHours: Int)
    case networkList
    case networkShow(network: String)
    case networkLeave(network: String)
    case networkRecover(network: String)
    /// A model as `networkCreate` takes it.
    case networkSetModel(network: String, model: String)
    /// What is nil stays as it is. The grace is in seconds.
    case networkSetPolicy(network: String, maxVoters: Int?, voterGrace: Int?, cacheFormat: String?)
    case networkPlan(network: String)
    /// The invitation's text, or its id or the beginning of that.
    case networkRevoke(network: String, invitation: String)
    /// An absolute path: the peer's working directory is not the client's.
    case modelAdd(path: String, name: String?)
    case modelList
    case modelShow(name: String)
    case modelRemove(name: String)
    /// Nil asks for the peers of every network.
    case peerList(network: String?)
    /// A peer is named by its name, its id, or at least four digits that its id begins with. Nil asks in every network.
    case peerShow(peer: String, network: String?)
    /// Bytes. Nil is the only network, here and below.
    case peerGrant(peer: String, memory: UInt64, network: String?)
    case peerRole(peer: String, role: String, network: String?)
    case peerRemove(peer: String, network: String?)
    case chat(ChatRequest)
    case embed(EmbeddingRequest)
    case events(newest: Int)
    case stop
}
