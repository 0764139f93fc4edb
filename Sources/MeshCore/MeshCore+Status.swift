import Identity
import NetworkConfig
import Wire

// What a peer knows, for people to look at.

public struct NetworkStatus: Sendable {
    public struct Peer: Sendable {
        public let member: NetworkConfig.Member
        public let address: Endpoint?
        public let isReachable: Bool
        public let first: [BlockRange]
        public let copies: [BlockRange]
        public let held: [BlockRange]
        public let loaded: [BlockRange]
        public let appliedRevision: Revision
    }

    public let id: NetworkID
    public let config: NetworkConfig
    public let role: Role
    /// Whether the config can be changed now.
    public let canChange: Bool
    public let leader: PeerID?
    public let peers: [Peer]
    /// Bytes of what this peer should hold that are on its disk, and of all of it.
    public let fetched: (held: UInt64, wanted: UInt64)
    /// Bytes by which the grants of all members fall short of the model; zero where every block has a place.
    public let shortfall: UInt64
    /// Blocks that no reachable peer has on its disk.
    public let missing: [BlockRange]
}

extension MeshCore {
    /// The networks that this peer is in, by name.
    public var status: [NetworkStatus] {
        networks.values.compactMap(status(of:)).sorted { ($0.config.name, $0.id) < ($1.config.name, $1.id) }
    }

    private func status(of state: NetworkState) -> NetworkStatus? {
        let config = state.config
        guard let own = config.member(peer) else { return nil }
        let peers = config.members.map { member in
            let link = memberLink(to: member.peer)
            let record = state.records.record(of: member.peer)
            let assigned = config.blocks(of: member.peer)
            let isSelf = member.peer == peer
            return NetworkStatus.Peer(
                member: member,
                address: isSelf ? ownAddresses.first : link?.info.remote ?? addresses(of: member.peer).first,
                isReachable: isSelf || link != nil, first: assigned.first, copies: assigned.copies,
                held: isSelf ? BlockRange.covering(heldBlocks(of: config.model)) : record?.held ?? [],
                loaded: isSelf ? BlockRange.covering(state.loaded) : record?.loaded ?? [],
                appliedRevision: isSelf ? config.revision : record?.appliedRevision ?? Revision(0))
        }
        let canChange = config.founder == peer || memberLink(to: config.founder) != nil
        return NetworkStatus(
            id: state.ledger.network, config: config, role: own.role, canChange: canChange,
            leader: canChange ? config.founder : nil, peers: peers, fetched: fetchProgress(of: state.ledger.network),
            shortfall: shortfall(of: config), missing: missingBlocks(in: state.ledger.network))
    }
}
