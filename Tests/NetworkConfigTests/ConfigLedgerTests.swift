import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite struct ConfigLedgerTests {
    private func grown(_ count: Int) throws -> [ConfigLedger] {
        var ledger = try ConfigLedger(founding: Sample.config(), by: Sample.key(1))
        var all = [ledger]
        for number in 0..<count {
            var next = ledger.config
            next.name = "home \(number)"
            try ledger.advance(to: next, by: Sample.key(1))
            all.append(ledger)
        }
        return all
    }

    @Test("The network's id is the digest of its first revision, and stays")
    func identity() throws {
        let all = try grown(3)
        #expect(all.allSatisfy { $0.network.digest == Digest.of(all[0].first.payload) })
        #expect(all[3].config.revision == Revision(4))
        #expect(all[3].config.network == all[0].network)
    }

    @Test("First and latest revision verify from any hand, also with revisions left out between them")
    func verifies() throws {
        let all = try grown(3)
        for ledger in all {
            let verified = try ConfigLedger(network: ledger.network, first: ledger.first, latest: ledger.latest)
            #expect(verified.config == ledger.config)
        }
    }

    @Test("A ledger takes newer revisions only: an old one or the same one is stale")
    func onlyForward() throws {
        let all = try grown(3)
        var ledger = all[1]
        try ledger.adopt(all[3].latest)
        for old in all {
            #expect(throws: ConfigRefusal.self) { try ledger.adopt(old.latest) }
        }
        #expect(ledger.config == all[3].config)
    }

    @Test("Another network's revision, another signer's, a changed one, and one signed for another purpose are refused")
    func refusals() throws {
        let all = try grown(1)
        var other = Sample.config()
        other.salt = [4]
        let stranger = try ConfigLedger(founding: other, by: Sample.key(1))
        var ledger = all[0]
        #expect(throws: ConfigRefusal.wrongNetwork) { try ledger.adopt(stranger.latest) }
        #expect(throws: ConfigRefusal.wrongNetwork) {
            try ConfigLedger(network: all[0].network, first: stranger.first, latest: all[1].latest)
        }

        var forged = all[1].config
        forged.network = all[0].network
        let byAnother = forged.signed(by: Sample.key(2))
        #expect(throws: ConfigRefusal.wrongSigner(expected: Sample.peer(1), found: Sample.peer(2))) {
            try ledger.adopt(byAnother)
        }

        var bytes = all[1].latest.payload
        bytes[bytes.count / 2] ^= 1
        let changed = Signed(payload: bytes, signer: Sample.peer(1), signature: all[1].latest.signature)
        #expect(throws: ConfigRefusal.falseSignature) { try ledger.adopt(changed) }
        let command = Signed(all[1].latest.payload, domain: .command, by: Sample.key(1))
        #expect(throws: ConfigRefusal.falseSignature) { try ledger.adopt(command) }
        #expect(ledger.config == all[0].config)
    }

    @Test("A founder cannot pass its office to a config that names another founder")
    func founderStays() throws {
        let all = try grown(0)
        var next = all[0].config
        next.founder = Sample.peer(2)
        var ledger = all[0]
        #expect(throws: ConfigRefusal.self) { try ledger.advance(to: next, by: Sample.key(1)) }
        #expect(throws: ConfigRefusal.wrongSigner(expected: Sample.peer(1), found: Sample.peer(2))) {
            try ledger.advance(to: all[0].config, by: Sample.key(2))
        }
    }

    @Test("The next revision must name the one held here as the one before it")
    func brokenChain() throws {
        let all = try grown(0)
        var next = all[0].config
        next.network = all[0].network
        next.revision = Revision(2)
        next.previous = Digest.of([1])
        var ledger = all[0]
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(next.signed(by: Sample.key(1))) }
        next.previous = Digest.of(all[0].first.payload)
        try ledger.adopt(next.signed(by: Sample.key(1)))
        #expect(ledger.config.revision == Revision(2))
    }

    @Test("A first revision with a past, or by someone who is not its founder, founds nothing")
    func falseBeginnings() {
        var config = Sample.config()
        #expect(throws: ConfigRefusal.self) { try ConfigLedger(founding: config, by: Sample.key(2)) }
        let signed = config.signed(by: Sample.key(2))
        let id = NetworkID(digest: Digest.of(signed.payload))
        #expect(throws: ConfigRefusal.wrongSigner(expected: Sample.peer(1), found: Sample.peer(2))) {
            try ConfigLedger(network: id, first: signed, latest: signed)
        }
        config.revision = Revision(2)
        #expect(throws: ConfigRefusal.self) { try ConfigLedger(founding: config, by: Sample.key(1)) }
    }

    @Test("The highest revision there can be is taken without harm, and nothing follows it")
    func highestRevision() throws {
        let all = try grown(0)
        var last = all[0].config
        last.network = all[0].network
        last.revision = Revision(.max)
        var ledger = all[0]
        do {
            try ledger.adopt(last.signed(by: Sample.key(1)))
        } catch {
            return
        }
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(last.signed(by: Sample.key(1))) }
    }

    @Test("Garbage is refused with a sentence, never a trap")
    func garbage() throws {
        let all = try grown(1)
        let genuine = all[1].latest.payload
        var state: UInt64 = 1
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for _ in 0..<800 {
            var bytes = genuine
            for _ in 0...random() % 3 { bytes[Int(random() % UInt64(bytes.count))] = UInt8(random() & 255) }
            if random() % 4 == 0 { bytes = Array(bytes.prefix(Int(random() % UInt64(bytes.count)))) }
            // Signed anew, so that it is the content that is judged.
            var ledger = all[0]
            do {
                try ledger.adopt(Signed(bytes, domain: .revision, by: Sample.key(1)))
                #expect(ledger.config.network == all[0].network)
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }
}
