import Identity
import Testing
import Wire

@testable import NetworkConfig

/// Random logs of commands by members and strangers, fresh, repeated and late.
@Suite("Whatever the log holds")
struct RandomLogTests {
    private static let invitations = (0..<6).map { UInt8(10 + $0) }

    private func change(_ group: Group, _ random: inout SeededGenerator) -> ConfigCommand.Change {
        func peer() -> PeerID { Sample.peer(UInt8(random.next() % 8 + 1)) }
        func role() -> Role { Role.allCases[Int(random.next() % 4)] }
        func invitation() -> Invitation {
            let secret = Self.invitations[Int(random.next() % UInt64(Self.invitations.count))]
            return Invitation(network: group.network, secret: Array(repeating: secret, count: 16), endpoints: [])
        }
        switch random.next() % 12 {
        case 0, 1:
            return .invite(
                NetworkConfig.Invitation(
                    key: invitation().key.peer, role: role(), expires: Sample.now + random.next() % 100))
        case 2, 3, 4:
            return .admit(invitation().admission(of: peer(), name: "p", grantedMemory: 1, addresses: []))
        case 5: return .remove(peer())
        case 6: return .grant(peer: peer(), memory: random.next() % 100, name: "p", addresses: [])
        case 7: return .setModel(Sample.model("m\(random.next() % 9)", blocks: Int(random.next() % 3 + 2)))
        case 8: return .assign(random.next() % 2 == 0 ? nil : [Sample.share(UInt8(random.next() % 8 + 1), 0...1)])
        case 9: return .setPolicy(NetworkPolicy(maxVoters: Int(random.next() % 7 + 1), voterGrace: 60))
        case 10: return .revoke(invitation().key.peer)
        default: return .setRole(peer(), role())
        }
    }

    private func base(_ group: Group, _ random: inout SeededGenerator) -> ConfigVersion {
        let newest = group.machine.version.revision.value
        let late = random.next() % 4 == 0 ? random.next() % newest : random.next() % min(newest, 3)
        return ConfigVersion(generation: 0, revision: Revision(newest - late))
    }

    @Test("there is an admin, nobody enters without an invitation, and every revision is believed", arguments: 0..<12)
    func invariants(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var group = try Group()
        var sent: [Signed] = []
        var accepted: [ConfigCommand.Proposal: Revision] = [:]
        for _ in 0..<250 {
            let before = group.config
            if random.next() % 12 == 0 {
                let all = (1...8 as ClosedRange<UInt8>).filter { before.isMember(Sample.peer($0)) }
                try group.vote(Array(all.shuffled(using: &random).prefix(Int(random.next() % 4 + 1))))
                continue
            }
            if random.next() % 4 != 0 || sent.isEmpty {
                sent.append(
                    group.command(
                        change(group, &random), by: UInt8(random.next() % 8 + 1), base: base(group, &random)))
            }
            let signed = random.next() % 4 == 0 ? sent[Int(random.next() % UInt64(sent.count))] : sent[sent.count - 1]
            let command = try ConfigCommand.verified(signed)
            let outcome = try group.apply(signed, at: Sample.now + random.next() % 50)
            let after = group.config

            #expect(outcome.proposal == command.proposal && outcome.proposer == signed.signer)
            #expect(outcome.accepted == outcome.reason.isEmpty)
            let isNew = after.revision > before.revision
            #expect(!isNew || outcome.accepted && after.revision == before.revision.next)
            if isNew {
                #expect(accepted[command.proposal] == nil, "a command was carried out twice")
                accepted[command.proposal] = after.revision
            }
            guard !after.members.isEmpty else { return }
            #expect(!after.admins.isEmpty)
            #expect(after.voters.allSatisfy(after.isMember) && !after.voters.isEmpty)
            #expect(Set(after.members.map(\.peer)).count == after.members.count)
            #expect(before.removed.allSatisfy(after.removed.contains))
            #expect(after.removed.allSatisfy { !after.isMember($0) })
            #expect(after.isSound(after.assignment))
            for member in after.members where !before.isMember(member.peer) {
                guard case .admit(let admission) = command.change else {
                    Issue.record("\(member.peer.short) entered by \(command.change)")
                    continue
                }
                #expect(admission.peer == member.peer)
                #expect(before.invitations.contains { $0.key == admission.invitation && $0.role == member.role })
                #expect(!after.invitations.contains { $0.key == admission.invitation })
            }
        }
        // Whoever slept through any part of it catches up, and so does a newcomer.
        let last = group.ledger.certified
        #expect(try ConfigLedger(network: group.network, certified: last).config == group.config)
        for var ledger in group.past where ledger.version < group.ledger.version {
            try ledger.adopt(last)
            #expect(ledger.config == group.config)
        }
    }

    @Test("the same log gives the same headers, byte for byte, through snapshots too", arguments: 0..<6)
    func determinism(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: 100 + seed)
        var group = try Group()
        var other = group.machine
        for step in 0..<150 {
            if random.next() % 10 == 0 {
                let voters = Array(group.config.members.map(\.peer).shuffled(using: &random).prefix(3))
                let isTaken = (group.machine.applyVoters(voters), other.applyVoters(voters.reversed()))
                #expect(isTaken.0 == isTaken.1)
                continue
            }
            let entry = ConfigEntry(
                command: group.command(
                    change(group, &random), by: UInt8(random.next() % 8 + 1), base: base(group, &random)),
                wallClock: Sample.now + random.next() % 50,
                assignment: random.next() % 2 == 0 ? nil : [Sample.share(UInt8(random.next() % 4 + 1), 0...1)])
            let outcome = group.machine.apply(entry)
            let same = other.apply(try ConfigEntry(encoded: entry.encoded()))
            #expect(same == outcome)
            if step % 40 == 20 { other = try ConfigMachine(snapshot: other.snapshot, network: group.network) }
            #expect(other.headerBytes == group.machine.headerBytes)
            #expect(other.snapshot == group.machine.snapshot)
            guard !group.config.members.isEmpty else { return }
        }
    }
}
