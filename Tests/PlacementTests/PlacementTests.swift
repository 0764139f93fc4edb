import Identity
import Testing
import Wire

@testable import Placement

/// SplitMix64, so that a failure can be run again by its number.
struct Draw: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
}

@Suite struct PlacementTests {
    static func peer(_ number: Int) -> PeerID { PeerID((0..<32).map { $0 == 0 ? UInt8(number) : 0 })! }

    static func candidates(_ memory: [UInt64]) -> [Placement.Candidate] {
        memory.enumerated().map { Placement.Candidate(peer: peer($0), memory: $1) }
    }

    struct Case {
        let blocks: [UInt64]
        let candidates: [Placement.Candidate]
        var total: UInt64 { blocks.reduce(0, +) }
    }

    /// Blocks of unequal size, some peers that lend nothing, grants from far too little to far too much.
    static func draw(_ seed: UInt64) -> Case {
        var draw = Draw(state: seed)
        let blocks = (0..<Int(1 + draw.below(30))).map { _ in 1 + draw.below(100) }
        let total = blocks.reduce(0, +)
        let peers = Int(1 + draw.below(6))
        let memory = (0..<peers).map { _ in draw.below(8) == 0 ? 0 : draw.below(total * 3 / 2 + 1) }
        return Case(blocks: blocks, candidates: candidates(memory))
    }

    static func memory(_ shares: [Placement.Share], of peer: PeerID, _ blocks: [UInt64]) -> UInt64 {
        shares.filter { $0.peer == peer }.flatMap(\.blocks.closedRange).reduce(0) { $0 + blocks[$1] }
    }

    /// Whether some contiguous partition over the candidates, in any order, holds the blocks: tried out exhaustively.
    static func isFeasible(_ blocks: [UInt64], _ memory: [UInt64]) -> Bool {
        func place(_ start: Int, _ left: [UInt64]) -> Bool {
            if start == blocks.count { return true }
            for (index, room) in left.enumerated() {
                var end = start
                var used: UInt64 = 0
                while end < blocks.count, used + blocks[end] <= room {
                    used += blocks[end]
                    end += 1
                }
                var rest = left
                rest.remove(at: index)
                if end > start, place(end, rest) { return true }
            }
            return false
        }
        return place(0, memory)
    }

