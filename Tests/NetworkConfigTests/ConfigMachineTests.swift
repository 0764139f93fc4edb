import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite("Every voter judges alike, and does nothing twice")
struct ConfigMachineTests {
    private func grant(_ number: UInt8, _ memory: UInt64) -> ConfigCommand.Change {
        .grant(peer: Sample.peer(number), memory: memory, name: "p\(number)", addresses: [])
    }

    private func invitation(_ network: NetworkID, _ secret: UInt8 = 5) -> Invitation {
        Invitation(network: network, secret: Array(repeating: secret, count: 16), endpoints: [])
    }

    private func invite(_ invitation: Invitation, _ role: Role = .worker) -> ConfigCommand.Change {
        .invite(NetworkConfig.Invitation(key: invitation.key.peer, role: role, expires: Sample.now + 60))
    }

    private func admit(_ number: UInt8, by invitation: Invitation) -> ConfigCommand.Change {
        .admit(invitation.admission(of: Sample.peer(number), name: "p\(number)", grantedMemory: 5, addresses: []))
    }

    @Test("an accepted command becomes the next revision, a refused one changes nothing and says why")
    func outcomes() throws {
        var group = try Group()
        let accepted = try group.propose(.setModel(Sample.model("x")), by: 1)
        #expect(accepted.accepted && accepted.revision == Revision(2) && accepted.reason.isEmpty)
        #expect(group.config.model.name == "x" && group.config.modelChanged == Revision(2))
        let before = group.machine.headerBytes
        let refused = try group.propose(.setModel(Sample.model("y")), by: 3)
        #expect(!refused.accepted && refused.revision == Revision(2))
        #expect(refused.refusal == .notAdmin(Sample.peer(3)) && refused.reason.contains("no admin"))
        #expect(group.machine.headerBytes == before)
    }

    @Test("a header names the one before, the config, its voters and its admins")
    func header() throws {
        var group = try Group()
        let before = group.machine.headerDigest
        try group.propose(.setRole(Sample.peer(3), .admin))
        let header = group.machine.header
        #expect(header.network == group.network && header.previous == before && header.recoveredBy == nil)
        #expect(header.config == Digest.of(group.machine.configBytes))
        #expect(header.voters == Sample.peers([1]) && header.admins == Sample.peers([1, 2, 3]))
        #expect(try RevisionHeader(encoded: group.machine.headerBytes) == header)
        #expect(group.machine.headerDigest == Digest.of(group.machine.headerBytes))
    }

    @Test("nobody speaks for another, and nothing is carried over from another network")
    func signatures() throws {
        var group = try Group()
        let signed = group.command(.setModel(Sample.model("x")), by: 3)
        let forged = Signed(payload: signed.payload, signer: Sample.peer(1), signature: signed.signature)
        #expect(try group.apply(forged).accepted == false)
        let foreign = ConfigCommand(
            network: Sample.network, proposal: SessionID(high: 1, low: 1), number: RecordVersion(epoch: 1, sequence: 1),
            base: .first,
            change: .setModel(Sample.model("x")))
        #expect(try group.apply(foreign.signed(by: Sample.key(1))).refusal == .wrongNetwork)
        #expect(group.machine.version == .first)
    }

    @Test("a command that comes again has the same outcome and changes nothing, though others came between")
    func appliedOnce() throws {
        var group = try Group()
        let first = group.command(grant(3, 7), by: 3)
        let refused = group.command(.setModel(Sample.model("x")), by: 3)
        let outcomes = (try group.apply(first), try group.apply(refused))
        try group.propose(grant(3, 8), by: 3)
        try group.propose(.setRole(Sample.peer(3), .admin))
        let version = group.machine.version
        #expect(try group.apply(first).accepted && group.config.member(Sample.peer(3))?.grantedMemory == 8)
        #expect(try group.apply(first).revision == outcomes.0.revision)
        // What was refused stays refused, though it might be granted by now.
        #expect(try group.apply(refused).reason == outcomes.1.reason)
        #expect(group.machine.version == version)
        #expect(group.machine.known(SessionID(high: 3, low: 1), by: Sample.peer(3))?.revision == outcomes.0.revision)
        #expect(group.machine.known(SessionID(high: 3, low: 1), by: Sample.peer(1)) == nil)
    }

