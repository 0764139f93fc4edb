import GossipWorld
import Identity
import Testing
import Wire

@testable import Membership

/// Records: how they are taken, told, and compared.
@Suite struct ExchangeTests {
    @Test func aNewRecordIsToldToTheCallerAndPushedToOthers() {
        var lone = Lone(among: 8)
        lone.pass(.milliseconds(20))
        _ = lone.takeActions()
        lone.hear(from: 2, records: [Lone.record(1, 4)], summary: 0)
        #expect(lone.gossip.record(of: Lone.peer(1))?.version == RecordVersion(epoch: 1, sequence: 4))
        #expect(lone.actions.contains { if case .news(Lone.peer(1), _) = $0 { true } else { false } })
        #expect(lone.sent.filter { $0.message.records == [Lone.record(1, 4)] }.count >= 2)
    }

    @Test func ownRecordsAreTold() {
        var lone = Lone(among: 4, epoch: 3)
        _ = lone.takeActions()
        lone.change { $0.publish(Lone.record(0, epoch: 3, 1), at: $1) }
        lone.pass(.milliseconds(20))
        #expect(Set(lone.sent.filter { !$0.message.records.isEmpty }.map(\.to)).count == 3)
    }

    @Test func recordsOfStrangersAreNotTakenWhoeverSendsThem() {
        var lone = Lone(among: 4)
        lone.hear(from: 1, records: [Lone.record(9, 1)])
        #expect(lone.gossip.records.isEmpty)
    }

    @Test func forgedRecordsAreRefusedAndTheCallerHearsOfIt() {
        var lone = Lone(among: 4)
        let genuine = Lone.record(1, 1)
        let forged = Signed(payload: genuine.payload, signer: Lone.peer(2), signature: genuine.signature)
        lone.hear(from: 1, records: [forged, Lone.record(3, 1, network: NetworkID(digest: Digest.of([9])))])
        #expect(lone.gossip.records.isEmpty)
        #expect(lone.actions.filter { if case .recordRefused = $0 { true } else { false } }.count == 1)
    }

    @Test func twoRecordsUnderOneVersionAreReportedOnceWithBothAsProof() {
        var lone = Lone(among: 4)
        let (one, other) = (Lone.record(1, 1, name: "one"), Lone.record(1, 1, name: "other"))
        lone.hear(from: 1, records: [one])
        for _ in 0..<3 { lone.hear(from: 2, records: [other]) }
        let reports = lone.actions.compactMap { action -> Action.Proof? in
            if case .equivocation(Lone.peer(1), RecordVersion(epoch: 1, sequence: 1), let proof) = action {
                proof
            } else {
                nil
            }
        }
        #expect(reports.count == 1)
        #expect(reports.first?.held == one && reports.first?.other == other)
        #expect(lone.gossip.record(of: Lone.peer(1))?.name == "one")
        // A later one is another case.
        lone.hear(from: 1, records: [Lone.record(1, 2, name: "one"), Lone.record(1, 2, name: "other")])
        #expect(lone.actions.filter { if case .equivocation = $0 { true } else { false } }.count == 2)
    }

    @Test func aRecordOfALaterLifeEndsTheDeathOfAnEarlierOne() {
        var lone = Lone(among: 4)
        lone.hear(Rumour(1, .dead, epoch: 4), from: 2)
        lone.hear(from: 2, records: [Lone.record(1, epoch: 4, 8)])
        #expect(lone.liveness(of: 1) == .dead)
        lone.hear(from: 2, records: [Lone.record(1, epoch: 5, 1)])
        #expect(lone.liveness(of: 1) == .alive)
    }

    @Test func ownRecordsThatThisLifeDidNotWriteAreReported() {
        var lone = Lone(among: 4, epoch: 3)
        lone.change { $0.publish(Lone.record(0, epoch: 3, 1), at: $1) }
        lone.hear(from: 1, records: [Lone.record(0, epoch: 2, 50)])
        #expect(!lone.actions.contains { if case .ownEpochExceeded = $0 { true } else { false } })
        lone.hear(from: 1, records: [Lone.record(0, epoch: 6, 1)])
        #expect(lone.actions.contains { if case .ownEpochExceeded(6) = $0 { true } else { false } })
    }

    @Test func whereSummariesAreEqualOnlyPingsGoAbout() {
        var lone = Lone(among: 4)
        lone.hear(from: 1, records: [Lone.record(1, 1), Lone.record(2, 1)])
        lone.pass(.seconds(5), answer: answering())
        _ = lone.takeActions()
        lone.pass(.seconds(20), answer: answering())
        #expect(lone.sent.allSatisfy { $0.message.records.isEmpty && $0.message.digest == nil })
        #expect(lone.sent.allSatisfy { $0.message.estimatedBytes < 80 })
    }

