import Identity
import MeshCore
import NetworkConfig
import Wire

/// What hostile or broken peers say: genuine messages with bytes changed, and whole ones with fields drawn at random among those that mean
/// something to the receiver.
final class GarbageSource {
    var random: SeededGenerator
    let world: World
    /// A stranger whose links it uses.
    private var stranger: Host?

    init(seed: UInt64, world: World) {
        random = SeededGenerator(seed: seed)
        self.world = world
        world.isRecording = true
    }

    // MARK: Strangers

    /// A handful of datagrams and frames from somebody who is no member.
    func pester(_ host: Host) {
        guard host.isOn else { return }
        for _ in 0..<4 {
            var bytes = pick(world.recordedDatagrams) ?? []
            switch below(4) {
            case 0: if !bytes.isEmpty { bytes[below(bytes.count)] ^= UInt8(1 + below(255)) }
            case 1: bytes = Array(bytes.prefix(below(bytes.count + 1)))
            case 2: bytes = random.bytes(below(1600))
            default: break  // Replayed as it was.
            }
            world.feed(host, .datagramReceived(bytes, host: "10.99.0.\(1 + below(200))"))
        }
        let speaker =
            stranger
            ?? world.addHost(
                key: World.key(name: "stranger", seed: random.next()), name: "stranger", memory: 0, isPuppet: true)
        stranger = speaker
        let links = speaker.orderedLinks.filter { $0.pipe.isWhole && $0.pipe.ends[1 - $0.end].host === host }
        guard let link = links.first else {
            if host.withCore({ $0.accepts(speaker.peer, purpose: .admission) }) == true {
                world.connect(speaker, host, purpose: .admission, tag: nil)
            }
            return
        }
        guard let frame = pick(world.recorded).flatMap(spoiled) else { return }
        world.send(frame, on: link.pipe.ends[link.end].link, from: speaker)
        if below(8) == 0 { world.close(link.pipe.ends[link.end].link, of: speaker, reason: "done") }
    }

    /// With a byte changed, where it can still be read: what cannot be read ends a link before a core hears of it.
    private func spoiled(_ frame: Frame) -> Frame? {
        let encoded = frame.encoded()
        var header = encoded.header
        if !header.isEmpty, below(4) > 0 { header[below(header.count)] ^= UInt8(1 + below(255)) }
        return try? Frame(EncodedFrame(kind: encoded.kind, header: header, payload: encoded.payload))
    }

    // MARK: A member

    /// Something that a member may not say, over its own links: signed with its own key, forged, or played back.
    func lie(as host: Host) {
        guard host.isOn else { return }
        let links = host.orderedLinks.filter { $0.pipe.isWhole && $0.pipe.purpose == .member }
        guard let link = pick(links), let network = world.checks?.networks.first else { return }
        let frame =
            switch below(5) {
            case 0: pick(world.recorded).flatMap(spoiled)
            case 1, 2: forged(by: host, network)
            default: invented(by: host, network)
            }
        // Raft does not survive liars (docs/threat-model.md): a member that speaks as a leader or a voter what is not so is followed.
        if let frame, frame.raft == nil { world.send(frame, on: link.pipe.ends[link.end].link, from: host) }
    }

    private func invented(by host: Host, _ network: NetworkID) -> Frame? {
        switch below(6) {
        case 0:
            .gossip(
                network: network,
                GossipMessage(
                    kind: .news, incarnation: Incarnation(epoch: host.disk.epoch, count: UInt64(below(9))),
                    rumours: (0..<4).map { _ in rumour(by: host) }))
        case 1:
            .gossip(
                network: network,
                GossipMessage(
                    kind: .news, incarnation: Incarnation(epoch: host.disk.epoch, count: 0),
                    records: twoFaced(host, network)))
        case 2: .proposal(network: network, command: command(by: host, network), attempt: 1)
        case 3:
            .vouch(
                network: network, version: ConfigVersion(generation: 0, revision: Revision(UInt64(1 + below(40)))),
                header: Digest.of(random.bytes(8)), Vouch(voter: host.peer, signature: random.bytes(64)))
        case 4:
            .standing(
                network: network, question: UInt64(1 + below(3)),
                version: ConfigVersion(generation: 0, revision: Revision(UInt64(below(40)))),
                RaftStanding(
                    term: Term(UInt64(below(9))), lastIndex: LogIndex(UInt64(below(40))),
                    lastTerm: Term(UInt64(below(9))), voters: VoterSet(voters: world.hosts.map(\.peer))))
        default:
            .configOffer(
                network: network,
                version: ConfigVersion(generation: UInt64(below(3)), revision: Revision(UInt64(below(90)))))
        }
    }

    private func rumour(by host: Host) -> Rumour {
        Rumour(
            about: pick(world.hosts.map(\.peer)) ?? host.peer,
            incarnation: Incarnation(epoch: UInt64(below(4)), count: UInt64(below(4))),
            liveness: pick(Liveness.allCases) ?? .dead, by: host.peer)
    }

    /// Two records under one version.
    private func twoFaced(_ host: Host, _ network: NetworkID) -> [Signed] {
        (0..<2).map { face in
            PeerRecord(
                network: network, version: RecordVersion(epoch: host.disk.epoch, sequence: 1_000_000),
                name: "face \(face)",
                addresses: [], grantedMemory: UInt64(below(1000)), held: [], loaded: [], applied: .none, load: 0,
                leads: nil
            ).signed(by: host.key)
        }
    }

    /// Asks for what it may not.
    private func command(by host: Host, _ network: NetworkID) -> Signed {
        let other = pick(world.hosts.filter { $0 !== host }.map(\.peer)) ?? host.peer
        let change: ConfigCommand.Change =
            switch below(6) {
            case 0: .remove(other)
            case 1: .setRole(host.peer, .admin)
            case 2: .setPolicy(NetworkPolicy(maxVoters: 1, voterGrace: 1))
            case 3: .invite(NetworkConfig.Invitation(key: host.peer, role: .admin, expires: .max / 2))
            default: .grant(peer: other, memory: 1, name: "robbed", addresses: [])
            }
        return ConfigCommand(
            network: network, proposal: SessionID(high: random.next(), low: random.next()),
            number: RecordVersion(epoch: host.disk.epoch, sequence: UInt64(below(40))),
            base: ConfigVersion(generation: 0, revision: Revision(UInt64(1 + below(40)))), change: change
        ).signed(by: host.key)
    }

    func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(random.next() % UInt64(bound)) }
    func pick<Value>(_ values: [Value]) -> Value? { values.isEmpty ? nil : values[below(values.count)] }
}
