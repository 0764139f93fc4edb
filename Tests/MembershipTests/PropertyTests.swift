import Identity
import Testing
import Wire

@testable import Membership

/// What holds for whatever comes in.
@Suite struct PropertyTests {
    private func rumour(_ random: inout SeededGenerator, members: Int) -> Rumour {
        Rumour(
            Int.random(in: 0..<members, using: &random), Liveness.allCases.randomElement(using: &random) ?? .alive,
            epoch: UInt64.random(in: 0...3, using: &random), count: UInt64.random(in: 0...3, using: &random),
            by: Int.random(in: 0..<members, using: &random))
    }

    private func beliefs(_ lone: Lone, _ members: Int) -> [String] {
        (1..<members).map { "\(lone.gossip.incarnation(of: Lone.peer($0))) \(lone.liveness(of: $0))" }
    }

    @Test func rumoursMayComeInAnyOrderAndTwice() {
        for seed in 1...60 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let rumours = (0..<20).map { _ in rumour(&random, members: 6) }
            var (one, other) = (Lone(among: 6), Lone(among: 6))
            for rumour in rumours { one.gossip.merge(rumour, at: .zero) }
            for rumour in (rumours + rumours.prefix(9)).shuffled(using: &random) {
                other.gossip.merge(rumour, at: .zero)
            }
            #expect(beliefs(one, 6) == beliefs(other, 6))
        }
    }

    @Test func beliefOnlyGrows() {
        var random = SeededGenerator(seed: 5)
        var lone = Lone(among: 6)
        var before: [(Incarnation, Liveness)] = Array(repeating: (.zero, .alive), count: 6)
        for _ in 0..<2000 {
            lone.hear(rumour(&random, members: 6), from: 1)
            lone.pass(.milliseconds(20))
            for number in 1..<6 {
                let now = (lone.gossip.incarnation(of: Lone.peer(number)), lone.liveness(of: number))
                #expect(now >= before[number])
                before[number] = now
            }
        }
    }

    @Test func nothingThatAMemberSendsTrapsOrGrowsWithoutBound() {
        for seed in 1...4 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var lone = Lone(among: 12, seed: seed)
            let odd: [UInt64] = [0, 1, 2, Limits.counter, .max - 1, .max]
            func number(_ random: inout SeededGenerator) -> UInt64 { odd.randomElement(using: &random) ?? 0 }
            let records = (0..<15).map { Lone.record($0, epoch: UInt64($0 % 3), UInt64($0)) }
            for step in 0..<700 {
                let who = { (random: inout SeededGenerator) in Int.random(in: 0..<15, using: &random) }
                let kinds: [GossipMessage.Kind] = [
                    .ping(sequence: .max), .ack(sequence: UInt32.random(in: 0...9, using: &random)), .news,
                    .pingRequest(sequence: 0, target: Lone.peer(who(&random))), .nack(sequence: 1),
                ]
                let rumours = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    Rumour(
                        who(&random), Liveness.allCases.randomElement(using: &random) ?? .alive,
                        epoch: number(&random), count: number(&random), by: who(&random))
                }
                let entries = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    RecordDigestEntry(
                        peer: Lone.peer(who(&random)),
                        version: RecordVersion(epoch: number(&random), sequence: number(&random)))
                }
                var forged = records[who(&random)]
                if step % 3 == 0 { forged = Signed(payload: [1, 2, 3], signer: forged.signer, signature: []) }
                lone.hear(
                    kinds.randomElement(using: &random) ?? .news, from: who(&random), epoch: number(&random),
                    count: number(&random), rumours: rumours, records: step % 5 == 0 ? [forged] : [],
                    summary: random.next(),
                    digest: step % 4 == 0
                        ? RecordDigest(
                            first: Lone.peer(who(&random)), last: Lone.peer(who(&random)), versions: entries,
                            asks: step % 8 == 0) : nil,
                    over: step % 2 == 0 ? .link : .datagram)
                switch step % 50 {
                case 7: lone.change { $0.linkOpened(Lone.peer(step % 15), at: $1) }
                case 23: lone.change { $0.linkClosed(Lone.peer(step % 15), at: $1) }
                case 31: lone.change { $0.rosterChanged((0..<(8 + step % 7)).map(Lone.peer), at: $1) }
                case 43: lone.now = lone.now.advanced(by: .seconds(3))
                default: lone.pass(.milliseconds(Int64(step % 90)))
                }
                let gossip = lone.gossip
                #expect(gossip.rumours.count <= 15 && gossip.news.count <= 15 && gossip.latest.count <= 4)
                #expect(gossip.probes.count <= 32 && gossip.relays.count <= 64 && gossip.suspicions.count <= 14)
                #expect(gossip.round.count + gossip.deadRound.count == gossip.members.count)
                #expect(gossip.store.count <= 15 && (0...7).contains(gossip.localHealth))
                let sent = lone.takeActions().count
                #expect(sent < 100)
            }
        }
    }
}
