import Identity

@testable import Wire

/// One of everything that travels, filled to every field.
enum Sample {
    static let key: SigningKey = {
        guard let key = SigningKey(seed: [UInt8](repeating: 3, count: 32)) else {
            preconditionFailure("32 bytes were refused")
        }
        return key
    }()
    static let peer = key.peer
    static let other = SigningKey.random().peer
    static let digest = Digest.of([1])
    static let network = NetworkID(digest: Digest.of([2]))
    static let session = SessionID(high: 1, low: .max)
    static let addresses = ["10.0.0.7:7421", "[fe80::1]:80", "attic.local:65535"].compactMap { Endpoint($0) }
    static let signed = Signed([1, 2, 3], domain: .record, by: key)

    static let model = ModelManifest(
        name: "tiny", architecture: "llama", metadata: Piece(digest: digest, size: 10),
        blocks: (0..<4).map { block in
            ModelManifest.Block(
                pieces: [
                    Piece(digest: Digest.of([UInt8(block)]), size: 1 << 20),
                    Piece(digest: digest, size: Limits.pieceBytes),
                ],
                memory: UInt64(1) << 50)
        }, contextLength: 8192, vocabulary: 49152, width: 576)

    static let config = NetworkConfig(
        network: network, revision: Revision(7), previous: digest, name: "home", founder: peer,
        members: Role.allCases.map { role in
            NetworkConfig.Member(peer: other, name: "\(role)", role: role, grantedMemory: 1 << 40, addresses: addresses)
        }, model: model, invitations: [NetworkConfig.Invitation(key: other, role: .worker, expires: .max)],
        assignment: [
            NetworkConfig.Assignment(peer: peer, blocks: BlockRange(0...3), copy: false),
            NetworkConfig.Assignment(peer: other, blocks: BlockRange(1...2), copy: true),
        ], removed: [other], salt: [1, 2, 3])

    static let first: NetworkConfig = {
        var config = Sample.config
        config.network = nil
        config.previous = nil
        config.revision = .first
        return config
    }()

    static let record = PeerRecord(
        network: network, version: RecordVersion(epoch: 5, sequence: 9), name: "attic", addresses: addresses,
        grantedMemory: 1 << 34, held: [BlockRange(0...1), BlockRange(3...3)], loaded: [BlockRange(0...0)],
        appliedRevision: Revision(7))

    static let beacon = Beacon(
        linkPort: 7421, addresses: addresses, name: "attic",
        networks: [
            Beacon.Network(
                id: network, name: "home", model: "tiny", revision: Revision(7),
                members: [Beacon.Member(peer: other, address: addresses[0])])
        ], asks: true)

    static let changes: [ConfigCommand.Change] = [
        .invite(NetworkConfig.Invitation(key: other, role: .backup, expires: 12)),
        .admit(
            ConfigCommand.Admission(
                peer: peer, name: "attic", grantedMemory: 5, addresses: addresses, invitation: other,
                proof: [UInt8](repeating: 4, count: 64))),
        .remove(other), .grant(peer: peer, memory: 9, name: "attic", addresses: addresses), .setModel(model), .assign,
    ]

    static let commands = changes.map { ConfigCommand(network: network, proposal: session, change: $0) }

    static let sampling = SamplingSettings(temperature: 0.7, topK: 40, topP: 0.95, seed: .max)

    /// At least one of every kind.
    static let frames: [Frame] = [
        .hello(Hello(name: "attic", linkPort: 7421, boot: .max)), .hello(Hello(name: "", linkPort: 0, boot: 0)), .ping,
        .pong, .beacon(signed),
        .recordDigest(
            network: network,
            versions: [RecordDigestEntry(peer: peer, version: RecordVersion(epoch: 1, sequence: Limits.counter))]),
        .records(network: network, records: [signed, signed]), .configOffer(network: network, revision: Revision(3)),
        .configRequest(network: network), .config(network: network, first: signed, latest: signed),
        .proposal(network: network, command: signed),
        .proposalResult(
            ProposalResult(network: network, proposal: session, accepted: false, revision: Revision(3), reason: "why")),
        .pieceRequest(PieceRequest(digest: digest, offset: Limits.pieceBytes, length: Limits.piecePartBytes)),
        .pieceData(PieceData(digest: digest, offset: 5, total: 9, refusal: "", payload: Payload([1, 2, 3, 4]))),
        .pieceData(PieceData(digest: digest, offset: 0, total: 0, refusal: "it is not here", payload: .empty)),
        .routeOpen(
            RouteOpen(
                network: network, session: session, epoch: RouteEpoch(4),
                stages: [
                    RouteStage(peer: peer, blocks: BlockRange(0...2)),
                    RouteStage(peer: other, blocks: BlockRange(3...3)),
                ], stage: 1, sampling: sampling, awaiting: Position(8))),
        .routeOpen(
            RouteOpen(
                network: network, session: session, epoch: .first,
                stages: [RouteStage(peer: peer, blocks: BlockRange(0...5))], stage: 0, sampling: sampling, awaiting: nil
            )),
        .resume(Resume(session: session, epoch: .first, stage: 2, next: Position(77))),
        .stageProgress(Resume(session: session, epoch: .first, stage: 0, next: .zero)),
        .tokens(Tokens(session: session, epoch: .first, first: Position(3), tokens: [0, 1, 49151], sample: true)),
        .activation(
            Activation(
                session: session, epoch: .first, stage: 1, first: Position(3), count: 2, sample: false,
                payload: Payload([UInt8](repeating: 6, count: 16)))),
        .sampled(Sampled(session: session, epoch: .first, position: Position(4), token: 17)),
        .stageFailed(StageFailed(session: session, epoch: .first, stage: 1, reason: "no memory")),
        .sessionClose(session: session, epoch: RouteEpoch(2)),
    ]
}

/// SplitMix64: the same sequence on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
