import Identity
import Wire

/// Who holds which blocks: every block once, in contiguous ranges, in proportion to the memory that each peer lends; then a
/// second copy of every block on another peer.
///
/// First copies come from a dynamic programme over (peers so far, blocks so far) that minimises the fullest peer's share of its
/// grant. A peer may get no block at all where blocks are coarse. Second copies are planned for the loss of any one peer: its
/// range goes to the peers that would have room for it beside their own first copies; where that leaves a block over, the others
/// copy what they would hold in a plan without that peer. Copies need memory only once that peer is lost; until then they wait on
/// disk, and in memory as far as it reaches.
///
/// The plan depends on nothing but the arguments, in their order.
public struct Placement: Hashable, Sendable {
    public struct Candidate: Hashable, Sendable {
        public let peer: PeerID
        /// Bytes that it lends.
        public let memory: UInt64
        /// The only blocks that it may get; nil where it may get any.
        public let held: [BlockRange]?
        public init(peer: PeerID, memory: UInt64, held: [BlockRange]? = nil) {
            self.peer = peer
            self.memory = memory
            self.held = held
        }
    }

    public struct Share: Hashable, Sendable {
        public let peer: PeerID
        public let blocks: BlockRange
        public init(peer: PeerID, blocks: BlockRange) {
            self.peer = peer
            self.blocks = blocks
        }
    }

    /// In the order of the chain. Empty where the grants do not hold the model.
    public let first: [Share]
    /// Ordered by block.
    public let copies: [Share]

    /// `blocks` holds the bytes of memory of each block, in the order of the chain.
    public static func plan(blocks: [UInt64], candidates: [Candidate]) -> Placement {
        let useful = candidates.filter { $0.memory > 0 }
        guard !blocks.isEmpty, let first = partition(blocks: blocks, candidates: useful) else {
            return Placement(first: [], copies: [])
        }
        return Placement(first: first, copies: copies(of: first, blocks: blocks, candidates: useful))
    }

    /// Who computes what when not everybody is here: every block once, at peers that hold it, within what they lend. The order in
    /// which peers follow each other is free here, as it is not in `plan`, where others rely on it; with more than five peers only
    /// some orders are tried.
    public static func emergency(blocks: [UInt64], candidates: [Candidate]) -> [Share]? {
        let useful = candidates.filter { $0.memory > 0 && $0.held?.isEmpty != true }
        guard !blocks.isEmpty, !useful.isEmpty else { return nil }
        for order in orders(of: useful) {
            if let shares = partition(blocks: blocks, candidates: order) { return shares }
        }
        return nil
    }

    private static func orders(of candidates: [Candidate]) -> [[Candidate]] {
        guard candidates.count <= 5 else {
            let rotations = candidates.indices.map { Array(candidates[$0...] + candidates[..<$0]) }
            return rotations + rotations.map { $0.reversed() }
        }
        var orders: [[Candidate]] = [[]]
        for candidate in candidates {
            orders = orders.flatMap { order in
                (0...order.count).map { place in
                    var longer = order
                    longer.insert(candidate, at: place)
                    return longer
                }
            }
        }
        return orders
    }

    /// Bytes that the grants lack to hold every block once; zero where they suffice. Grants that suffice in sum may still not
    /// hold the model, since a block is never cut.
    public static func shortfall(blocks: [UInt64], candidates: [Candidate]) -> UInt64 {
        let wanted = blocks.reduce(0, +)
        let granted = candidates.reduce(0) { $0 + $1.memory }
        return wanted > granted ? wanted - granted : 0
    }

    private init(first: [Share], copies: [Share]) {
        self.first = first
        self.copies = copies
    }

    private static func partition(blocks: [UInt64], candidates: [Candidate]) -> [Share]? {
        var sums: [UInt64] = [0]
        for block in blocks { sums.append(sums[sums.count - 1] + block) }
        let count = blocks.count

        // best[p][b]: the smallest possible fullest share when the first p peers hold the first b blocks; nil where impossible.
        var best: [[Double?]] = [[0] + Array(repeating: nil, count: count)]
        var cut: [[Int]] = [Array(repeating: 0, count: count + 1)]
        for candidate in candidates {
            let before = best[best.count - 1]
            var row: [Double?] = Array(repeating: nil, count: count + 1)
            var cuts = Array(repeating: 0, count: count + 1)
            for end in 0...count {
                for start in stride(from: end, through: 0, by: -1) {
                    let load = sums[end] - sums[start]
                    if load > candidate.memory { break }
                    if start < end, let held = candidate.held, !held.contains(where: { $0.contains(start) }) { break }
                    guard let rest = before[start] else { continue }
                    let share = max(rest, Double(load) / Double(candidate.memory))
                    if let found = row[end], found <= share { continue }
                    row[end] = share
                    cuts[end] = start
                }
            }
            best.append(row)
            cut.append(cuts)
        }
        guard best[candidates.count][count] != nil else { return nil }

        var shares: [Share] = []
        var end = count
        for index in stride(from: candidates.count, to: 0, by: -1) {
            let start = cut[index][end]
            if start < end {
                shares.append(Share(peer: candidates[index - 1].peer, blocks: BlockRange(start...end - 1)))
            }
            end = start
        }
        return shares.reversed()
    }

