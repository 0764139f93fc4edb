import Chain
import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

/// Frames as a hostile or broken peer might send them: genuine ones with bytes changed, and whole ones with fields drawn at random
/// among those that mean something to the receiver.
struct FrameSource {
    var random: SeededGenerator
    let world: World
    let home: Home
    /// What went over the wires before.
    var genuine: [Frame]

    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
    mutating func number() -> UInt64 { pick([0, 1, 2, 3, 7, 255, 1 << 20, 1 << 24, .max, .max - 1, random.next()]) }
    mutating func position() -> Position { Position(pick([0, 1, 2, 5, 9, 63, 64, 300, Limits.positions, below(64)])) }
    mutating func digest() -> Digest {
        pick(home.model.manifest.pieces.map(\.digest) + [Digest.of([UInt8(below(256))])])
    }
    mutating func peer() -> PeerID { pick(world.hosts.map(\.peer) + [PeerID(Digest.of([UInt8(below(256))]).bytes)!]) }
    mutating func network() -> NetworkID { below(6) == 0 ? NetworkID(digest: digest()) : home.network }
    mutating func session() -> SessionID {
        let known = world.hosts.compactMap(\.core).flatMap { $0.drivers.keys + $0.stages.stages.map(\.key.session) }
        return known.isEmpty || below(3) == 0 ? SessionID(high: 1, low: UInt64(below(4))) : pick(known)
    }
    mutating func epoch() -> RouteEpoch { RouteEpoch(pick([0, 1, 2, 3, .max, UInt64(below(5))])) }
    mutating func signed() -> Signed {
        let key = pick(world.hosts.map(\.key))
        let payload = (0..<below(80)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return Signed(payload, domain: pick(SignatureDomain.allCases), by: key)
    }
    mutating func version() -> ConfigVersion {
        ConfigVersion(generation: UInt64(below(3)), revision: Revision(number()))
    }
    mutating func resume() -> Resume { Resume(session: session(), epoch: epoch(), stage: below(5), next: position()) }
    mutating func payload() -> Payload {
        Payload(Array(repeating: UInt8(below(256)), count: pick([0, 1, 4, 8, 16, 64, 4096])))
    }

    mutating func range() -> BlockRange {
        let first = below(12)
        return BlockRange(first...first + below(6))
    }

    mutating func record(by key: SigningKey) -> Signed {
        PeerRecord(
            // Not of a later life than its own next one: whoever signs that is not heard any more, and has itself to blame.
            network: network(), version: RecordVersion(epoch: UInt64(below(2)), sequence: number()), name: "x",
            addresses: [Endpoint(host: "10.0.0.9", port: 1 + below(60000))!], grantedMemory: number(),
            held: (0..<below(5)).map { _ in range() }, loaded: [range()],
            applied: ConfigVersion(generation: UInt64(below(2)), revision: Revision(number())), load: below(101),
            leads: nil
        ).signed(by: key)
    }

    mutating func command(by key: SigningKey) -> Signed {
        let change: ConfigCommand.Change =
            switch below(5) {
            case 0: .invite(NetworkConfig.Invitation(key: peer(), role: pick(Role.allCases), expires: number()))
            case 1: .remove(peer())
            case 2: .assign(nil)
            case 3:
                .admit(
                    ConfigCommand.Admission(
                        peer: peer(), name: "x", grantedMemory: 1, addresses: [], invitation: peer(),
                        proof: Array(repeating: 1, count: 64)))
            default: .grant(peer: peer(), memory: UInt64(below(1000)), name: "y", addresses: [])
            }
        return ConfigCommand(
            network: network(), proposal: session(), number: RecordVersion(epoch: 1, sequence: UInt64(below(9))),
            base: ConfigVersion(generation: 0, revision: Revision(UInt64(below(9)))), change: change
        ).signed(by: key)
    }

    /// `key` is the sender's: what it signs is genuine.
    mutating func frame(by key: SigningKey) -> Frame {
        switch below(22) {
        case 0: return .ping
        case 1:
            return .gossip(
                network: network(),
                GossipMessage(
                    kind: .ping(sequence: UInt32(below(9))), incarnation: Incarnation(epoch: number(), count: number()),
                    rumours: (0..<below(5)).map { _ in
                        Rumour(
                            about: peer(), incarnation: Incarnation(epoch: UInt64(below(2)), count: UInt64(below(9))),
                            liveness: pick(Liveness.allCases), by: peer())
                    }))
        case 2:
            return .gossip(
                network: network(),
                GossipMessage(
                    kind: .news, incarnation: Incarnation(epoch: 1, count: 0),
                    records: below(2) == 0 ? [signed()] : [record(by: key)]))
        case 3: return .configOffer(network: network(), version: version())
        case 4: return .configRequest(network: network(), known: version())
        case 5:
            return .config(
                network: network(),
                CertifiedConfig(
                    chain: [CertifiedHeader(bytes: random.bytes(below(90)), vouches: [])], config: random.bytes(40)))
        case 6:
            return .proposal(
                network: network(), command: below(2) == 0 ? signed() : command(by: key), attempt: 1 + below(3))
        case 7:
            return .proposalResult(
                ProposalResult(
                    network: network(), proposal: session(), accepted: below(2) == 0, revision: Revision(number()),
                    reason: "no", isFinal: below(2) == 0))
        case 8:
            return .pieceRequest(
                PieceRequest(digest: digest(), offset: number(), length: pick([1, 40, Limits.piecePartBytes])))
        case 9:
            return .pieceData(
                PieceData(
                    digest: digest(), offset: number(), total: number(), refusal: below(4) == 0 ? "no" : "",
                    payload: payload()))
        case 10, 11:
            var stages: [RouteStage] = []
            var next = 0
            while next < 9, stages.count < 5 {
                let last = below(3) == 0 ? 8 : min(8, next + below(4))
                stages.append(RouteStage(peer: peer(), blocks: BlockRange(next...last)))
                next = last + 1
            }
            return .routeOpen(
                RouteOpen(
                    network: network(), model: below(4) == 0 ? digest() : home.model.manifest.digest(),
                    session: session(), epoch: epoch(), stages: stages, stage: below(stages.count),
                    task: .sampling(Home.sampling), answerStart: position(), awaiting: below(2) == 0 ? position() : nil)
            )
        case 12: return .resume(resume())
        case 13:
            return .tokens(
                Tokens(
                    session: session(), epoch: epoch(), first: position(),
                    tokens: (0...below(20)).map { _ in Int32(below(997)) }, sample: below(2) == 0))
        case 14:
            let count = 1 + below(4)
            return .activation(
                Activation(
                    session: session(), epoch: epoch(), stage: below(4), first: position(),
                    tokens: (0..<count).map { _ in Int32(below(997)) }, sample: below(2) == 0,
                    payload: Payload(Array(repeating: 5, count: count * pick([4, 8])))))
        case 15:
            return .sampled(
                Sampled(
                    session: session(), epoch: epoch(), position: position(),
                    choice: TokenChoice(token: Int32(below(997)))))
        case 16: return .stageProgress(resume())
        case 17:
            return .stageFailed(StageFailed(session: session(), epoch: epoch(), stage: below(5), reason: "no"))
        case 18: return .sessionClose(session: session(), epoch: epoch())
        case 19:
            return .beacon(
                Beacon(
                    linkPort: 1 + below(60000), addresses: [], name: "z",
                    networks: [
                        Beacon.Network(id: network(), name: "n", model: "m", revision: Revision(number()), members: [])
                    ], asks: below(2) == 0
                ).signed(by: key))
        case 20:
            return .vouch(
                network: network(), version: version(), header: digest(),
                Vouch(voter: peer(), signature: random.bytes(64)))
        default: return mutated() ?? .pong
        }
    }

    /// A genuine frame with a byte changed, where that still reads as a frame.
    mutating func mutated() -> Frame? {
        let encoded = pick(genuine).encoded()
        var header = encoded.header
        if !header.isEmpty { header[below(header.count)] ^= UInt8(1 + below(255)) }
        return try? Frame(EncodedFrame(kind: encoded.kind, header: header, payload: encoded.payload))
    }
}

@Suite struct GarbageTests {
    @Test("Thousands of arbitrary frames from a member and from a stranger never harm a peer", arguments: 0..<4)
    func arbitraryFrames(seed: Int) throws {
        let home = try Home(seed: UInt64(seed), hosts: 3)
        let world = home.world
        world.startRecording()
        world.answer(home.chat(0, [1, 2, 3], maxNewTokens: 6, conversation: 1))
        var source = FrameSource(
            random: SeededGenerator(seed: UInt64(seed) &+ 77), world: world, home: home, genuine: world.recorded)
        // Host 2 is the hostile one from now on: it says whatever it likes over its own links, and over one of admission.
        let hostile = world.hosts[2].key
        let revision = world.hosts[0].revision(of: home.network)!
        for round in 0..<1500 {
            let target = world.hosts[round % 2]
            if round % 50 == 0 { world.connectDirectly(2, to: round % 2, purpose: .admission) }
            let links = target.core!.links.pairs.filter { $1.info.peer == hostile.peer }.map(\.0)
            guard !links.isEmpty else {
                world.run(for: .milliseconds(300))
                continue
            }
            // What cannot be read ends the link before a core hears of it.
            guard let frame = try? Frame(source.frame(by: hostile).encoded()) else { continue }
            world.feed(target, .received(frame, on: source.pick(links)))
            if round % 8 == 0 { world.run(for: .milliseconds(2)) }
        }
        world.run(for: .seconds(2))
        // What the hostile member may do it has done: tell its grant, leave, be refused the rest. Nothing else has changed.
        let config = world.hosts[0].config(of: home.network)!
        #expect(config.revision >= revision)
        #expect(config.members.prefix(2).map(\.peer) == [world.hosts[0].peer, world.hosts[1].peer])
        #expect(config.members.count <= 3)
        #expect(config.invitations.isEmpty)
        #expect(config.removed.isEmpty)
        // Those who are honest still decide, and agree.
        _ = try world.invite(from: 0, to: home.network)
        let agreed = world.run(within: .seconds(10)) {
            world.hosts[0].inspect(home.network)!.version > ConfigVersion(generation: 0, revision: config.revision)
                && world.hosts[0].inspect(home.network)!.headerDigest
                    == world.hosts[1].inspect(home.network)!.headerDigest
        }
        #expect(agreed)
        for host in world.hosts[0...1] {
            for (name, size, limit) in host.core!.tableSizes { #expect(size <= limit, "\(name)") }
        }
        #expect(world.violations.filter { !isItsOwnDoing($0) } == [])
        // Those who are honest go on.
        world.crash(2)
        world.run(for: .seconds(2))
        world.hosts[2].settings.name = "honest"
        world.start(2)
        let back = world.run(within: .seconds(20)) {
            !config.isMember(world.hosts[2].peer) || world.links(between: 0, 2) == 1
        }
        #expect(back)
        let id = home.chat(0, [6, 6, 6], conversation: 99)
        world.answer(id, within: .seconds(60))
        #expect(world.tokens(id) == home.expected([6, 6, 6]))
    }

    /// A hostile driver gets the nonsense that it asks for, on its own sessions.
    private func isItsOwnDoing(_ violation: String) -> Bool {
        violation.contains("computes") || violation.contains("cache holds")
    }

    @Test("A flood of changes from a member leaves the leader's tables bounded, and every one is answered or dropped")
    func floodOfProposals() throws {
        let home = try Home(seed: 9, hosts: 2, memory: [900])
        home.settleVoters(2)
        let world = home.world
        world.times.persist = .milliseconds(200)
        let leader = world.hosts[try home.leader()]
        let other = world.hosts[1 - leader.index]
        let link = leader.core!.memberLink(to: other.peer)!.info.id
        for number in 0..<2000 {
            let command = ConfigCommand(
                network: home.network, proposal: SessionID(high: 5, low: UInt64(number)),
                number: RecordVersion(epoch: 1, sequence: UInt64(number + 1)),
                base: other.inspect(home.network)!.version,
                change: .grant(peer: other.peer, memory: 900, name: "n\(number)", addresses: []))
            world.feed(
                leader,
                .received(
                    .proposal(network: home.network, command: command.signed(by: other.key), attempt: 1), on: link))
        }
        func expectBounded() {
            for (name, size, limit) in leader.core!.tableSizes { #expect(size <= limit, "\(name)") }
        }
        expectBounded()
        let isDone = world.run(within: .seconds(60)) {
            leader.withCore { $0.proposals.isEmpty && $0.networks[home.network]?.group.waiting.isEmpty == true } == true
        }
        #expect(isDone)
        expectBounded()
        #expect(world.violations == [])
    }

    @Test(
        "A member's record with a thousand overlapping ranges costs no more than an honest one", .timeLimit(.minutes(1))
    )
    func overlappingRanges() throws {
        let home = try Home(seed: 10, hosts: 2, memory: [900])
        let world = home.world
        let record = PeerRecord(
            network: home.network, version: RecordVersion(epoch: 99, sequence: 1), name: "x", addresses: [],
            grantedMemory: 1, held: Array(repeating: BlockRange(0...1024), count: 1024),
            loaded: [], applied: .first, load: 0, leads: nil
        ).signed(by: world.hosts[1].key)
        let link = world.hosts[0].core!.memberLink(to: world.hosts[1].peer)!.info.id
        world.feed(
            world.hosts[0],
            .received(
                .gossip(
                    network: home.network,
                    GossipMessage(
                        kind: .news, incarnation: Incarnation(epoch: 99, count: 0), records: [record])), on: link))
        #expect(world.hosts[0].core!.networks[home.network]!.gossip.record(of: world.hosts[1].peer)?.held.count == 1024)
        for _ in 0..<20 { #expect(world.hosts[0].core!.missingBlocks(in: home.network).isEmpty) }
    }
}