    @Test("what is too old to be remembered is refused, and so is what may be it")
    func forgotten() throws {
        var group = try Group()
        var all: [Signed] = []
        for number in 0...Limits.rememberedAccepted {
            let signed = group.command(grant(3, UInt64(number)), by: 3)
            #expect(try group.apply(signed).accepted)
            all.append(signed)
        }
        let late = group.command(grant(3, 99), by: 3, number: 1)
        for signed in [all[0], late] {
            #expect(try group.apply(signed).refusal == .signedTooLongAgo)
        }
        for signed in all.dropFirst() { #expect(try group.apply(signed).accepted) }
        #expect(group.config.member(Sample.peer(3))?.grantedMemory == UInt64(Limits.rememberedAccepted))
        // Others are not concerned.
        #expect(try group.propose(grant(4, 5), by: 4, base: .first).accepted)
    }

    @Test("old commands that come again do not push out what is remembered")
    func replaysDoNotCrowdOut() throws {
        var group = try Group()
        var all: [Signed] = []
        for number in 0..<20 {
            all.append(group.command(grant(3, UInt64(number)), by: 3))
            _ = try group.apply(all[number])
        }
        let snapshot = group.machine.snapshot
        for signed in all { _ = try group.apply(signed) }
        #expect(group.machine.snapshot == snapshot)
    }

    @Test("refusals are remembered too, and do not push out what was granted")
    func refusals() throws {
        var group = try Group()
        let granted = group.command(grant(3, 7), by: 3)
        _ = try group.apply(granted)
        let first = group.command(.setModel(Sample.model("x")), by: 3)
        _ = try group.apply(first)
        for _ in 0..<Limits.rememberedRefused { try group.propose(.setModel(Sample.model("y")), by: 3) }
        #expect(try group.apply(granted).accepted)
        #expect(try group.apply(first).refusal == .signedTooLongAgo)
        // Whoever was refused so often may still be granted what comes next, though nothing has changed meanwhile.
        #expect(try group.propose(grant(3, 8), by: 3).accepted)
    }

    @Test("many commands of one member that were signed at the same revision are all carried out")
    func manyAtOnce() throws {
        var group = try Group()
        let all = (0..<3 * Limits.rememberedAccepted).map { group.command(grant(3, UInt64($0)), by: 3, base: .first) }
        for signed in all { #expect(try group.apply(signed).accepted) }
        for signed in all.reversed() { _ = try group.apply(signed) }
        #expect(group.config.member(Sample.peer(3))?.grantedMemory == UInt64(all.count - 1))
    }

    @Test("what is signed ahead of all revisions is refused")
    func ahead() throws {
        var group = try Group()
        let base = ConfigVersion(generation: 0, revision: Revision(50))
        #expect(try group.propose(grant(3, 7), by: 3, base: base).refusal == .signedAhead(base: base))
        let other = ConfigVersion(generation: 1 << 32, revision: .first)
        #expect(try group.propose(grant(3, 7), by: 3, base: other).refusal == .signedAhead(base: other))
    }

    @Test("two admins who changed the same thing at once: one of them is told what it is now")
    func conflict() throws {
        var group = try Group()
        let (one, two) = (
            group.command(.setModel(Sample.model("x")), by: 1), group.command(.setModel(Sample.model("y")), by: 2)
        )
        #expect(try group.apply(one).accepted)
        let outcome = try group.apply(two)
        #expect(outcome.reason.contains("the model was changed to x in revision 2 meanwhile"))
        #expect(group.config.model.name == "x")
        #expect(try group.propose(.setModel(Sample.model("y")), by: 2).accepted)
    }

    @Test("a newcomer that did not hear the answer asks again and is told yes; its invitation is used up")
    func idempotentAdmission() throws {
        var group = try Group()
        let invitation = invitation(group.network)
        try group.propose(invite(invitation))
        #expect(try group.propose(admit(7, by: invitation), by: 7, base: ConfigVersion.none).accepted)
        let version = group.machine.version
        #expect(group.config.member(Sample.peer(7))?.joined == version.revision)
        #expect(try group.propose(admit(7, by: invitation), by: 7, base: ConfigVersion.none).accepted)
        #expect(group.machine.version == version)
        #expect(try group.propose(admit(8, by: invitation), by: 8).refusal == .unknownInvitation)
    }

    @Test("who left comes back by a new invitation only, and nothing signed before counts again")
    func rejoining() throws {
        var group = try Group()
        let (old, new) = (invitation(group.network), invitation(group.network, 6))
        try group.propose(invite(old))
        let admission = group.command(admit(7, by: old), by: 7)
        _ = try group.apply(admission)
        let before = group.command(grant(7, 77), by: 7)
        let leaving = group.command(.remove(Sample.peer(7)), by: 7)
        #expect(try group.apply(leaving).accepted)
        #expect(try group.apply(leaving).accepted, "whoever is out and asks to leave is told yes")
        #expect(try group.apply(admission).refusal == .unknownInvitation)
        #expect(try group.apply(before).refusal == .notMember(Sample.peer(7)))
        try group.propose(invite(new))
        #expect(try group.propose(admit(7, by: new), by: 7).accepted)
        for signed in [before, leaving] { #expect(try group.apply(signed).refusal == .signedTooLongAgo) }
        #expect(group.config.member(Sample.peer(7))?.grantedMemory == 5)
    }

    @Test("the leader's plan is taken where it is sound; else what is sound of the old one stays")
    func plans() throws {
        var group = try Group()
        let plan = [Sample.share(3, 0...1), Sample.share(2, 2...2)]
        try group.propose(.assign(nil), plan: plan)
        #expect(group.config.assignment == plan && group.config.assignmentChanged == Revision(2))
        try group.propose(.setPolicy(NetworkPolicy(maxVoters: 3, voterGrace: 5)))
        #expect(group.config.assignment == plan && group.config.assignmentChanged == Revision(2))
        // A leader that plans for those who hold nothing is not obeyed.
        try group.propose(.setRole(Sample.peer(3), .member), plan: [Sample.share(3, 0...2)])
        #expect(group.config.assignment == [Sample.share(2, 2...2)])
        #expect(group.config.assignmentChanged == Revision(4))
        // Nor where an admin has said what it wants.
        try group.propose(.assign([Sample.share(1, 0...0)]), plan: [Sample.share(2, 0...2)])
        #expect(group.config.assignment == [Sample.share(1, 0...0)])
        try group.propose(.setModel(Sample.model("x", blocks: 2)), plan: [Sample.share(1, 0...2)])
        #expect(group.config.assignment.isEmpty)
    }

    @Test("voters become those of the log, where all are members")
    func voters() throws {
        var group = try Group()
        let version = group.machine.version
        for wrong in [[], [1, 9], [1], [1, 1]] as [[UInt8]] {
            let isTaken = group.machine.applyVoters(wrong.map(Sample.peer))
            #expect(!isTaken)
        }
        #expect(group.machine.version == version)
        try group.vote([3, 1, 1, 2])
        #expect(group.machine.version == version.next)
        #expect(group.config.voters == Sample.peers([1, 2, 3]) && group.machine.header.voters == group.config.voters)
        #expect(try group.propose(.remove(Sample.peer(3))).refusal == .votesStill(Sample.peer(3)))
        try group.vote([1, 2])
        #expect(try group.propose(.remove(Sample.peer(3))).accepted)
    }

    @Test("after a recovery nothing counts that was signed before, and nothing is remembered")
    func recovery() throws {
        var group = try Group(voters: [1, 2, 3])
        let before = group.command(grant(3, 7), by: 3)
        let certified = try ConfigLedger.recovered(from: group.ledger, by: Sample.key(2), voters: [Sample.peer(2)])
        let lostAhead = ConfigVersion(generation: 0, revision: Revision(5))
        let ahead = group.command(grant(3, 8), by: 3, base: lostAhead)
        group.ledger = try ConfigLedger(network: group.network, certified: certified)
        group.machine = ConfigMachine(ledger: group.ledger)
        #expect(try group.apply(before).refusal == .signedTooLongAgo)
        for _ in 0..<5 { #expect(try group.propose(grant(3, 9), by: 3).accepted) }
        // Not even when the revisions have caught up with what the lost voters had reached.
        #expect(try group.apply(ahead).refusal == .signedTooLongAgo)
        #expect(group.ledger.version == group.machine.version)
        #expect(group.ledger.version.recoveries == 1)
    }

    @Test("a snapshot is refused where it is cut, of another network, or not of one piece")
    func snapshots() throws {
        var group = try Group()
        try group.propose(.setModel(Sample.model("x")))
        let snapshot = group.machine.snapshot
        #expect(try ConfigMachine(snapshot: snapshot, network: group.network).snapshot == snapshot)
        #expect(throws: ConfigRefusal.wrongNetwork) { try ConfigMachine(snapshot: snapshot, network: Sample.network) }
        let early = try Group().machine
        #expect(throws: ConfigRefusal.wrongNetwork) {
            try ConfigMachine(snapshot: early.snapshot, network: Sample.network)
        }
        let mixed = ConfigState(
            network: group.network, header: group.machine.headerBytes, config: early.configBytes, began: .first,
            memories: [])
        #expect(throws: ConfigRefusal.self) { try ConfigMachine(snapshot: mixed.encoded(), network: group.network) }
        var random = SeededGenerator(seed: 9)
        for count in snapshot.indices {
            // All of it but what is remembered of members must be there.
            if let cut = try? ConfigMachine(snapshot: Array(snapshot.prefix(count)), network: group.network) {
                #expect(cut.headerBytes == group.machine.headerBytes && count > snapshot.count * 3 / 4)
            }
            var changed = snapshot
            changed[count] = UInt8(random.next() & 255)
            _ = try? ConfigMachine(snapshot: changed, network: group.network)
        }
    }

    @Test("a log entry with anything in it is judged, never a trap")
    func garbage() throws {
        var group = try Group()
        var random = SeededGenerator(seed: 6)
        let payload = group.command(.setModel(Sample.model("x")), by: 1).payload
        for _ in 0..<400 {
            var bytes = payload
            for _ in 0...random.next() % 3 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(random.next() & 255)
            }
            _ = try group.apply(Signed(bytes, domain: .command, by: Sample.key(1)))
        }
        #expect(group.machine.version == group.ledger.version)
    }
}
