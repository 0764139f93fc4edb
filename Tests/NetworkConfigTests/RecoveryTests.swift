import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite("A network that lost its majority is recovered by an admin, and never by itself")
struct RecoveryTests {
    private func recovered(_ ledger: ConfigLedger, by admin: UInt8, voters: [UInt8]) throws -> ConfigLedger {
        let certified = try ConfigLedger.recovered(
            from: ledger, by: Sample.key(admin), voters: voters.map(Sample.peer))
        return try ConfigLedger(network: ledger.network, certified: certified)
    }

    /// What an admin makes who does not go by the rules.
    private func forged(
        after ledger: ConfigLedger, by signer: UInt8, generation: UInt64, name: String = "home"
    ) -> CertifiedConfig {
        var config = ledger.config
        config.network = ledger.network
        config.generation = generation
        config.revision = ledger.version.revision.next
        config.name = name
        config.voters = Sample.peers([signer])
        let payload = config.encoded()
        let header = RevisionHeader(
            network: ledger.network, generation: generation, revision: config.revision, previous: ledger.headerDigest,
            config: Digest.of(payload), voters: config.voters, admins: config.admins, recoveredBy: Sample.peer(signer)
        ).encoded()
        let last = CertifiedHeader(bytes: header, vouches: Group.vouches([signer], over: header))
        return CertifiedConfig(chain: ledger.certified.chain + [last], config: payload)
    }

    @Test("all members stay, the voters are those named, and the only certificate is the admin's")
    func recovery() throws {
        let group = try Group(voters: [1, 3, 4])
        let ledger = try recovered(group.ledger, by: 2, voters: [2, 3])
        #expect(ledger.config.members == group.config.members)
        #expect(ledger.config.voters == Sample.peers([2, 3]))
        #expect(ledger.version.recoveries == 1)
        #expect(ledger.version.revision == group.ledger.version.revision.next)
        #expect(ledger.header.recoveredBy == Sample.peer(2))
        #expect(ledger.certifiers == [Sample.peer(2)])
        #expect(ledger.began == ledger.version.revision)
    }

