import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite("The ledger believes what is certified")
struct ConfigLedgerTests {
    /// Three voters, and a few revisions.
    private func grown() throws -> Group {
        var group = try Group(voters: [1, 2, 3])
        for number in 1...4 { try group.propose(.setModel(Sample.model("m\(number)"))) }
        return group
    }

    private func refusal(_ certified: CertifiedConfig, by ledger: ConfigLedger) -> ConfigRefusal? {
        var ledger = ledger
        let before = ledger.certified
        do throws(ConfigRefusal) {
            try ledger.adopt(certified)
            return nil
        } catch {
            #expect(ledger.certified == before, "a refused config changes nothing")
            return error
        }
    }

    @Test("a network's id is the digest of its first header, and stays")
    func identity() throws {
        let group = try grown()
        let first = group.past[0].certified.chain[0].bytes
        #expect(group.network.digest == Digest.of(first))
        #expect(group.past.allSatisfy { $0.network == group.network })
        #expect(group.config.network == group.network)
        #expect(group.past[0].certifiers == [])
        #expect(group.ledger.certifiers == Sample.peers([1, 2, 3]))
    }

    @Test("a first revision with a past, another voter or a founder without rights founds nothing")
    func falseBeginnings() {
        for change in [
            { $0.revision = Revision(2) }, { $0.network = Sample.network }, { $0.generation = 1 },
            { $0.voters = Sample.peers([1, 2]) }, { $0.voters = Sample.peers([2]) }, { $0.members[0].role = .worker },
            { $0.members.removeFirst() },
        ] as [(inout NetworkConfig) -> Void] {
            var config = Sample.config()
            change(&config)
            #expect(throws: ConfigRefusal.self) { try ConfigLedger(founding: config) }
        }
    }

    @Test("every revision verifies from any hand, and from every earlier one with those between left out")
    func verifies() throws {
        let group = try grown()
        for (place, ledger) in group.past.enumerated() {
            let verified = try ConfigLedger(network: group.network, certified: ledger.certified)
            #expect(verified.certified == ledger.certified && verified.config == ledger.config)
            for var earlier in group.past[..<place] {
                try earlier.adopt(ledger.certified)
                #expect(earlier.version == ledger.version && earlier.config == ledger.config)
                #expect(earlier.certified.chain.map(\.bytes) == ledger.certified.chain.map(\.bytes))
            }
        }
    }

    @Test("the proof holds the first header, those that change voters or admins, and the latest")
    func proofStaysShort() throws {
        var group = try grown()
        #expect(group.ledger.certified.chain.count == 3)
        try group.propose(.setRole(Sample.peer(3), .admin))
        try group.propose(.setModel(Sample.model("x")))
        try group.vote([2, 3])
        for _ in 0..<5 { try group.propose(.setModel(Sample.model("y"))) }
        #expect(group.ledger.certified.chain.count == 5)
        _ = try ConfigLedger(network: group.network, certified: group.ledger.certified)
    }

    @Test("a member is sent the part of the proof that it lacks, and believes it; a newcomer is not content with that")
    func partialProof() throws {
        var group = try Group(voters: [1, 2, 3])
        for voters in [[1, 2], [2, 3], [1, 2, 3], [2]] as [[UInt8]] { try group.vote(voters) }
        try group.propose(.setModel(Sample.model("x")))
        for var ledger in group.past.dropLast() {
            let news = group.ledger.certified(since: ledger.version)
            #expect(news.chain.count <= group.ledger.certified.chain.count)
            try ledger.adopt(news)
            #expect(ledger.certified == group.ledger.certified)
        }
        let last = group.past[group.past.count - 2].version
        let part = group.ledger.certified(since: last)
        #expect(part.chain.count == 2)
        #expect(throws: ConfigRefusal.self) { try ConfigLedger(network: group.network, certified: part) }
        let other = ConfigVersion(generation: 1 << 32, revision: last.revision)
        #expect(group.ledger.certified(since: other) == group.ledger.certified)
        #expect(group.ledger.certified(since: .none) == group.ledger.certified)
    }

