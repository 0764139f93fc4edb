import Identity
import NetworkConfig
import Wire

/// Peers and a small config for these tests. Key 1 is the founder and admin, 2 another admin, 3 a worker, 4 a plain
/// member.
enum Sample {
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: Array(repeating: number, count: 32))! }
    static func peer(_ number: UInt8) -> PeerID { key(number).peer }
    static func peers(_ numbers: [UInt8]) -> [PeerID] { numbers.map(peer).sorted() }
    static let now: UInt64 = 1_800_000_000

    static func model(_ name: String = "m", blocks: Int = 3) -> ModelManifest {
        ModelManifest(
            name: name, architecture: "llama", metadata: Piece(digest: Digest.of([1]), size: 1),
            blocks: (0..<blocks).map { number in
                ModelManifest.Block(pieces: [Piece(digest: Digest.of([2, UInt8(number)]), size: 1)], memory: 10)
            }, contextLength: 16, vocabulary: 16, width: 4)
    }

    static func member(_ number: UInt8, _ role: Role) -> NetworkConfig.Member {
        NetworkConfig.Member(peer: peer(number), name: "p\(number)", role: role, grantedMemory: 10, addresses: [])
    }

    static func share(_ number: UInt8, _ blocks: ClosedRange<Int>) -> NetworkConfig.Assignment {
        NetworkConfig.Assignment(peer: peer(number), blocks: BlockRange(blocks), copy: false)
    }

    static func config(members: [NetworkConfig.Member]? = nil, invitations: [NetworkConfig.Invitation] = [])
        -> NetworkConfig
    {
        NetworkConfig(
            network: nil, revision: .first, name: "home", founder: peer(1), voters: [peer(1)],
            members: members ?? [member(1, .admin), member(2, .admin), member(3, .worker), member(4, .member)],
            model: model(), invitations: invitations, salt: [1, 2, 3])
    }

    static let network = NetworkID(digest: Digest.of([9]))

    static let invitation = Invitation(network: network, secret: Array(repeating: 5, count: 16), endpoints: [])
}

/// A network's voters, who judge alike and sign everything that they apply: one machine and one ledger stand for all of
/// them.
struct Group {
    var machine: ConfigMachine
    var ledger: ConfigLedger
    /// Every ledger that there has been.
    var past: [ConfigLedger] = []
    /// What the log held.
    var log: [ConfigEntry] = []
    private var drawn: UInt64 = 0

    init(_ config: NetworkConfig = Sample.config()) throws {
        ledger = try ConfigLedger(founding: config)
        machine = ConfigMachine(ledger: ledger)
        past = [ledger]
    }

    /// With these voters.
    init(voters: [UInt8]) throws {
        try self.init()
        if voters != [1] { try vote(voters) }
    }

    var network: NetworkID { ledger.network }
    var config: NetworkConfig { machine.config }

    mutating func command(
        _ change: ConfigCommand.Change, by proposer: UInt8, base: ConfigVersion? = nil, number: UInt64? = nil
    ) -> Signed {
        drawn += 1
        let command = ConfigCommand(
            network: network, proposal: SessionID(high: UInt64(proposer), low: drawn),
            number: RecordVersion(epoch: 1, sequence: number ?? drawn), base: base ?? machine.version, change: change)
        return command.signed(by: Sample.key(proposer))
    }

    /// Judges a command and certifies what comes of it.
    mutating func apply(
        _ signed: Signed, plan: [NetworkConfig.Assignment]? = nil, at time: UInt64 = Sample.now
    ) throws -> ConfigOutcome {
        let entry = ConfigEntry(command: signed, wallClock: time, assignment: plan)
        log.append(entry)
        let before = machine.header
        let outcome = machine.apply(entry)
        if machine.header != before { try certify(by: before.voters) }
        return outcome
    }

    @discardableResult
    mutating func propose(
        _ change: ConfigCommand.Change, by proposer: UInt8 = 1, base: ConfigVersion? = nil,
        plan: [NetworkConfig.Assignment]? = nil, at time: UInt64 = Sample.now
    ) throws -> ConfigOutcome {
        try apply(command(change, by: proposer, base: base), plan: plan, at: time)
    }

    mutating func vote(_ voters: [UInt8]) throws {
        let before = machine.header
        if machine.applyVoters(Sample.peers(voters)) { try certify(by: before.voters) }
    }

    private mutating func certify(by voters: [PeerID]) throws {
        let signers = (1...9).map { Sample.key($0) }.filter { voters.contains($0.peer) }
        try ledger.advance(
            to: machine.headerBytes, vouches: Group.vouches(signers, over: machine.headerBytes),
            config: machine.configBytes)
        past.append(ledger)
    }

    /// Ascending.
    static func vouches(_ signers: [SigningKey], over bytes: [UInt8]) -> [Vouch] {
        signers.map { Vouch(voter: $0.peer, signature: $0.sign(bytes, domain: .revision)) }
            .sorted { $0.voter < $1.voter }
    }

    static func vouches(_ signers: [UInt8], over bytes: [UInt8]) -> [Vouch] {
        vouches(signers.map(Sample.key), over: bytes)
    }

    /// A next revision of a ledger, signed by whoever is named: what a forger might make, or an honest group.
    static func next(
        after ledger: ConfigLedger, signers: [UInt8], revision: Revision? = nil, previous: Digest? = nil,
        _ change: (inout NetworkConfig) -> Void = { _ in }
    ) -> (header: [UInt8], vouches: [Vouch], config: [UInt8], certified: CertifiedConfig) {
        var config = ledger.config
        config.network = ledger.network
        config.revision = revision ?? config.revision.next
        change(&config)
        let payload = config.encoded()
        let header = RevisionHeader(
            network: ledger.network, generation: config.generation, revision: config.revision,
            previous: previous ?? ledger.headerDigest, config: Digest.of(payload), voters: config.voters,
            admins: config.admins
        ).encoded()
        let vouches = vouches(signers, over: header)
        let chain = ledger.certified.chain + [CertifiedHeader(bytes: header, vouches: vouches)]
        return (header, vouches, payload, CertifiedConfig(chain: chain, config: payload))
    }
}
