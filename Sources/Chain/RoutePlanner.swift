import Identity
import Wire

/// Chooses who computes which blocks of one session.
public enum RoutePlanner {
    /// A peer that can compute blocks, and how willingly: 0 its first copies, 1 second copies, 2 anything it has on disk. A peer
    /// may be named several times with different ranks.
    public struct Holder: Hashable, Sendable {
        public let peer: PeerID
        public let ranges: [BlockRange]
        public let rank: Int
        public init(peer: PeerID, ranges: [BlockRange], rank: Int) {
            self.peer = peer
            self.ranges = ranges
            self.rank = rank
        }
    }

    /// What a part of a route costs; the first number that differs decides. The plan gave every block a place and a spare place in
    /// memory: to leave those is worse than another hop.
    private struct Cost: Comparable {
        /// Blocks at rank 2 and above: to be loaded from disk.
        var unplanned = 0
        /// Blocks at rank 1.
        var spare = 0
        var stages = 0

        static func + (left: Cost, right: Cost) -> Cost {
            Cost(
                unplanned: left.unplanned + right.unplanned, spare: left.spare + right.spare,
                stages: left.stages + right.stages)
        }
        static func < (left: Cost, right: Cost) -> Bool {
            (left.unplanned, left.spare, left.stages) < (right.unplanned, right.spare, right.stages)
        }
        static let stage = Cost(stages: 1)
    }

    /// A route over the blocks `0..<blockCount`, or nil where some block has no holder that is not avoided.
    ///
    /// Stages of `keeping` stay as they are where their peer still holds them and is not avoided: they have the session's KV
    /// cache. The gaps between them are filled with as little as possible of low rank, then with as few stages as possible; equal
    /// ones are decided by the peer's id. A stage may begin and end anywhere in what its peer holds.
    public static func route(
        blockCount: Int, holders: [Holder], keeping: [RouteStage], avoiding: [PeerID]
    ) -> [RouteStage]? {
        guard (1...Limits.blocks).contains(blockCount) else { return nil }
        let willing = holders.filter { !avoiding.contains($0.peer) }
        var peers: [PeerID] = []
        for holder in willing.sorted(by: { $0.peer < $1.peer }) where peers.last != holder.peer {
            peers.append(holder.peer)
        }
        let ranks = peers.map { lowestRanks(of: $0, among: willing, blockCount) }
        var kept: [RouteStage] = []
        var filled = 0
        for stage in keeping.sorted(by: { $0.blocks < $1.blocks }) {
            guard stage.blocks.first >= filled, stage.blocks.last < blockCount,
                let index = peers.firstIndex(of: stage.peer),
                stage.blocks.closedRange.allSatisfy({ ranks[index][$0] != nil })
            else { continue }
            kept.append(stage)
            filled = stage.blocks.last + 1
        }
        var route: [RouteStage] = []
        var next = 0
        for stage in kept {
            guard let filling = fill(next..<stage.blocks.first, peers, ranks) else { return nil }
            route += filling + [stage]
            next = stage.blocks.last + 1
        }
        guard let filling = fill(next..<blockCount, peers, ranks) else { return nil }
        route += filling
        return route.count <= Limits.stages ? route : nil
    }

    /// For each block the lowest rank at which the peer holds it; nil where it does not.
    private static func lowestRanks(of peer: PeerID, among holders: [Holder], _ blockCount: Int) -> [Int?] {
        var ranks = [Int?](repeating: nil, count: blockCount)
        for holder in holders where holder.peer == peer {
            for range in holder.ranges where range.first < blockCount {
                for block in range.first...min(range.last, blockCount - 1) {
                    ranks[block] = min(ranks[block] ?? holder.rank, holder.rank)
                }
            }
        }
        return ranks
    }

    /// The cheapest stages over a gap. `costs[b][p]` is the cheapest way from block b to the gap's end when peer p computes b,
    /// without counting the stage that b is part of; found from the end backwards.
    private static func fill(_ gap: Range<Int>, _ peers: [PeerID], _ ranks: [[Int?]]) -> [RouteStage]? {
        if gap.isEmpty { return [] }
        var costs = [[Cost?]](repeating: Array(repeating: nil, count: peers.count), count: gap.count)
        var following: Cost? = Cost()
        for block in gap.reversed() {
            let row = block - gap.lowerBound
            for (index, ranks) in ranks.enumerated() {
                guard let rank = ranks[block], let following else { continue }
                let own = Cost(unplanned: rank >= 2 ? 1 : 0, spare: rank == 1 ? 1 : 0)
                if block == gap.upperBound - 1 {
                    costs[row][index] = own
                } else {
                    let staying = costs[row + 1][index]
                    let changing = following + .stage
                    costs[row][index] = own + min(staying ?? changing, changing)
                }
            }
            following = costs[row].compactMap { $0 }.min()
            if following == nil { return nil }
        }
        var stages: [RouteStage] = []
        var current: Int?
        for block in gap {
            let row = costs[block - gap.lowerBound]
            guard let best = row.compactMap({ $0 }).min() else { return nil }
            if let index = current, let last = stages.last, let staying = row[index], staying <= best + .stage {
                stages[stages.count - 1] = RouteStage(peer: last.peer, blocks: BlockRange(last.blocks.first...block))
            } else if let index = row.firstIndex(of: best) {
                current = index
                stages.append(RouteStage(peer: peers[index], blocks: BlockRange(block...block)))
            }
        }
        return stages
    }
}