    private static func copies(of first: [Share], blocks: [UInt64], candidates: [Candidate]) -> [Share] {
        var copies: [Share] = []
        for (position, lost) in first.enumerated() {
            // The neighbours along the chain come first, then the rest in order, so that copies lengthen a neighbour's range.
            var heirs: [(peer: PeerID, room: UInt64)] = []
            for offset in 1..<max(first.count, 2) {
                let neighbour = first[(position + offset) % first.count]
                guard neighbour.peer != lost.peer else { continue }
                heirs.append(
                    (neighbour.peer, room(of: neighbour.peer, first: first, blocks: blocks, candidates: candidates)))
            }
            for candidate in candidates
            where candidate.peer != lost.peer && !heirs.contains(where: { $0.peer == candidate.peer }) {
                heirs.append((candidate.peer, candidate.memory))
            }
            let size = lost.blocks.closedRange.reduce(UInt64(0)) { $0 + blocks[$1] }
            if let whole = heirs.enumerated().filter({ $0.element.room >= size }).max(by: { left, right in
                (left.element.room, right.offset) < (right.element.room, left.offset)
            }) {
                copies.append(Share(peer: whole.element.peer, blocks: lost.blocks))
            } else {
                let parts = split(lost.blocks, blocks: blocks, heirs: heirs)
                let isWhole = parts.reduce(0) { $0 + $1.blocks.count } == lost.blocks.count
                copies.append(
                    contentsOf: isWhole ? parts : partitionAnew(without: lost, first, blocks, candidates) ?? parts)
            }
        }
        return merged(copies)
    }

    /// Where no heir has room for some block beside its own ones, the others may still hold the model if they move: each copies
    /// what it would hold in a plan of their own.
    private static func partitionAnew(
        without lost: Share, _ first: [Share], _ blocks: [UInt64], _ candidates: [Candidate]
    ) -> [Share]? {
        guard let shares = partition(blocks: blocks, candidates: candidates.filter { $0.peer != lost.peer }) else {
            return nil
        }
        return shares.flatMap { share in
            let own = first.filter { $0.peer == share.peer }.map(\.blocks)
            let lacking = share.blocks.closedRange.filter { block in !own.contains { $0.contains(block) } }
            return BlockRange.covering(lacking).map { Share(peer: share.peer, blocks: $0) }
        }
    }

    /// Each peer's copies once, ordered by block: what is copied for the loss of one peer may serve for another's too.
    private static func merged(_ copies: [Share]) -> [Share] {
        var merged: [Share] = []
        for share in copies where !merged.contains(where: { $0.peer == share.peer && $0.blocks.contains(share.blocks) })
        {
            let taken = merged.filter { $0.peer == share.peer }.map(\.blocks)
            let fresh = share.blocks.closedRange.filter { block in !taken.contains { $0.contains(block) } }
            merged += BlockRange.covering(fresh).map { Share(peer: share.peer, blocks: $0) }
        }
        let places = merged.enumerated().sorted {
            ($0.element.blocks, $0.offset) < ($1.element.blocks, $1.offset)
        }
        return places.map(\.element)
    }

    private static func room(
        of peer: PeerID, first: [Share], blocks: [UInt64], candidates: [Candidate]
    ) -> UInt64 {
        let memory = candidates.first { $0.peer == peer }?.memory ?? 0
        let used = first.filter { $0.peer == peer }.flatMap(\.blocks.closedRange).reduce(UInt64(0)) { $0 + blocks[$1] }
        return memory > used ? memory - used : 0
    }

    /// Hands a range out in order, as much to each heir as it has room for. What nobody has room for has no copy.
    private static func split(
        _ range: BlockRange, blocks: [UInt64], heirs: [(peer: PeerID, room: UInt64)]
    ) -> [Share] {
        var shares: [Share] = []
        var next = range.first
        // Largest room first: fewer cuts, and a coarse block finds its place.
        for heir in heirs.enumerated().sorted(by: { ($1.element.room, $0.offset) < ($0.element.room, $1.offset) }).map(
            \.element)
        {
            var room = heir.room
            let start = next
            while next <= range.last, blocks[next] <= room {
                room -= blocks[next]
                next += 1
            }
            if next > start { shares.append(Share(peer: heir.peer, blocks: BlockRange(start...next - 1))) }
            if next > range.last { break }
        }
        return shares
    }
}