    @Test("Every block has one first copy, in contiguous ranges, in the order of the chain, within each grant")
    func firstCopies() {
        var planned = 0
        for seed in 0..<2000 as Range<UInt64> {
            let drawn = Self.draw(seed)
            let plan = Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates)
            guard !plan.first.isEmpty else {
                #expect(plan.copies.isEmpty)
                continue
            }
            planned += 1
            #expect(plan.first.flatMap(\.blocks.closedRange) == Array(drawn.blocks.indices), "seed \(seed)")
            #expect(Set(plan.first.map(\.peer)).count == plan.first.count, "seed \(seed): one range each")
            for candidate in drawn.candidates {
                #expect(Self.memory(plan.first, of: candidate.peer, drawn.blocks) <= candidate.memory, "seed \(seed)")
            }
        }
        #expect(planned > 500)
    }

    @Test("There is a plan wherever some order of the chain holds the model, and a shortfall tells where none can")
    func plansWhatIsPossible() {
        for seed in 0..<600 as Range<UInt64> {
            let drawn = Self.draw(seed)
            let plan = Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates)
            let inOrder = drawn.candidates.map(\.memory)
            if plan.first.isEmpty {
                #expect(!Self.isFeasible(drawn.blocks, inOrder) || !Self.isFeasibleInOrder(drawn.blocks, inOrder))
            }
            if Placement.shortfall(blocks: drawn.blocks, candidates: drawn.candidates) > 0 {
                #expect(plan.first.isEmpty, "seed \(seed)")
            }
        }
    }

    static func isFeasibleInOrder(_ blocks: [UInt64], _ memory: [UInt64]) -> Bool {
        var start = 0
        for room in memory {
            var used: UInt64 = 0
            while start < blocks.count, used + blocks[start] <= room {
                used += blocks[start]
                start += 1
            }
        }
        return start == blocks.count
    }

    @Test("Copies are ordered by block, and no peer copies a block twice")
    func copiesOnce() {
        for seed in 0..<1000 as Range<UInt64> {
            let drawn = Self.draw(seed)
            let plan = Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates)
            #expect(plan.copies.map(\.blocks.first) == plan.copies.map(\.blocks.first).sorted())
            for candidate in drawn.candidates {
                let own = plan.copies.filter { $0.peer == candidate.peer }.flatMap(\.blocks.closedRange)
                #expect(Set(own).count == own.count, "seed \(seed)")
            }
        }
    }

    @Test("A second copy is never on the peer that has the first")
    func copiesElsewhere() {
        for seed in 0..<2000 as Range<UInt64> {
            let drawn = Self.draw(seed)
            let plan = Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates)
            for copy in plan.copies {
                for block in copy.blocks.closedRange {
                    let owner = plan.first.first { $0.blocks.contains(block) }?.peer
                    #expect(owner != copy.peer, "seed \(seed), block \(block)")
                }
            }
        }
    }

    /// Blocks that others hold when one peer is lost.
    static func covered(_ plan: Placement, without lost: PeerID) -> Set<Int> {
        Set((plan.first + plan.copies).filter { $0.peer != lost }.flatMap(\.blocks.closedRange))
    }

    @Test("Any one peer may be lost: where the others could hold the model, all blocks are with them")
    func anyOneMayBeLost() {
        var checked = 0
        for seed in 0..<1500 as Range<UInt64> {
            let drawn = Self.draw(seed)
            let plan = Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates)
            guard !plan.first.isEmpty else { continue }
            for lost in drawn.candidates {
                let others = drawn.candidates.filter { $0.peer != lost.peer }
                guard Self.isFeasibleInOrder(drawn.blocks, others.map(\.memory)) else { continue }
                checked += 1
                #expect(
                    Self.covered(plan, without: lost.peer).count == drawn.blocks.count,
                    "seed \(seed): without peer \(lost.peer.short)")
            }
        }
        #expect(checked > 300)
    }

    @Test("Three peers that lend 60 % each hold the model twice where it counts: any two have all blocks")
    func threeWithSixtyPercent() {
        for count in [3, 5, 9, 12, 32, 130] {
            let blocks = Array(repeating: UInt64(1000), count: count)
            let memory = UInt64(count) * 600
            let plan = Placement.plan(blocks: blocks, candidates: Self.candidates([memory, memory, memory]))
            #expect(plan.first.count == 3)
            for lost in 0..<3 {
                guard memory / 1000 * 2 >= UInt64(count) else { continue }
                #expect(Self.covered(plan, without: Self.peer(lost)).count == count, "\(count) blocks without \(lost)")
            }
        }
    }

    @Test("A large embedding and head among small layers are placed, too")
    func unevenBlocks() {
        let blocks = [28_000_000] + Array(repeating: UInt64(3_000_000), count: 30) + [28_000_000]
        let total = blocks.reduce(0, +)
        let plan = Placement.plan(
            blocks: blocks, candidates: Self.candidates([total * 6 / 10, total * 6 / 10, total * 6 / 10]))
        #expect(plan.first.flatMap(\.blocks.closedRange) == Array(blocks.indices))
        for lost in 0..<3 { #expect(Self.covered(plan, without: Self.peer(lost)).count == blocks.count) }
    }

    @Test("Shares follow the grants: no peer is fuller than it must be")
    func proportional() {
        let plan = Placement.plan(
            blocks: Array(repeating: 10, count: 30), candidates: Self.candidates([600, 300, 100]))
        let loads = (0..<3).map { Double(Self.memory(plan.first, of: Self.peer($0), Array(repeating: 10, count: 30))) }
        #expect(loads[0] / 600 <= 0.34 && loads[1] / 300 <= 0.34 && loads[2] / 100 <= 0.34)
    }

    @Test("The same arguments give the same plan")
    func deterministic() {
        for seed in 0..<200 as Range<UInt64> {
            let drawn = Self.draw(seed)
            #expect(
                Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates)
                    == Placement.plan(blocks: drawn.blocks, candidates: drawn.candidates))
        }
    }

    @Test("No blocks, no peers, or no memory give no plan")
    func nothing() {
        #expect(Placement.plan(blocks: [], candidates: Self.candidates([10])).first.isEmpty)
        #expect(Placement.plan(blocks: [1], candidates: []).first.isEmpty)
        #expect(Placement.plan(blocks: [1], candidates: Self.candidates([0, 0])).first.isEmpty)
        #expect(Placement.plan(blocks: [1], candidates: Self.candidates([1])).first.count == 1)
        #expect(Placement.shortfall(blocks: [5, 6], candidates: Self.candidates([4, 3])) == 4)
        #expect(Placement.shortfall(blocks: [5, 6], candidates: Self.candidates([20])) == 0)
    }

    @Test("Whoever is left finds a place for every block wherever there is one, in whatever order", arguments: 0..<200)
    func emergencyIsFoundWhereverThereIsOne(seed: UInt64) throws {
        let drawn = Self.draw(seed &+ 9000)
        let candidates = Array(drawn.candidates.prefix(5))
        let shares = Placement.emergency(blocks: drawn.blocks, candidates: candidates)
        #expect((shares != nil) == Self.isFeasible(drawn.blocks, candidates.map(\.memory)))
        guard let shares else { return }
        #expect(shares.flatMap(\.blocks.closedRange) == Array(drawn.blocks.indices))
        for candidate in candidates {
            #expect(Self.memory(shares, of: candidate.peer, drawn.blocks) <= candidate.memory)
        }
    }

    @Test("A head as heavy as half the layers moves the other blocks aside")
    func coarseHead() throws {
        // As in a small model: thirty layers of 2, an embedding of 1 and a head of 30; two peers of 56 lend enough for 91.
        let blocks: [UInt64] = [1] + Array(repeating: 2, count: 30) + [30]
        let shares = try #require(Placement.emergency(blocks: blocks, candidates: Self.candidates([56, 56])))
        #expect(shares.count == 2)
    }

    @Test("Nobody gets a block that it does not hold")
    func onlyHeldBlocks() {
        let half = [BlockRange(0...1)]
        let rest = [BlockRange(2...3)]
        func candidates(_ first: [BlockRange], _ second: [BlockRange]) -> [Placement.Candidate] {
            [
                Placement.Candidate(peer: Self.peer(1), memory: 100, held: first),
                Placement.Candidate(peer: Self.peer(2), memory: 100, held: second),
            ]
        }
        let shares = Placement.emergency(blocks: [1, 1, 1, 1], candidates: candidates(rest, half))
        #expect(shares?.map(\.peer) == [Self.peer(2), Self.peer(1)])
        #expect(Placement.emergency(blocks: [1, 1, 1, 1], candidates: candidates(half, half)) == nil)
    }
}
