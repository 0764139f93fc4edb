import Identity
import NetworkConfig
import Wire

/// The past of one network's config, judged and certified as its voters would, while members ask for what they may not,
/// repeat themselves, know too little, and forge. One seed decides everything.
package final class ConfigWorld {
    package struct Broken: Hashable, Sendable {
        /// One of those of docs/simulation.md.
        package let invariant: String
        package let what: String
    }

    private static let time: UInt64 = 1_800_000_000
    private static let keys: [SigningKey] = (0..<12).map { number in
        guard let key = SigningKey(seed: [UInt8](repeating: UInt8(number + 1), count: 32)) else {
            preconditionFailure("32 bytes were refused")
        }
        return key
    }

    private var random: SeededGenerator
    private var machine: ConfigMachine
    private var ledger: ConfigLedger
    private var past: [ConfigLedger]
    /// Commands that were judged, and whether they were accepted.
    private var judged: [(entry: ConfigEntry, accepted: Bool)] = []
    private var drawn: UInt64 = 0
    private var broken: Broken?

    package init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let roles: [Role] = [.admin, .admin, .worker, .member, .worker]
        let members = zip(ConfigWorld.keys, roles).map { key, role in
            NetworkConfig.Member(peer: key.peer, name: "m", role: role, grantedMemory: 10, addresses: [])
        }
        let block = ModelManifest.Block(pieces: [Piece(digest: Digest.of([2]), size: 1)], memory: 10)
        let model = ModelManifest(
            name: "m", architecture: "llama", metadata: Piece(digest: Digest.of([1]), size: 1), blocks: [block, block],
            contextLength: 16, vocabulary: 16, width: 4)
        let config = NetworkConfig(
            network: nil, revision: .first, name: "home", founder: members[0].peer, voters: [members[0].peer],
            members: members, model: model, salt: [1])
        guard let founded = try? ConfigLedger(founding: config) else { preconditionFailure("founding was refused") }
        ledger = founded
        past = [founded]
        machine = ConfigMachine(ledger: founded)
    }

    /// Nil where everything held.
    package func run() -> Broken? {
        let voters = ConfigWorld.keys.prefix(1 + below(5)).map(\.peer)
        let before = machine.header.voters
        if machine.applyVoters(Array(voters)) { certify(by: before) }
        for _ in 0..<30 where broken == nil {
            switch below(8) {
            case 0: replay()
            case 1: forge()
            case 2: bringBack()
            case 3: conflict()
            case 4: askForTooMuch()
            case 5: enterTwice()
            default: _ = ask(.setPolicy(policy()), by: below(2))
            }
        }
        return broken
    }

    private func fail(_ invariant: String, _ what: String) {
        if broken == nil { broken = Broken(invariant: invariant, what: what) }
    }

    // MARK: What members do

    /// What nobody has asked for before.
    private func policy() -> NetworkPolicy {
        drawn += 1
        return NetworkPolicy(maxVoters: 7, voterGrace: Int(drawn))
    }

    private func ask(_ change: ConfigCommand.Change, by key: Int, base: ConfigVersion? = nil) -> ConfigOutcome {
        drawn += 1
        let command = ConfigCommand(
            network: ledger.network, proposal: SessionID(high: UInt64(key), low: drawn), number: number(of: change),
            base: base ?? machine.version, change: change)
        return judge(command.signed(by: ConfigWorld.keys[key]))
    }

    private func number(of change: ConfigCommand.Change) -> RecordVersion {
        if case .admit = change { return .none }
        return RecordVersion(epoch: 1, sequence: drawn)
    }

    private func judge(_ signed: Signed) -> ConfigOutcome {
        let entry = ConfigEntry(command: signed, wallClock: ConfigWorld.time, assignment: nil)
        let before = machine.header
        let outcome = machine.apply(entry)
        judged.append((entry, outcome.accepted))
        if machine.header != before { certify(by: before.voters) }
        return outcome
    }

    /// The log holds a command again that it held before.
    private func replay() {
        guard !judged.isEmpty else { return }
        let (entry, accepted) = judged[below(judged.count)]
        let before = machine.version
        let outcome = machine.apply(entry)
        if machine.version != before { return fail("answer", "a command was carried out twice") }
        // One that is forgotten is refused; while it is known, its answer is the same.
        guard let known = machine.known(outcome.proposal, by: entry.command.signer) else { return }
        if known.accepted != accepted || outcome.accepted != accepted {
            fail("answer", "one command has two answers")
        }
    }

    /// Two change the same thing, and neither has seen the other's.
    private func conflict() {
        let base = machine.version
        guard ask(.setPolicy(policy()), by: 0, base: base).accepted else { return }
        if ask(.setPolicy(policy()), by: 1, base: base).accepted {
            fail("answer", "one change overwrote another unseen")
        }
    }

    private func askForTooMuch() {
        let member = 2 + below(3)
        let victim = ConfigWorld.keys[below(2)].peer
        let changes: [ConfigCommand.Change] = [
            .setRole(ConfigWorld.keys[member].peer, .admin), .setPolicy(policy()), .setRole(victim, .worker),
            .grant(peer: victim, memory: 11 + drawn, name: "m", addresses: []),
        ]
        let change = changes[below(changes.count)]
        if below(2) == 0 {
            if ask(change, by: member).accepted { fail("authority", "a member without rights was obeyed: \(change)") }
            return
        }
        // In an admin's name, signed by nobody.
        drawn += 1
        let command = ConfigCommand(
            network: ledger.network, proposal: SessionID(high: 0, low: drawn), number: number(of: change),
            base: machine.version, change: change)
        let genuine = command.signed(by: ConfigWorld.keys[member])
        let forged = Signed(payload: genuine.payload, signer: ConfigWorld.keys[0].peer, signature: genuine.signature)
        if judge(forged).accepted { fail("authority", "a command that its signer has not signed was obeyed") }
    }

    private func enterTwice() {
        drawn += 1
        let secret = (0..<16).map { UInt8(truncatingIfNeeded: drawn >> UInt64(8 * ($0 % 8))) }
        let invitation = Invitation(network: ledger.network, secret: secret, endpoints: [])
        let invited = NetworkConfig.Invitation(key: invitation.key.peer, role: .member, expires: ConfigWorld.time + 100)
        guard ask(.invite(invited), by: 0).accepted else { return }
        let strangers = (5..<ConfigWorld.keys.count).filter { !machine.config.isMember(ConfigWorld.keys[$0].peer) }
        guard strangers.count > 1 else { return }
        for (place, stranger) in strangers.prefix(2).enumerated() {
            let admission = invitation.admission(
                of: ConfigWorld.keys[stranger].peer, name: "guest", grantedMemory: 1, addresses: [])
            let outcome = ask(.admit(admission), by: stranger)
            if place == 1, outcome.accepted { fail("authority", "one invitation let in two") }
        }
    }

    // MARK: Certificates

    private func certify(by voters: [PeerID]) {
        let signers = ConfigWorld.keys.filter { voters.contains($0.peer) }
        let (header, config) = (machine.headerBytes, machine.configBytes)
        // Fewer than half, some of them twice: first as they are, then as many as would do.
        let few = Array(signers.prefix(voters.count / 2))
        offer(header, vouches(few, over: header), config, "signed by \(few.count) of \(voters.count)")
        if !few.isEmpty {
            let twice = (0...voters.count).map { few[$0 % few.count] }
            offer(header, vouches(twice, over: header), config, "signed by \(few.count), counted as \(twice.count)")
        }
        guard (try? ledger.advance(to: header, vouches: vouches(signers, over: header), config: config)) != nil else {
            return fail("certificate", "a revision that all have signed is refused")
        }
        past.append(ledger)
    }

    private func vouches(_ signers: [SigningKey], over header: [UInt8]) -> [Vouch] {
        signers.map { Vouch(voter: $0.peer, signature: $0.sign(header, domain: .revision)) }
            .sorted { $0.voter < $1.voter }
    }

    private func offer(_ header: [UInt8], _ vouches: [Vouch], _ config: [UInt8], _ how: String) {
        var alone = ledger
        if (try? alone.advance(to: header, vouches: vouches, config: config)) != nil {
            return fail("certificate", "a revision was taken that was \(how)")
        }
        let chain = ledger.certified.chain + [CertifiedHeader(bytes: header, vouches: vouches)]
        if (try? alone.adopt(CertifiedConfig(chain: chain, config: config))) != nil {
            fail("certificate", "a config was adopted that was \(how)")
        }
    }

    /// A minority, or one of them many times, signs a revision that nobody has judged.
    private func forge() {
        var config = machine.config
        config.network = ledger.network
        config.revision = config.revision.next
        config.policy = policy()
        let payload = config.encoded()
        let header = RevisionHeader(
            network: ledger.network, generation: config.generation, revision: config.revision,
            previous: ledger.headerDigest, config: Digest.of(payload), voters: config.voters, admins: config.admins
        ).encoded()
        let few = ConfigWorld.keys.filter { config.voters.contains($0.peer) }.prefix(config.voters.count / 2)
        offer(header, vouches(Array(few), over: header), payload, "signed by \(few.count) of \(config.voters.count)")
    }

    private func bringBack() {
        let old = past[below(past.count)]
        guard old.version < ledger.version else { return }
        var offered = ledger
        if (try? offered.adopt(old.certified)) != nil || offered.version != ledger.version {
            fail("monotone", "an older config was adopted")
        }
    }

    private func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
}
