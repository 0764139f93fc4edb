import Identity
import NetworkConfig
import Wire
import WireSamples

/// A small network with a past, to which inputs are offered: three voters, who are admins too.
enum Village {
    static let keys: [SigningKey] = ([1, 2, 3] as [UInt8]).map { number in
        guard let key = SigningKey(seed: [UInt8](repeating: number, count: 32)) else {
            preconditionFailure("32 bytes were refused")
        }
        return key
    }

    private static let founded: ConfigLedger = {
        let members = keys.map {
            NetworkConfig.Member(peer: $0.peer, name: "villager", role: .admin, grantedMemory: 10, addresses: [])
        }
        let config = NetworkConfig(
            network: nil, revision: .first, name: "village", founder: keys[0].peer, voters: [keys[0].peer],
            members: members, model: Sample.model, salt: [1])
        guard let ledger = try? ConfigLedger(founding: config) else { preconditionFailure("founding was refused") }
        return ledger
    }()

    /// Past a change of voters and one of the policy.
    private static let grown: (machine: ConfigMachine, ledger: ConfigLedger) = {
        var machine = ConfigMachine(ledger: founded)
        var ledger = founded
        func certify(_ voters: [SigningKey]) {
            let vouches = vouches(voters, over: machine.headerBytes)
            guard
                (try? ledger.advance(to: machine.headerBytes, vouches: vouches, config: machine.configBytes)) != nil
            else { preconditionFailure("a revision was refused") }
        }
        guard machine.applyVoters(keys.map(\.peer)) else { preconditionFailure("voters were refused") }
        certify([keys[0]])
        let command = ConfigCommand(
            network: machine.network, proposal: SessionID(high: 1, low: 1),
            number: RecordVersion(epoch: 1, sequence: 1), base: machine.version,
            change: .setPolicy(Sample.policy))
        let outcome = machine.apply(
            ConfigEntry(command: command.signed(by: keys[0]), wallClock: 1_800_000_000, assignment: nil))
        precondition(outcome.accepted, "a change was refused: \(outcome.reason)")
        certify(keys)
        return (machine, ledger)
    }()

    static var machine: ConfigMachine { grown.machine }
    static var ledger: ConfigLedger { grown.ledger }

    /// One of each kind, that this network would take.
    static let changes: [ConfigCommand.Change] =
        Sample.changes + [
            .remove(keys[2].peer), .setRole(keys[1].peer, .backup),
            .grant(peer: keys[1].peer, memory: 1 << 40, name: "villager", addresses: Sample.addresses),
            .assign([NetworkConfig.Assignment(peer: keys[0].peer, blocks: BlockRange(0...3), copy: false)]),
        ]

    static func command(_ change: ConfigCommand.Change) -> ConfigCommand {
        ConfigCommand(
            network: ledger.network, proposal: SessionID(high: 2, low: 2),
            number: RecordVersion(epoch: 2, sequence: 2), base: ledger.version, change: change)
    }

    private static func vouches(_ keys: [SigningKey], over header: [UInt8]) -> [Vouch] {
        keys.map { Vouch(voter: $0.peer, signature: $0.sign(header, domain: .revision)) }
            .sorted { $0.voter < $1.voter }
    }

    /// The same headers with each naming the one before it, the last one naming the config, and every signature of a
    /// villager made anew.
    static func mended(_ certified: CertifiedConfig) -> CertifiedConfig {
        var chain: [CertifiedHeader] = []
        for (place, link) in certified.chain.enumerated() {
            guard let old = try? RevisionHeader(encoded: link.bytes) else { return certified }
            let isLast = place == certified.chain.count - 1
            let header = RevisionHeader(
                network: place == 0 ? old.network : NetworkID(digest: Digest.of(chain[0].bytes)),
                generation: old.generation, revision: old.revision,
                previous: old.previous.map { previous in chain.last.map { Digest.of($0.bytes) } ?? previous },
                config: isLast ? Digest.of(certified.config) : old.config, voters: old.voters, admins: old.admins,
                recoveredBy: old.recoveredBy
            ).encoded()
            let vouches = link.vouches.map { vouch in
                guard let key = keys.first(where: { $0.peer == vouch.voter }) else { return vouch }
                return Vouch(voter: key.peer, signature: key.sign(header, domain: .revision))
            }
            chain.append(CertifiedHeader(bytes: header, vouches: vouches))
        }
        return CertifiedConfig(chain: chain, config: certified.config)
    }
}
