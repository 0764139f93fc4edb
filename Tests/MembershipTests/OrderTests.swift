import Identity
import Testing
import Wire

@testable import Membership

/// The order in which members are probed, and in which rumours are told.
@Suite struct OrderTests {
    @Test func eachMemberIsProbedOnceARound() {
        var random = SeededGenerator(seed: 1)
        var round = ProbeRound()
        let peers = (0..<20).map(Lone.peer)
        for peer in peers { round.insert(peer, using: &random) }
        _ = (0..<20).map { _ in round.take(using: &random) }
        for _ in 0..<5 {
            let taken = (0..<20).compactMap { _ in round.take(using: &random) }
            #expect(taken.sorted() == peers.sorted())
        }
    }

    @Test func whoComesOrGoesInTheMiddleOfARoundLeavesNobodyOut() {
        var random = SeededGenerator(seed: 2)
        var round = ProbeRound()
        for peer in (0..<10).map(Lone.peer) { round.insert(peer, using: &random) }
        var taken = (0..<5).compactMap { _ in round.take(using: &random) }
        round.remove(taken[0])
        round.insert(Lone.peer(30), using: &random)
        taken += (0..<6).compactMap { _ in round.take(using: &random) }
        #expect(Set(taken).count == 11)
        round.remove(Lone.peer(40))
        #expect(round.count == 10)
    }

    @Test func anEmptyRoundGivesNobody() {
        var random = SeededGenerator(seed: 3)
        var round = ProbeRound()
        let taken = round.take(using: &random)
        let drawn = round.draw(3, using: &random) { _ in true }
        #expect(taken == nil && drawn.isEmpty)
    }

    @Test func drawingGivesDifferentMembersThatWillDo() {
        var random = SeededGenerator(seed: 4)
        var round = ProbeRound()
        for peer in (0..<30).map(Lone.peer) { round.insert(peer, using: &random) }
        for _ in 0..<50 {
            let drawn = round.draw(3, using: &random) { $0 != Lone.peer(7) }
            #expect(Set(drawn).count == drawn.count && drawn.count <= 3 && !drawn.contains(Lone.peer(7)))
        }
    }

    @Test func whatWasToldLeastGoesFirstAndTheNewestBeforeTheOlder() {
        var queue = Retransmissions()
        func take(_ room: Int, limit: Int = 3) -> [PeerID] {
            var taken: [PeerID] = []
            _ = queue.take(limit: limit) {
                guard taken.count < room else { return .skip }
                taken.append($0)
                return .send
            }
            return taken
        }
        for number in 1...3 { queue.add(Lone.peer(number)) }
        let (first, second) = (take(2), take(2))
        #expect(first == [3, 2].map(Lone.peer))
        #expect(second == [1, 3].map(Lone.peer))
        queue.add(Lone.peer(4))
        let third = take(1)
        #expect(third == [Lone.peer(4)])
    }

    @Test func whatWasToldOftenEnoughIsForgotten() {
        var queue = Retransmissions()
        queue.add(Lone.peer(1))
        queue.addOnce(Lone.peer(2), limit: 3)
        let finished = (0..<2).map { _ in queue.take(limit: 3) { _ in .send } }
        #expect(finished == [[Lone.peer(2)], []])
        let known = queue.countAll(limit: 3)
        #expect(known == [Lone.peer(1)])
        #expect(queue.isEmpty)
    }

    @Test func newsAboutOneMemberReplacesWhatWasToBeTold() {
        var queue = Retransmissions()
        queue.add(Lone.peer(1))
        _ = queue.take(limit: 4) { _ in .send }
        queue.add(Lone.peer(1))
        queue.addOnce(Lone.peer(1), limit: 4)
        #expect(queue.count == 1)
        let finished = (0..<4).map { _ in queue.take(limit: 4) { _ in .send } }
        #expect(finished == [[], [], [], [Lone.peer(1)]])
    }
}
