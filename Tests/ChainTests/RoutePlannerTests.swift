import Chain
import Identity
import Testing
import Wire

@Suite("The route planner") struct RoutePlannerTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let holders: [RoutePlanner.Holder]
        var keeping: [RouteStage] = []
        var avoiding: [PeerID] = []
        let route: [RouteStage]?
    }

    static let cases: [Case] = [
        Case(
            testDescription: "takes one holder of everything", holders: [World.holder(1, 0...9)],
            route: [stage(1, 0...9)]),
        Case(testDescription: "finds none without holders", holders: [], route: nil),
        Case(
            testDescription: "finds none where a block is missing",
            holders: [World.holder(1, 0...4), World.holder(2, 6...9)],
            route: nil),
        Case(
            testDescription: "follows first copies in order",
            holders: [World.holder(2, 5...9), World.holder(1, 0...4)],
            route: [stage(1, 0...4), stage(2, 5...9)]),
        Case(
            testDescription: "takes as few stages as possible",
            holders: [World.holder(1, 0...3), World.holder(2, 4...6), World.holder(3, 7...9), World.holder(4, 3...9)],
            route: [stage(1, 0...3), stage(4, 4...9)]),
        Case(
            testDescription: "prefers first copies to fewer stages",
            holders: [World.holder(1, 0...4), World.holder(2, 5...9), World.holder(3, 0...9, rank: 1)],
            route: [stage(1, 0...4), stage(2, 5...9)]),
        Case(
            testDescription: "prefers second copies to what must be loaded",
            holders: [
                World.holder(1, 0...4), World.holder(1, 0...9, rank: 2), World.holder(2, 5...7, rank: 1),
                World.holder(3, 8...9, rank: 1),
            ], route: [stage(1, 0...4), stage(2, 5...7), stage(3, 8...9)]),
        Case(
            testDescription: "decides between equals by the peer's id",
            holders: [World.holder(2, 0...9), World.holder(1, 0...9)],
            route: [stage(1, 0...9)]),
        Case(
            testDescription: "begins a stage within what its peer holds",
            holders: [World.holder(1, 0...5), World.holder(2, 2...9)], keeping: [stage(1, 0...5)],
            route: [stage(1, 0...5), stage(2, 6...9)]),
        Case(
            testDescription: "keeps surviving stages though fewer would do",
            holders: [World.holder(1, 0...2), World.holder(3, 6...9), World.holder(4, 0...9)],
            keeping: [stage(1, 0...2), stage(3, 6...9)], route: [stage(1, 0...2), stage(4, 3...5), stage(3, 6...9)]),
        Case(
            testDescription: "does not keep what its peer no longer holds",
            holders: [World.holder(1, 0...1), World.holder(2, 0...9, rank: 1)], keeping: [stage(1, 0...4)],
            route: [stage(1, 0...1), stage(2, 2...9)]),
        Case(
            testDescription: "does not use avoided peers",
            holders: [World.holder(1, 0...4), World.holder(2, 5...9), World.holder(3, 0...9, rank: 2)],
            keeping: [stage(1, 0...4), stage(2, 5...9)], avoiding: [peer(2)], route: [stage(1, 0...4), stage(3, 5...9)]),
        Case(
            testDescription: "finds none where only an avoided peer holds a block",
            holders: [World.holder(1, 0...4), World.holder(2, 5...9)], avoiding: [peer(2)], route: nil),
        Case(
            testDescription: "makes one stage of neighbouring copies of different rank on one peer",
            holders: [World.holder(1, 0...4), World.holder(1, 5...9, rank: 1)], route: [stage(1, 0...9)]),
        Case(
            testDescription: "leaves a kept stage alone where its peer also fills the gap beside it",
            holders: [World.holder(1, 0...9)], keeping: [stage(1, 0...4)], route: [stage(1, 0...4), stage(1, 5...9)]),
        Case(
            testDescription: "keeps the first of two stages that overlap",
            holders: [World.holder(1, 0...9), World.holder(2, 0...9)], keeping: [stage(1, 0...5), stage(2, 4...9)],
            route: [stage(1, 0...5), stage(1, 6...9)]),
        Case(
            testDescription: "takes no notice of blocks that the model does not have",
            holders: [World.holder(1, 0...40)],
            route: [stage(1, 0...9)]),
    ]

    @Test("chooses stages", arguments: cases)
    func table(_ one: Case) {
        let route = RoutePlanner.route(
            blockCount: 10, holders: one.holders, keeping: one.keeping, avoiding: one.avoiding)
        #expect(route == one.route)
    }

    @Test("chooses alike in whatever order the holders are named")
    func order() {
        var random = SeededGenerator(5)
        let holders = (1...8).map { number in
            let first = random.below(7)
            return World.holder(number, first...(first + random.below(4)), rank: random.below(3))
        }
        let route = RoutePlanner.route(
            blockCount: 10, holders: holders + [World.holder(9, 0...9, rank: 2)], keeping: [], avoiding: [])
        #expect(route != nil)
        for _ in 0..<20 {
            let shuffled = (holders + [World.holder(9, 0...9, rank: 2)]).shuffled(using: &random)
            #expect(RoutePlanner.route(blockCount: 10, holders: shuffled, keeping: [], avoiding: []) == route)
        }
    }

    @Test("refuses a model of no block or of too many")
    func blockCount() {
        #expect(RoutePlanner.route(blockCount: 0, holders: [], keeping: [], avoiding: []) == nil)
        #expect(
            RoutePlanner.route(
                blockCount: Limits.blocks + 1, holders: [World.holder(1, 0...2000)], keeping: [], avoiding: []) == nil)
    }
}