    @Test("only an admin recovers, and only members vote then")
    func whoRecovers() throws {
        let group = try Group(voters: [1, 3, 4])
        #expect(throws: ConfigRefusal.notAdmin(Sample.peer(3))) {
            try recovered(group.ledger, by: 3, voters: [3])
        }
        #expect(throws: ConfigRefusal.notMember(Sample.peer(9))) {
            try recovered(group.ledger, by: 9, voters: [3])
        }
        #expect(throws: ConfigRefusal.notMember(Sample.peer(9))) {
            try recovered(group.ledger, by: 1, voters: [1, 9])
        }
        #expect(throws: ConfigRefusal.self) { try recovered(group.ledger, by: 1, voters: []) }
        // Not by the letter of the rules either.
        let byWorker = forged(after: group.ledger, by: 3, generation: 1 << 32)
        #expect(throws: ConfigRefusal.notAdmin(Sample.peer(3))) {
            try ConfigLedger(network: group.network, certified: byWorker)
        }
    }

    @Test("a recovery without the admin's own signature is none")
    func unsigned() throws {
        let group = try Group(voters: [1, 3, 4])
        let genuine = try ConfigLedger.recovered(from: group.ledger, by: Sample.key(2), voters: [Sample.peer(2)])
        guard let last = genuine.chain.last else { return }
        for vouches in [[], Group.vouches([1, 3, 4] as [UInt8], over: last.bytes)] {
            let chain = genuine.chain.dropLast() + [CertifiedHeader(bytes: last.bytes, vouches: vouches)]
            #expect(throws: ConfigRefusal.falseSignature) {
                try ConfigLedger(
                    network: group.network, certified: CertifiedConfig(chain: Array(chain), config: genuine.config))
            }
        }
    }

    @Test("a recovery outranks all that the lost voters decided, and goes on by itself")
    func outranks() throws {
        var lost = try Group(voters: [1, 3, 4])
        let last = lost.ledger
        for _ in 0..<5 { try lost.propose(.setModel(Sample.model("lost"))) }
        var ledger = try recovered(last, by: 2, voters: [2])
        let next = Group.next(after: ledger, signers: [2]) { $0.name = "found" }
        try ledger.adopt(next.certified)
        for var member in lost.past {
            try member.adopt(ledger.certified)
            #expect(member.config == ledger.config && member.certified == ledger.certified)
            let further = Group.next(after: ledger, signers: [2]) { $0.name = "further" }
            let known = member.version
            try member.adopt(
                ConfigLedger(network: lost.network, certified: further.certified).certified(since: known))
            #expect(member.config.name == "further")
            #expect(throws: ConfigRefusal.self) { try member.adopt(lost.ledger.certified) }
        }
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(lost.ledger.certified) }
        // The voters before the recovery decide nothing after it.
        let old = Group.next(after: ledger, signers: [1, 3, 4])
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(old.certified) }
    }

    @Test("a network may be lost and recovered again")
    func twice() throws {
        let group = try Group(voters: [1, 3, 4])
        let once = try recovered(group.ledger, by: 2, voters: [2])
        let twice = try recovered(once, by: 1, voters: [1])
        #expect(twice.version.recoveries == 2)
        for var ledger in [group.past[0], group.ledger, once] {
            try ledger.adopt(twice.certified)
            #expect(ledger.version == twice.version)
        }
    }

    @Test("nobody raises the count of recoveries by more than one, or none")
    func oneAtATime() throws {
        let group = try Group(voters: [1, 3, 4])
        for generation in [1, 2 << 32, 3 << 32, Limits.counter] as [UInt64] {
            let jump = forged(after: group.ledger, by: 2, generation: generation)
            #expect(throws: ConfigRefusal.self) { try ConfigLedger(network: group.network, certified: jump) }
        }
    }

    @Test("an admin that was removed cannot take the network back from those who know")
    func removedAdmin() throws {
        var group = try Group(voters: [1, 3, 4])
        let before = group.ledger
        try group.propose(.remove(Sample.peer(2)))
        let takeover = try recovered(before, by: 2, voters: [2])
        var ledger = group.ledger
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(takeover.certified) }
        #expect(ledger.version == group.ledger.version)
    }

    @Test("nor behind the back of a recovery that everyone knows")
    func removedAdminAfterRecovery() throws {
        let group = try Group(voters: [3, 4])
        let once = try recovered(group.ledger, by: 1, voters: [1])
        // With the proof shortened, so that the known recovery stands in another place than it does here.
        var takeover = try ConfigLedger.recovered(from: once, by: Sample.key(2), voters: [Sample.peer(2)])
        let chain = takeover.chain.filter { $0.bytes != group.ledger.certified.chain.last?.bytes }
        #expect(chain.count == takeover.chain.count - 1)
        takeover = CertifiedConfig(chain: chain, config: takeover.config)
        var ledger = once
        try ledger.adopt(
            Group.next(after: once, signers: [1]) { $0.members.removeAll { $0.peer == Sample.peer(2) } }.certified)
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(takeover) }
        #expect(ledger.version.recoveries == 1)
    }

    @Test("a forged recovery costs its receiver one look at one signature")
    func forgedRecovery() throws {
        let group = try Group(voters: [3, 4])
        var genuine = try ConfigLedger.recovered(from: group.ledger, by: Sample.key(2), voters: [Sample.peer(2)])
        let last = genuine.chain[genuine.chain.count - 1]
        let forged = CertifiedHeader(
            bytes: last.bytes, vouches: [Vouch(voter: Sample.peer(2), signature: Array(repeating: 0, count: 64))])
        genuine = CertifiedConfig(chain: genuine.chain.dropLast() + [forged], config: genuine.config)
        var ledger = group.ledger
        #expect(throws: ConfigRefusal.falseSignature) { try ledger.adopt(genuine) }
    }

    @Test("an admin of whom nothing has been heard here recovers, where what made it admin is in the proof")
    func newAdmin() throws {
        var group = try Group(voters: [1, 3, 4])
        var behind = group.ledger
        try group.propose(.setRole(Sample.peer(3), .admin))
        let ledger = try recovered(group.ledger, by: 3, voters: [3])
        try behind.adopt(ledger.certified)
        #expect(behind.version == ledger.version)
    }

    @Test("of two recoveries that do not know of each other everyone goes by the same one")
    func concurrent() throws {
        let group = try Group(voters: [3, 4])
        let one = try recovered(group.ledger, by: 1, voters: [1])
        let two = try recovered(group.ledger, by: 2, voters: [2])
        let three = try recovered(group.ledger, by: 2, voters: [2, 3])
        #expect(Set([one, two, three].map(\.version.generation)).count == 3)
        let winner = [one, two, three].max { $0.version < $1.version }
        var random = SeededGenerator(seed: 3)
        for _ in 0..<10 {
            var ledger = group.ledger
            for offered in [one, two, three].shuffled(using: &random) { try? ledger.adopt(offered.certified) }
            #expect(ledger.version == winner?.version)
        }
    }

    @Test("of two recoveries of one generation the smaller digest wins, whatever followed the other")
    func sameGeneration() throws {
        let group = try Group(voters: [3, 4])
        let ledgers = try ["a", "b"].map { name in
            try ConfigLedger(
                network: group.network,
                certified: forged(after: group.ledger, by: 1, generation: 1 << 32 | 7, name: name))
        }.sorted { $0.headerDigest < $1.headerDigest }
        var (winner, loser) = (ledgers[0], ledgers[1])
        try loser.adopt(Group.next(after: loser, signers: [1]).certified)
        #expect(loser.version > winner.version)
        #expect(throws: ConfigRefusal.outranked(ledgers[1].version)) { try winner.adopt(loser.certified) }
        try loser.adopt(winner.certified)
        #expect(loser.certified == winner.certified)
    }
}
