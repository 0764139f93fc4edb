import Identity
import MeshCore
import NetworkConfig
import Wire

// What a member says in the names of others, and what was true once: everything that a signature, a count of voters or a version is
// there to stop. It is sent as bytes that a frame is read from, since what cannot be read never reaches a core.

extension GarbageSource {
    /// Nil where it has nothing to forge, or nobody could read it.
    func forged(by host: Host, _ network: NetworkID) -> Frame? {
        guard let seen = host.inspect(network) else { return nil }
        let frame: Frame? =
            switch below(5) {
            case 0: commandOfAnAdmin(host, seen)
            case 1: oldRecords(host, network)
            case 2: recordOfAnother(host, seen)
            case 3: falseConfig(host, seen)
            default: oldConfig(seen)
            }
        return frame.flatMap { try? Frame($0.encoded()) }
    }

    /// Signed by the liar where the admin's signature should be.
    private func commandOfAnAdmin(_ host: Host, _ seen: NetworkInspection) -> Frame? {
        guard let admin = pick(seen.config.admins.filter { $0 != host.peer }) else { return nil }
        let change: ConfigCommand.Change =
            switch below(3) {
            case 0: .setRole(host.peer, .admin)
            case 1: .setPolicy(NetworkPolicy(maxVoters: 3, voterGrace: 500_000 + below(1000)))
            default: .grant(peer: host.peer, memory: UInt64(1 + below(1000)), name: "robbed", addresses: [])
            }
        let command = ConfigCommand(
            network: seen.network, proposal: SessionID(high: random.next(), low: random.next()),
            number: RecordVersion(epoch: 1000, sequence: UInt64(below(1000))), base: seen.version, change: change)
        let own = command.signed(by: host.key)
        let forged = Signed(payload: own.payload, signer: admin, signature: own.signature)
        return .proposal(network: seen.network, command: forged, attempt: 1)
    }

    /// Genuine ones, that their owners have outdone since.
    private func oldRecords(_ host: Host, _ network: NetworkID) -> Frame? {
        let records = (0..<4).compactMap { _ in pick(world.recordedRecords) }
        return records.isEmpty ? nil : news(records, by: host, network)
    }

    private func recordOfAnother(_ host: Host, _ seen: NetworkInspection) -> Frame? {
        guard let victim = pick(seen.config.members.map(\.peer).filter { $0 != host.peer }) else { return nil }
        let version = seen.record(of: victim)?.version ?? .none
        let own = PeerRecord(
            network: seen.network,
            version: RecordVersion(epoch: version.epoch, sequence: version.sequence + UInt64(1 + below(3))),
            name: "not \(below(9))", addresses: [], grantedMemory: UInt64(below(1000)), held: [], loaded: [],
            applied: seen.version, load: 0, leads: nil
        ).signed(by: host.key)
        return news([Signed(payload: own.payload, signer: victim, signature: own.signature)], by: host, seen.network)
    }

    private func news(_ records: [Signed], by host: Host, _ network: NetworkID) -> Frame {
        .gossip(
            network: network,
            GossipMessage(
                kind: .news, incarnation: Incarnation(epoch: host.disk.epoch, count: 0), records: records))
    }

    /// The next revision as the liar would like it, certified by too few: by itself, as often as it takes, or by all in signatures that
    /// nobody made.
    private func falseConfig(_ host: Host, _ seen: NetworkInspection) -> Frame? {
        guard let held = host.disk.written[seen.network]?.ledger else { return nil }
        var config = seen.config
        config.network = seen.network
        config.revision = config.revision.next
        config.policy = NetworkPolicy(maxVoters: 3, voterGrace: 500_000 + below(1000))
        let payload = config.encoded()
        let header = RevisionHeader(
            network: seen.network, generation: seen.version.generation, revision: config.revision,
            previous: seen.headerDigest, config: Digest.of(payload), voters: config.voters, admins: config.admins
        ).encoded()
        let own = Vouch(voter: host.peer, signature: host.key.sign(header, domain: .revision))
        let vouches: [Vouch] =
            below(2) == 0
            ? seen.config.voters.map { _ in own }
            : seen.config.voters.map { $0 == host.peer ? own : Vouch(voter: $0, signature: random.bytes(64)) }
        let chain = held.chain + [CertifiedHeader(bytes: header, vouches: vouches)]
        return .config(network: seen.network, CertifiedConfig(chain: chain, config: payload))
    }

    /// One that was certified, long ago.
    private func oldConfig(_ seen: NetworkInspection) -> Frame? {
        pick(world.recorded.filter { if case .config(seen.network, _) = $0 { true } else { false } })
    }
}
