import MeshCore
import NetworkConfig
import Wire

extension NetworkDocument {
    /// - Parameter wallClock: seconds since 1970; invitations that have expired by then are left out.
    init(_ status: NetworkStatus, wallClock: UInt64) {
        let config = status.config
        self.init(
            name: config.name, id: status.id.description, revision: config.revision.value,
            generation: config.generation, recoveries: config.version.recoveries,
            certifiedBy: status.certifiers.map(\.description), voters: config.voters.map(\.description),
            role: status.role.description, quorum: status.canChange, leader: status.leader?.description,
            model: config.model.name, blockCount: config.model.blocks.count,
            policy: Policy(
                maxVoters: config.policy.maxVoters, voterGrace: config.policy.voterGrace,
                cacheFormat: config.policy.cacheFormat.description),
            invitations: config.invitations.filter { $0.expires > wallClock }.map {
                OpenInvitation(id: $0.key.description, role: $0.role.description, expires: $0.expires)
            },
            notice: status.notice, peers: status.peers.map { PeerDocument($0) })
    }
}

extension PeerDocument {
    init(_ peer: NetworkStatus.Peer) {
        self.init(
            id: peer.member.peer.description, name: peer.member.name, address: peer.address?.description ?? "",
            state: State(peer.state), role: peer.member.role.description, votes: peer.votes,
            applied: peer.applied.revision.value, appliedGeneration: peer.applied.generation,
            blocks: peer.first.map { BlockSpan($0) }, copies: peer.copies.map { BlockSpan($0) },
            loaded: peer.loaded.map { BlockSpan($0) }, held: peer.held.map { BlockSpan($0) },
            sharedMemory: peer.member.grantedMemory, offeredMemory: peer.offeredMemory)
    }
}

extension PeerDocument.State {
    init(_ state: NetworkStatus.Peer.State) {
        switch state {
        case .alive: self = .alive
        case .suspect: self = .suspect
        case .unreachable: self = .unreachable
        }
    }
}

extension NetworkStatus {
    /// One sentence on what keeps the network from answering well, the most serious first; nil where all is well.
    var notice: String? {
        if shortfall > 1 {
            return "members lend \(shortfall >> 20 + 1) MiB too little for this model; let another peer join, "
                + "or start one with a larger --share-memory"
        }
        if shortfall > 0 {
            return
                "no division of this model's blocks fits what members lend; start a peer with a larger --share-memory"
        }
        if !missing.isEmpty {
            let blocks = missing.map { "\(BlockSpan($0))" }.joined(separator: ", ")
            return "blocks \(blocks) are on no peer that can be reached just now"
        }
        if fetched.held < fetched.wanted {
            return "\(fetched.held >> 20) of \(fetched.wanted >> 20) MiB of this peer's blocks have arrived"
        }
        return nil
    }
}
