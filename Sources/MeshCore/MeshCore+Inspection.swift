import Consensus
import Identity
import NetworkConfig
import Wire

/// What tests and the simulator look at, beyond what people see.
public struct NetworkInspection: Sendable {
    public let network: NetworkID
    /// The life in which this peer speaks.
    public let epoch: UInt64
    /// The certified config that this peer goes by.
    public let version: ConfigVersion
    public let header: RevisionHeader
    public let headerDigest: Digest
    public var config: NetworkConfig { state.config }
    /// Raft, as this peer's part in it stands.
    public let generation: UInt64
    public let role: RaftRole
    public let term: Term
    public let leader: PeerID?
    public let commit: LogIndex
    public let applied: LogIndex
    public let lastIndex: LogIndex
    public let voters: VoterSet
    /// Whether it takes part in Raft, and has all that it was told of the log when it began to.
    public let takesPart: Bool
    /// What applying the log has led to here; no older than `version` on a voter that is up to date.
    public let machineVersion: ConfigVersion
    public let machineHeader: Digest
    /// Of all other members, ascending.
    public var liveness: [(peer: PeerID, liveness: Liveness)] { state.gossip.livenessOfOthers }
    /// Blocks ready to compute.
    public var loaded: [Int] { state.loaded }
    /// Bytes of pieces held and wanted.
    public var fetched: (held: UInt64, wanted: UInt64) {
        MeshCore.fetchProgress(of: state, by: own, held: held, fetches: fetches)
    }
    /// What a member says of itself. Nil where nothing has been heard of it.
    public func record(of peer: PeerID) -> PeerRecord? { state.gossip.record(of: peer) }
    public func signed(of peer: PeerID) -> Signed? { state.gossip.store.signed(of: peer) }
    // For what only few of those who look wish to see.
    let own: PeerID
    let state: NetworkState
    let held: SortedMap<Digest, Bool>
    let fetches: SortedMap<Digest, Fetch>
}

extension MeshCore {
    /// Nil where this peer is not in that network.
    public func inspect(_ network: NetworkID) -> NetworkInspection? {
        guard let state = networks[network] else { return nil }
        return NetworkInspection(
            network: network, epoch: epoch, version: state.ledger.version, header: state.ledger.header,
            headerDigest: state.ledger.headerDigest, generation: state.group.generation,
            role: state.group.raft.role, term: state.group.raft.term, leader: state.group.raft.leader,
            commit: state.group.raft.commit, applied: state.group.raft.applied,
            lastIndex: state.group.raft.lastIndex, voters: state.group.raft.voters,
            takesPart: !state.group.raft.isSilent && !state.group.raft.isShort,
            machineVersion: state.group.machine.version, machineHeader: state.group.machine.headerDigest,
            own: peer, state: state, held: heldPieces, fetches: fetches)
    }
}

extension MeshCore {
    /// The tables that others could fill, with their bounds: name, size, limit.
    public var tableSizes: [(String, Int, Int)] {
        let members = networks.values.reduce(0) { $0 + $1.config.members.count + $1.config.removed.count }
        let pieces = networks.values.reduce(0) { $0 + $1.config.model.pieces.count }
        return [
            ("peers seen", seen.count, MeshLimits.seenPeers),
            (
                "addresses of one peer seen", seen.values.reduce(0) { max($0, $1.addresses.count) },
                MeshLimits.seenAddresses
            ),
            ("contacts", contacts.count, members), ("addresses for datagrams", heardAt.count, members),
            ("proposals", proposals.count, MeshLimits.proposals), ("answers owed", owed.count, MeshLimits.proposals),
            ("changes in the log", networks.values.map(\.group.waiting.count).max() ?? 0, 2 * MeshLimits.proposals),
            ("early signatures", networks.values.map(\.group.early.count).max() ?? 0, MeshLimits.earlyVouches),
            ("uncertified revisions", networks.values.map(\.group.candidates.count).max() ?? 0, MeshLimits.candidates),
            ("records", networks.values.map(\.gossip.recordCount).max() ?? 0, Limits.members),
            ("downloads", fetches.count, pieces),
            ("reads", readsUnderWay.values.max() ?? 0, MeshLimits.readsPerLink),
            ("conversations driven", drivers.count, MeshLimits.drivers),
            ("conversations", conversations.count, MeshLimits.drivers),
            ("stages", stages.stages.count, 256), ("needs", needs.count, 256),
        ]
    }
}