    @Test func digestsThatBringNothingBecomeRare() {
        var lone = Lone(among: 4)
        lone.hear(from: 1, records: [Lone.record(1, 1)])
        lone.pass(.seconds(60)) { lone, message, to, _ in
            if case .ping(let number) = message.kind { lone.hear(.ack(sequence: number), from: to, summary: 99) }
        }
        #expect((4...12).contains(lone.sent.filter { $0.message.digest != nil }.count))
    }

    @Test func aDigestIsAnsweredWithWhatItLacksStalestFirstAndWithADigestForWhatIsNewer() {
        var lone = Lone(among: 6)
        lone.hear(
            from: 1, records: [Lone.record(1, epoch: 5, 2), Lone.record(2, 9), Lone.record(3, 3), Lone.record(4, 1)])
        _ = lone.takeActions()
        func entry(_ number: Int, _ epoch: UInt64, _ sequence: UInt64) -> RecordDigestEntry {
            RecordDigestEntry(peer: Lone.peer(number), version: RecordVersion(epoch: epoch, sequence: sequence))
        }
        let versions = [entry(1, 3, 9), entry(2, 1, 8), entry(3, 1, 1), entry(4, 2, 1)].sorted { $0.peer < $1.peer }
        lone.hear(
            from: 5, summary: 7,
            digest: RecordDigest(first: .lowest, last: .highest, versions: versions, asks: true))
        let answers = lone.sent.filter { $0.to == Lone.peer(5) }
        #expect(answers.first?.message.records.map(\.signer) == [1, 3, 2].map(Lone.peer))
        #expect(answers.compactMap(\.message.digest).map(\.asks) == [false])
    }

    @Test func noDatagramIsLongerThanOneFrame() throws {
        var lone = Lone(among: 60)
        let records = (1..<60).map { Lone.record($0, epoch: 1 << 40, 1 << 50, name: "machine \($0)") }
        for start in stride(from: 0, to: 59, by: 20) {
            lone.hear(from: 1, records: Array(records[start..<min(59, start + 20)]), summary: 5)
        }
        for number in 1..<50 { lone.hear(Rumour(number, .suspect, epoch: 1 << 41, count: 1 << 50, by: 2), from: 2) }
        let none = RecordDigest(first: .lowest, last: .highest, versions: [], asks: true)
        for _ in 0..<20 {
            lone.hear(.ping(sequence: .max), from: 3, summary: 6, digest: none)
            lone.pass(.milliseconds(200)) { lone, message, to, _ in
                if case .ping(let number) = message.kind { lone.hear(.ack(sequence: number), from: to, summary: 8) }
            }
        }
        let datagrams = lone.sent.filter { $0.path == .datagram }
        #expect(datagrams.count > 100)
        for (message, _, _) in datagrams {
            let bytes = message.datagram(network: World.network).count
            #expect(bytes <= message.estimatedBytes)
            #expect(message.estimatedBytes <= Limits.datagramBytes - 100)
        }
        #expect(datagrams.contains { $0.message.estimatedBytes > 1000 })
    }

    @Test func aRecordTooLongForADatagramGoesOverLinks() {
        var lone = Lone(among: 4)
        lone.change { $0.linkOpened(Lone.peer(2), at: $1) }
        _ = lone.takeActions()
        let long = Lone.record(1, 1, ranges: 400)
        #expect(long.payload.count > Limits.datagramBytes)
        lone.hear(from: 1, records: [long], over: .link)
        #expect(lone.sent.filter { $0.message.records == [long] }.map(\.path) == [.link])
        _ = lone.takeActions()
        let none = RecordDigest(first: .lowest, last: .highest, versions: [], asks: false)
        lone.hear(from: 2, summary: 6, digest: none)
        #expect(lone.sent.filter { $0.message.records == [long] }.map(\.path) == [.link])
    }

    @Test func aLinkThatOpensIsGreetedAndADifferenceExchangedAtOnce() {
        var lone = Lone(among: 4)
        lone.hear(Rumour(3, .dead), from: 1)
        lone.hear(from: 1, records: [Lone.record(1, 1)])
        _ = lone.takeActions()
        lone.change { $0.linkOpened(Lone.peer(2), at: $1) }
        #expect(
            lone.sent.contains {
                $0.path == .link && $0.to == Lone.peer(2) && $0.message.rumours.contains(Rumour(3, .dead))
            })
        _ = lone.takeActions()
        lone.hear(from: 2, summary: 5, over: .link)
        #expect(lone.sent.contains { $0.path == .link && $0.message.digest?.asks == true })
    }
}
