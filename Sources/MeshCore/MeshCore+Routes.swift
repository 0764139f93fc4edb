import Chain
import Identity
import Placement
import Wire

// Which peers compute a session: those that can be reached, have the blocks on disk, and have room for them in the memory that they
// lend.

extension MeshCore {
    /// Blocks that no reachable peer has on its disk.
    public func missingBlocks(in network: NetworkID) -> [BlockRange] {
        guard let state = networks[network] else { return [] }
        let ranges = holders(in: state).flatMap(\.ranges)
        return BlockRange.covering(
            state.config.model.blocks.indices.filter { block in !ranges.contains { $0.contains(block) } })
    }

    /// One sentence: why there is no route just now.
    func reasonToWait(in network: NetworkID) -> String {
        guard let state = networks[network] else { return "this peer is not in that network" }
        let missing = missingBlocks(in: network).map(\.description).joined(separator: ", ")
        if !missing.isEmpty { return "waiting: blocks \(missing) are on no peer that can be reached" }
        if fittingRoute(in: state, avoiding: [], keeping: []) == nil, emergencyRoute(in: state, avoiding: []) == nil {
            return "waiting: the memory that the reachable peers lend does not hold the model; start another peer"
        }
        return "waiting for a peer to recover"
    }

    func route(for session: SessionID, avoiding: [PeerID], keeping: [RouteStage]) -> [RouteStage]? {
        guard let network = drivers[session]?.driver.network, let state = networks[network] else { return nil }
        let reachable = keeping.filter { $0.peer == peer || memberLink(to: $0.peer) != nil }
        if let route = fittingRoute(in: state, avoiding: avoiding, keeping: reachable) { return route }
        // A stage that took over blocks for a peer that has died may stand in the way when another one dies.
        if !reachable.isEmpty, let route = fittingRoute(in: state, avoiding: avoiding, keeping: []) { return route }
        return emergencyRoute(in: state, avoiding: avoiding)
    }

    /// Where nothing fits beside what each was planned for, those who are left move: each takes another range of what is on its
    /// disk.
    private func emergencyRoute(in state: NetworkState, avoiding: [PeerID]) -> [RouteStage]? {
        let holders = holders(in: state)
        let candidates = state.config.members.map(\.peer).filter { !avoiding.contains($0) }.map { member in
            Placement.Candidate(
                peer: member, memory: lentMemory(of: member, in: state),
                held: holders.filter { $0.peer == member }.flatMap(\.ranges))
        }
        return Placement.emergency(blocks: state.config.model.blocks.map(\.memory), candidates: candidates)?
            .map { RouteStage(peer: $0.peer, blocks: $0.blocks) }
    }

    /// A route in which no peer is to hold more than it lends. The planner counts no memory: where it asks too much of a peer, that
    /// peer gives up the blocks that it was least planned for, and the planner is asked again.
    private func fittingRoute(in state: NetworkState, avoiding: [PeerID], keeping: [RouteStage]) -> [RouteStage]? {
        let model = state.config.model
        var holders = holders(in: state)
        // Each round takes a block from some peer.
        for _ in 0...model.blocks.count * 4 {
            guard
                let route = RoutePlanner.route(
                    blockCount: model.blocks.count, holders: holders, keeping: keeping, avoiding: avoiding)
            else { return nil }
            guard let excess = excess(of: route, holders: holders, in: state) else { return route }
            holders = holders.map { holder in
                guard holder.peer == excess.peer else { return holder }
                let kept = holder.ranges.flatMap(\.closedRange).filter { !excess.blocks.contains($0) }
                return RoutePlanner.Holder(peer: holder.peer, ranges: BlockRange.covering(kept), rank: holder.rank)
            }
        }
        return nil
    }

    /// The first peer of a route that lends less than it would need, and the blocks that are too much for it.
    private func excess(
        of route: [RouteStage], holders: [RoutePlanner.Holder], in state: NetworkState
    ) -> (peer: PeerID, blocks: [Int])? {
        var asked: [PeerID] = []
        for stage in route where !asked.contains(stage.peer) {
            asked.append(stage.peer)
            func rank(_ block: Int) -> Int {
                holders.filter { $0.peer == stage.peer && $0.ranges.contains { $0.contains(block) } }.map(\.rank).min()
                    ?? .max
            }
            let blocks = route.filter { $0.peer == stage.peer }.flatMap(\.blocks.closedRange)
                .map { (rank: rank($0), block: $0) }.sorted { $0 < $1 }.map(\.block)
            var room = lentMemory(of: stage.peer, in: state)
            var excess: [Int] = []
            for block in blocks {
                let size = state.config.model.blocks[block].memory
                if size <= room { room -= size } else { excess.append(block) }
            }
            if !excess.isEmpty { return (stage.peer, excess) }
        }
        return nil
    }

    private func lentMemory(of other: PeerID, in state: NetworkState) -> UInt64 {
        if other == peer { return settings.sharedMemory }
        return state.gossip.record(of: other)?.grantedMemory ?? state.config.member(other)?.grantedMemory ?? 0
    }

    /// Who can compute what just now: first copies rank before second ones, and those before whoever has the pieces on its disk
    /// without having been asked to.
    private func holders(in state: NetworkState) -> [RoutePlanner.Holder] {
        var holders: [RoutePlanner.Holder] = []
        for member in state.config.members where member.role.holdsBlocks {
            let held: [BlockRange]
            if member.peer == peer {
                held = BlockRange.covering(heldBlocks(of: state.config.model))
            } else {
                guard memberLink(to: member.peer) != nil, let record = state.gossip.record(of: member.peer) else {
                    continue
                }
                held = record.held
            }
            // Block by block: a record may name as many overlapping ranges as fit.
            let blocks = state.config.model.blocks.indices.filter { block in held.contains { $0.contains(block) } }
            let assigned = state.config.blocks(of: member.peer)
            func part(_ ranges: [BlockRange]) -> [BlockRange] {
                BlockRange.covering(blocks.filter { block in ranges.contains { $0.contains(block) } })
            }
            for (rank, ranges) in [part(assigned.first), part(assigned.copies), BlockRange.covering(blocks)]
                .enumerated()
            where !ranges.isEmpty {
                holders.append(RoutePlanner.Holder(peer: member.peer, ranges: ranges, rank: rank))
            }
        }
        return holders
    }
}
