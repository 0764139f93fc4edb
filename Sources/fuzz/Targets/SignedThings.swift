import Identity
import NetworkConfig
import Wire
import WireSamples

extension FuzzTarget {
    /// What a member says of itself, and other members pass on.
    static let record = FuzzTarget(
        name: "record", form: .protobuf, bytesMax: 4096,
        seeds: { [Sample.record.signed(by: Sample.key).payload] },
        read: { bytes in
            let claim = Signed(payload: bytes, signer: Sample.peer, signature: [])
            guard let record = try? PeerRecord.claimed(in: claim) else { return }
            comesBack(record, "record") { try PeerRecord.claimed(in: record.signed(by: Sample.key)) }
        })

    /// What a member wishes, and every voter judges: read, and carried out by whoever may do most.
    static let command = FuzzTarget(
        name: "command", form: .protobuf, bytesMax: 4096,
        seeds: { Village.changes.map { Village.command($0).signed(by: Village.keys[0]).payload } },
        read: { bytes in
            let signed = Signed(bytes, domain: .command, by: Village.keys[0])
            guard let command = try? ConfigCommand.verified(signed) else { return }
            comesBack(command, "command") { try ConfigCommand.verified(command.signed(by: Village.keys[0])) }
            var machine = ConfigMachine(ledger: Village.ledger)
            let before = machine.version
            let entry = ConfigEntry(command: signed, wallClock: 1_800_000_000, assignment: nil)
            let outcome = machine.apply(entry)
            if !outcome.accepted, machine.version != before { broken("refused, and yet a revision: \(outcome)") }
            if machine.apply(entry) != outcome, machine.version != before { broken("done twice: \(outcome)") }
            comesBack(machine.config, "config after \(outcome)") { try NetworkConfig(payload: machine.configBytes) }
            comesBack(machine.snapshot, "snapshot after \(outcome)") {
                try ConfigMachine(snapshot: machine.snapshot, network: machine.network).snapshot
            }
        })

    static let config = FuzzTarget(
        name: "config", form: .protobuf, bytesMax: 8192,
        seeds: { [Sample.config.encoded(), Sample.first.encoded(), Sample.model.encodedBytes()] },
        read: { bytes in
            if let model = try? ModelManifest(encodedBytes: bytes) {
                comesBack(model, "model") { try ModelManifest(encodedBytes: model.encodedBytes()) }
                _ = (model.allBlocks, model.pieces)
            }
            guard let config = try? NetworkConfig(payload: bytes) else { return }
            comesBack(config, "config") { try NetworkConfig(payload: config.encoded()) }
            _ = config.revision.next
            guard let ledger = try? ConfigLedger(founding: config) else { return }
            comesBack(ledger.config, "founded") {
                try ConfigLedger(network: ledger.network, certified: ledger.certified).config
            }
        })

    /// A config with its proof. The input is read as it came, and once more with digests and signatures set right, as
    /// three voters who have lost their senses might sign it.
    static let certificate = FuzzTarget(
        name: "certificate", form: .protobuf, bytesMax: 16384,
        seeds: { [Village.ledger.certified.encoded(), Sample.certified.encoded(), Sample.header.encoded()] },
        read: { bytes in
            if let header = try? RevisionHeader(encoded: bytes) {
                comesBack(header, "header") { try RevisionHeader(encoded: header.encoded()) }
                _ = (header.majority, header.version, header.revision.next)
            }
            guard let certified = try? CertifiedConfig(encoded: bytes) else { return }
            comesBack(certified, "certified config") { try CertifiedConfig(encoded: certified.encoded()) }
            for offered in [certified, Village.mended(certified)] {
                var ledger = Village.ledger
                if (try? ledger.adopt(offered)) != nil, ledger.version <= Village.ledger.version {
                    broken("went back to \(ledger.version)")
                }
                guard let first = offered.chain.first,
                    let read = try? ConfigLedger(
                        network: NetworkID(digest: Digest.of(first.bytes)), certified: offered)
                else { continue }
                comesBack(read.version, "ledger") {
                    try ConfigLedger(network: read.network, certified: read.certified).version
                }
            }
        })

    /// What voters keep and send each other: entries, snapshots, and the state inside.
    static let log = FuzzTarget(
        name: "log", form: .protobuf, bytesMax: 8192,
        seeds: {
            [Sample.entry.encoded(), Sample.snapshot.encoded(), Sample.state.encoded(), Village.machine.snapshot]
                + Sample.bodies.map { $0.encoded() }
        },
        read: { bytes in
            if let entry = try? ConfigEntry(encoded: bytes) {
                comesBack(entry, "entry") { try ConfigEntry(encoded: entry.encoded()) }
                var machine = Village.machine
                _ = machine.apply(entry)
            }
            if let body = try? LogEntry.Body(encoded: bytes) {
                comesBack(body, "body") { try LogEntry.Body(encoded: body.encoded()) }
            }
            if let snapshot = try? RaftSnapshot(encoded: bytes) {
                comesBack(snapshot, "snapshot") { try RaftSnapshot(encoded: snapshot.encoded()) }
            }
            guard let state = try? ConfigState(encoded: bytes) else { return }
            comesBack(state, "state") { try ConfigState(encoded: state.encoded()) }
            guard let machine = try? ConfigMachine(snapshot: bytes, network: state.network) else { return }
            comesBack(machine.version, "machine") {
                try ConfigMachine(snapshot: machine.snapshot, network: machine.network).version
            }
        })
}
