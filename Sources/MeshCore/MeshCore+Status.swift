import Identity
import NetworkConfig
import Wire

// What a peer knows, for people to look at: see `NetworkStatus`.

extension MeshCore {
    /// The networks that this peer is in, by name.
    public var status: [NetworkStatus] {
        networks.values.compactMap(status(of:)).sorted { ($0.config.name, $0.id) < ($1.config.name, $1.id) }
    }

    private func status(of state: NetworkState) -> NetworkStatus? {
        let config = state.config
        guard let own = config.member(peer) else { return nil }
        return NetworkStatus(
            id: state.ledger.network, config: config, certifiers: state.ledger.certifiers, role: own.role,
            canChange: quorum(of: state), leader: leader(of: state),
            peers: config.members.map { status(of: $0, in: state) }, fetched: fetchProgress(of: state.ledger.network),
            shortfall: shortfall(of: config), missing: missingBlocks(in: state.ledger.network))
    }

    private func status(of member: NetworkConfig.Member, in state: NetworkState) -> NetworkStatus.Peer {
        let config = state.config
        let assigned = config.blocks(of: member.peer)
        let votes = config.voters.contains(member.peer)
        if member.peer == peer {
            return NetworkStatus.Peer(
                member: member, address: ownAddresses.first, state: .alive, votes: votes, first: assigned.first,
                copies: assigned.copies, held: BlockRange.covering(heldBlocks(of: config.model)),
                loaded: BlockRange.covering(state.loaded), applied: state.ledger.version,
                offeredMemory: settings.sharedMemory)
        }
        let link = memberLink(to: member.peer)
        let record = state.gossip.record(of: member.peer)
        return NetworkStatus.Peer(
            member: member, address: link?.info.remote ?? addresses(of: member.peer).first,
            state: link == nil ? .unreachable : state.gossip.liveness(of: member.peer) == .alive ? .alive : .suspect,
            votes: votes, first: assigned.first, copies: assigned.copies, held: record?.held ?? [],
            loaded: record?.loaded ?? [], applied: record?.applied ?? .none, offeredMemory: record?.grantedMemory)
    }
}