    @Test("headers that a proof need not hold are left out, so that nobody can fill it")
    func superfluousHeaders() throws {
        let group = try grown()
        let all = group.past.map { $0.certified.chain[$0.certified.chain.count - 1] }
        let padded = CertifiedConfig(chain: all, config: group.ledger.certified.config)
        var ledger = group.past[0]
        try ledger.adopt(padded)
        #expect(ledger.certified == group.ledger.certified)
        #expect(
            try ConfigLedger(network: group.network, certified: padded).certified == group.ledger.certified)
    }

    @Test("an older one and the same one are stale")
    func onlyForward() throws {
        let group = try grown()
        for ledger in group.past {
            #expect(
                refusal(ledger.certified, by: group.ledger)
                    == .stale(held: group.ledger.version, offered: ledger.version))
        }
    }

    @Test("a minority, strangers, signatures over other bytes or for another purpose certify nothing")
    func forged() throws {
        let group = try grown()
        for signers in [[], [1], [3], [1, 4, 5, 6, 7]] as [[UInt8]] {
            let forged = Group.next(after: group.ledger, signers: signers)
            #expect(
                refusal(forged.certified, by: group.ledger)
                    == .uncertified(group.ledger.version.next, vouches: signers.isEmpty ? 0 : 1, majority: 2))
            #expect(throws: ConfigRefusal.self) {
                try ConfigLedger(network: group.network, certified: forged.certified)
            }
        }
        let good = Group.next(after: group.ledger, signers: [1, 3])
        #expect(refusal(good.certified, by: group.ledger) == nil)

        let wrong: [([SignatureDomain], [UInt8])] = [([.command, .revision], good.header), ([.revision], good.config)]
        for (domains, bytes) in wrong {
            let vouches = Sample.peers([1, 3]).enumerated().map { place, peer in
                let key = peer == Sample.peer(1) ? Sample.key(1) : Sample.key(3)
                return Vouch(voter: peer, signature: key.sign(bytes, domain: domains[min(place, domains.count - 1)]))
            }
            var ledger = group.ledger
            #expect(throws: ConfigRefusal.self) {
                try ledger.advance(to: good.header, vouches: vouches, config: good.config)
            }
        }
    }

    @Test("signatures that do not hold or do not count beside a majority do no harm and are not passed on")
    func strayVouches() throws {
        let group = try grown()
        let next = Group.next(after: group.ledger, signers: [1, 3, 7])
        var vouches = next.vouches
        vouches.append(Vouch(voter: Sample.peer(2), signature: Array(repeating: 0, count: 64)))
        var ledger = group.ledger
        try ledger.advance(to: next.header, vouches: vouches, config: next.config)
        #expect(ledger.certifiers == Sample.peers([1, 3]))
    }

    @Test("a voter counts once")
    func duplicates() throws {
        let group = try grown()
        let next = Group.next(after: group.ledger, signers: [2])
        var ledger = group.ledger
        #expect(throws: ConfigRefusal.countedTwice(Sample.peer(2))) {
            try ledger.advance(to: next.header, vouches: next.vouches + next.vouches, config: next.config)
        }
    }

    @Test("voters are named by the revision before, not by the one that they certify")
    func ownVoters() throws {
        let group = try grown()
        let coup = Group.next(after: group.ledger, signers: [4, 5, 6]) { $0.voters = Sample.peers([4, 5, 6]) }
        #expect(
            refusal(coup.certified, by: group.ledger)
                == .uncertified(group.ledger.version.next, vouches: 0, majority: 2))
    }

    @Test("what follows a change of voters is not believed without that change")
    func skippedTurn() throws {
        var group = try Group(voters: [1, 2, 3])
        let before = group.ledger
        try group.vote([2, 4])
        try group.propose(.setModel(Sample.model("x")))
        let certified = group.ledger.certified
        var chain = certified.chain
        chain.remove(at: chain.count - 2)
        let skipped = CertifiedConfig(chain: chain, config: certified.config)
        #expect(refusal(skipped, by: before) != nil)
        #expect(throws: ConfigRefusal.self) { try ConfigLedger(network: group.network, certified: skipped) }
        #expect(refusal(certified, by: before) == nil)
    }

    @Test("collected signatures for a revision beyond a change of voters wait for those of the change")
    func advanceWaits() throws {
        var group = try Group(voters: [1, 2, 3])
        var ledger = group.ledger
        try group.vote([1, 2])
        let turn = (group.machine.headerBytes, group.ledger.certified)
        try group.propose(.setModel(Sample.model("x")))
        let vouches = Group.vouches([1, 2], over: group.machine.headerBytes)
        #expect(throws: ConfigRefusal.self) {
            try ledger.advance(to: group.machine.headerBytes, vouches: vouches, config: group.machine.configBytes)
        }
        try ledger.advance(to: turn.0, vouches: Group.vouches([1, 3], over: turn.0), config: turn.1.config)
        try ledger.advance(to: group.machine.headerBytes, vouches: vouches, config: group.machine.configBytes)
        #expect(ledger.version == group.ledger.version)
    }

    @Test("voters of long ago cannot overrule whoever knows who voted since")
    func oldVoters() throws {
        let group = try grown()
        // The founder alone could sign revision 2 once. With that key someone tells another story, far ahead.
        let other = Group.next(after: group.past[0], signers: [1], revision: Revision(99))
        #expect(
            refusal(other.certified, by: group.ledger)
                == .uncertified(
                    ConfigVersion(generation: 0, revision: Revision(99)), vouches: 1, majority: 2))
    }

    @Test("the next revision names the one held here as the one before it")
    func brokenChain() throws {
        let group = try grown()
        let other = Group.next(after: group.ledger, signers: [1, 2, 3], previous: Digest.of([1]))
        guard case .brokenChain = refusal(other.certified, by: group.ledger) else {
            Issue.record("taken")
            return
        }
    }

    @Test("two certified revisions of one version are told as what they are")
    func conflicting() throws {
        let group = try grown()
        let before = group.past[group.past.count - 2]
        let other = Group.next(after: before, signers: [1, 2]) { $0.name = "elsewhere" }
        #expect(
            refusal(other.certified, by: group.ledger)
                == .conflicting(group.ledger.version, held: group.ledger.headerDigest, offered: Digest.of(other.header))
        )
        // One that nobody signed is no reason for alarm.
        let forged = Group.next(after: before, signers: [1]) { $0.name = "elsewhere" }
        #expect(
            refusal(forged.certified, by: group.ledger)
                == .uncertified(group.ledger.version, vouches: 1, majority: 2))
    }

    @Test("another network's config, another config than the header's, and one that disagrees with it are refused")
    func refusals() throws {
        let group = try grown()
        var stranger = Sample.config()
        stranger.salt = [4]
        let other = try Group(stranger)
        #expect(refusal(other.ledger.certified, by: group.ledger) == .wrongNetwork)
        #expect(throws: ConfigRefusal.wrongNetwork) {
            try ConfigLedger(network: group.network, certified: other.ledger.certified)
        }
        let next = Group.next(after: group.ledger, signers: [1, 2])
        var ledger = group.ledger
        #expect(throws: ConfigRefusal.self) {
            try ledger.advance(to: next.header, vouches: next.vouches, config: group.ledger.certified.config)
        }
        // Certified by all voters, and yet header and config do not belong together.
        for change in [
            { $0.revision = Revision(50) }, { $0.voters = Sample.peers([4]) }, { $0.generation = 7 },
            { $0.members[1].role = .worker }, { $0.network = Sample.network },
        ] as [(inout NetworkConfig) -> Void] {
            var config = group.config
            config.revision = config.revision.next
            var changed = config
            change(&changed)
            let header = RevisionHeader(
                network: group.network, generation: 0, revision: config.revision, previous: group.ledger.headerDigest,
                config: Digest.of(changed.encoded()), voters: config.voters, admins: config.admins
            ).encoded()
            #expect(throws: ConfigRefusal.self) {
                try ledger.advance(
                    to: header, vouches: Group.vouches([1, 2, 3] as [UInt8], over: header), config: changed.encoded())
            }
        }
        #expect(ledger.certified == group.ledger.certified)
    }

    @Test("the highest revision there can be is taken, and nothing follows it")
    func highestRevision() throws {
        let group = try grown()
        var ledger = group.ledger
        let last = Group.next(after: ledger, signers: [1, 2], revision: Revision(Limits.counter))
        try ledger.adopt(last.certified)
        let beyond = Group.next(after: ledger, signers: [1, 2])
        #expect(throws: ConfigRefusal.self) { try ledger.adopt(beyond.certified) }
    }

    @Test("garbage is refused with a sentence, never a trap")
    func garbage() throws {
        let group = try grown()
        var random = SeededGenerator(seed: 5)
        func changed(_ bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0...random.next() % 3 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(random.next() & 255)
            }
            return random.next() % 4 == 0 ? Array(bytes.prefix(Int(random.next() % UInt64(bytes.count)))) : bytes
        }
        let genuine = Group.next(after: group.ledger, signers: [1, 2])
        for round in 0..<600 {
            var ledger = group.ledger
            do {
                if round % 2 == 0 {
                    // Signed anew, so that it is the content that is judged.
                    let header = changed(genuine.header)
                    try ledger.advance(
                        to: header, vouches: Group.vouches([1, 2] as [UInt8], over: header), config: genuine.config)
                } else {
                    let offered = try CertifiedConfig(encoded: changed(genuine.certified.encoded()))
                    try ledger.adopt(offered)
                }
                #expect(ledger.config.network == group.network)
            } catch {
                #expect(!"\(error)".isEmpty)
            }
        }
    }
}

extension ConfigVersion {
    var next: ConfigVersion { ConfigVersion(generation: generation, revision: revision.next) }
}
