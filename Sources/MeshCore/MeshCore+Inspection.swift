import Consensus
import Identity
import NetworkConfig
import Wire

/// What tests and the simulator look at, beyond what people see.
public struct NetworkInspection: Sendable {
    public let network: NetworkID
    /// The certified config that this peer goes by.
    public let version: ConfigVersion
    public let header: RevisionHeader
    public let headerDigest: Digest
    public let config: NetworkConfig
    /// Raft, as this peer's part in it stands.
    public let generation: UInt64
    public let role: RaftRole
    public let term: Term
    public let leader: PeerID?
    public let commit: LogIndex
    public let applied: LogIndex
    public let lastIndex: LogIndex
    public let voters: VoterSet
    /// What applying the log has led to here; no older than `version` on a voter that is up to date.
    public let machineVersion: ConfigVersion
    public let machineHeader: Digest
    /// Of all other members, ascending.
    public let liveness: [(peer: PeerID, liveness: Liveness)]
    /// Blocks ready to compute.
    public let loaded: [Int]
    /// Bytes of pieces held and wanted.
    public let fetched: (held: UInt64, wanted: UInt64)
}

extension MeshCore {
    /// Nil where this peer is not in that network.
    public func inspect(_ network: NetworkID) -> NetworkInspection? {
        guard let state = networks[network] else { return nil }
        let (raft, machine) = (state.group.raft, state.group.machine)
        return NetworkInspection(
            network: network, version: state.ledger.version, header: state.ledger.header,
            headerDigest: state.ledger.headerDigest, config: state.config, generation: state.group.generation,
            role: raft.role, term: raft.term, leader: raft.leader, commit: raft.commit, applied: raft.applied,
            lastIndex: raft.lastIndex, voters: raft.voters, machineVersion: machine.version,
            machineHeader: machine.headerDigest,
            liveness: state.config.members.map(\.peer).filter { $0 != peer }.sorted().map {
                (peer: $0, liveness: state.gossip.liveness(of: $0))
            },
            loaded: state.loaded, fetched: fetchProgress(of: network))
    }
}

extension MeshCore {
    /// The tables that others could fill, with their bounds: name, size, limit.
    public var tableSizes: [(String, Int, Int)] {
        let members = networks.values.reduce(0) { $0 + $1.config.members.count + $1.config.removed.count }
        let pieces = networks.values.reduce(0) { $0 + $1.config.model.pieces.count }
        return [
            ("peers seen", seen.count, MeshLimits.seenPeers),
            ("addresses of one peer seen", seen.values.map(\.addresses.count).max() ?? 0, MeshLimits.seenAddresses),
            ("contacts", contacts.count, members), ("addresses for datagrams", heardAt.count, members),
            ("proposals", proposals.count, MeshLimits.proposals), ("answers owed", owed.count, MeshLimits.proposals),
            ("changes in the log", networks.values.map(\.group.waiting.count).max() ?? 0, 2 * MeshLimits.proposals),
            ("early signatures", networks.values.map(\.group.early.count).max() ?? 0, MeshLimits.earlyVouches),
            ("uncertified revisions", networks.values.map(\.group.candidates.count).max() ?? 0, MeshLimits.candidates),
            ("records", networks.values.map(\.gossip.records.count).max() ?? 0, Limits.members),
            ("downloads", fetches.count, pieces),
            ("reads", readsUnderWay.values.max() ?? 0, MeshLimits.readsPerLink),
            ("conversations driven", drivers.count, MeshLimits.drivers),
            ("conversations", conversations.count, MeshLimits.drivers),
            ("stages", stages.stages.count, 256), ("needs", needs.count, 256),
        ]
    }
}
