import Identity
import Wire

/// One of everything that travels, filled to every field: for tests and for the fuzzer's first inputs.
package enum Sample {
    package static let key: SigningKey = {
        guard let key = SigningKey(seed: [UInt8](repeating: 3, count: 32)) else {
            preconditionFailure("32 bytes were refused")
        }
        return key
    }()
    package static let peer = key.peer
    package static let other = SigningKey.random().peer
    package static let digest = Digest.of([1])
    package static let network = NetworkID(digest: Digest.of([2]))
    package static let session = SessionID(high: 1, low: .max)
    package static let addresses = ["10.0.0.7:7421", "[fe80::1]:80", "attic.local:65535"].compactMap { Endpoint($0) }
    package static let signed = Signed([1, 2, 3], domain: .record, by: key)

    /// Of an embedding, of layers with and without a window, and of one that is not known.
    private static let caches: [ModelManifest.Cache?] = [
        ModelManifest.Cache.none, .init(f16: Limits.cacheBytes, q8_0: 1, positions: 1),
        .init(f16: 768, q8_0: 408), nil,
    ]

    package static let model = ModelManifest(
        name: "tiny", architecture: "llama", metadata: Piece(digest: digest, size: 10),
        blocks: (0..<4).map { block in
            ModelManifest.Block(
                pieces: [
                    Piece(digest: Digest.of([UInt8(block)]), size: 1 << 20),
                    Piece(digest: digest, size: Limits.pieceBytes),
                ],
                memory: UInt64(1) << 50, cache: caches[block])
        }, contextLength: 8192, vocabulary: 49152, width: 576)

    package static let policy = NetworkPolicy(maxVoters: 5, voterGrace: 60, cacheFormat: .q8_0)

    package static let assignment = [
        NetworkConfig.Assignment(peer: peer, blocks: BlockRange(0...3), copy: false),
        NetworkConfig.Assignment(peer: other, blocks: BlockRange(1...2), copy: true),
    ]

    /// Ascending.
    package static let voters = [peer, other].sorted()

    package static let config = NetworkConfig(
        network: network, generation: 1 << 32, revision: Revision(7), name: "home", founder: peer, voters: voters,
        members: Role.allCases.map { role in
            NetworkConfig.Member(
                peer: other, name: "\(role)", role: role, grantedMemory: 1 << 40, addresses: addresses,
                joined: Revision(2), changed: Revision(Limits.counter))
        }, model: model, policy: policy,
        invitations: [NetworkConfig.Invitation(key: other, role: .worker, expires: .max)], assignment: assignment,
        removed: [other], salt: [1, 2, 3], modelChanged: Revision(3), policyChanged: Revision(4),
        assignmentChanged: Revision(5))

    package static let first = NetworkConfig(
        founding: "home",
        by: NetworkConfig.Member(peer: peer, name: "attic", role: .admin, grantedMemory: 1, addresses: []),
        model: model, salt: [7])

    package static let header = RevisionHeader(
        network: network, generation: 1 << 32, revision: Revision(7), previous: digest, config: digest, voters: voters,
        admins: voters, recoveredBy: other)

    package static let firstHeader = RevisionHeader(
        network: nil, generation: 0, revision: .first, previous: nil, config: digest, voters: [peer], admins: [peer])

    package static let certified = CertifiedConfig(
        chain: [
            CertifiedHeader(bytes: firstHeader.encoded(), vouches: []),
            CertifiedHeader(
                bytes: header.encoded(),
                vouches: voters.map { Vouch(voter: $0, signature: [UInt8](repeating: 5, count: 64)) }),
        ], config: config.encoded())

    package static let entry = ConfigEntry(command: signed, wallClock: 1_800_000_000, assignment: assignment)

    package static let state = ConfigState(
        network: network, header: header.encoded(), config: config.encoded(), began: Revision(6),
        memories: voters.map { voter in
            ConfigState.Memory(
                peer: voter, forgotten: RecordVersion(epoch: 2, sequence: 3),
                outcomes: [
                    ConfigState.Outcome(
                        proposal: session, number: RecordVersion(epoch: 2, sequence: 4), accepted: false,
                        revision: Revision(5), reason: "why")
                ])
        })

    package static let record = PeerRecord(
        network: network, version: RecordVersion(epoch: 5, sequence: 9), name: "attic", addresses: addresses,
        grantedMemory: 1 << 34, held: [BlockRange(0...1), BlockRange(3...3)], loaded: [BlockRange(0...0)],
        applied: ConfigVersion(generation: 1 << 32, revision: Revision(7)), load: 100, leads: Term(3))

    package static let beacon = Beacon(
        linkPort: 7421, addresses: addresses, name: "attic",
        networks: [
            Beacon.Network(
                id: network, name: "home", model: "tiny", revision: Revision(7),
                members: [Beacon.Member(peer: other, address: addresses[0])])
        ], asks: true)

    package static let changes: [ConfigCommand.Change] = [
        .invite(NetworkConfig.Invitation(key: other, role: .backup, expires: 12)),
        .admit(
            ConfigCommand.Admission(
                peer: peer, name: "attic", grantedMemory: 5, addresses: addresses, invitation: other,
                proof: [UInt8](repeating: 4, count: 64))),
        .remove(other), .grant(peer: peer, memory: 9, name: "attic", addresses: addresses), .setModel(model),
        .assign(nil), .assign([]), .assign(assignment), .setRole(other, .backup), .setPolicy(policy), .revoke(other),
    ]

    package static let commands = changes.map {
        ConfigCommand(
            network: network, proposal: session, number: RecordVersion(epoch: 3, sequence: 8),
            base: ConfigVersion(generation: 1 << 32, revision: Revision(6)),
            change: $0)
    }

    package static let voterSets = [
        VoterSet(voters: []), VoterSet(voters: [peer]),
        VoterSet(voters: [peer], outgoing: voters, learners: [SigningKey.random().peer]),
    ]

    package static let bodies: [LogEntry.Body] =
        [.empty, .command([]), .command([1, 2, 3]), .command(entry.encoded())] + voterSets.map { .voters($0) }

    package static let snapshot = RaftSnapshot(
        index: LogIndex(9), term: Term(2), voters: voterSets[2], state: state.encoded())

    package static let raftMessages: [RaftMessage.Kind] = [
        .preVote(lastIndex: LogIndex(4), lastTerm: Term(2)), .preVoteReply(granted: true),
        .preVoteReply(granted: false), .vote(lastIndex: LogIndex(4), lastTerm: Term(2), isTransfer: true),
        .vote(lastIndex: .zero, lastTerm: .zero, isTransfer: false), .voteReply(granted: true),
        .voteReply(granted: false),
        .append(
            previousIndex: LogIndex(4), previousTerm: Term(2), commit: LogIndex(Limits.counter),
            entries: bodies.enumerated().map { place, body in
                LogEntry(term: Term(place < 3 ? 2 : 5), index: LogIndex(UInt64(5 + place)), body: body)
            }, token: .max),
        .append(previousIndex: .zero, previousTerm: .zero, commit: .zero, entries: [], token: 0),
        .appended(match: LogIndex(7), token: 9),
        .appendRefused(
            previousIndex: LogIndex(7), lastIndex: LogIndex(6), conflictTerm: Term(2), conflictFirst: LogIndex(3),
            token: 8),
        .snapshot(snapshot, token: 4), .timeoutNow,
    ]

    package static let gossipKinds: [GossipMessage.Kind] = [
        .ping(sequence: 0), .ping(sequence: .max), .ack(sequence: 1), .pingRequest(sequence: 2, target: other),
        .nack(sequence: 3), .news,
    ]

    package static let rumours = Liveness.allCases.map {
        Rumour(about: other, incarnation: Incarnation(epoch: 3, count: Limits.counter), liveness: $0, by: peer)
    }

    package static let recordDigest = RecordDigest(
        first: voters[0], last: voters[1],
        versions: voters.map {
            RecordDigestEntry(peer: $0, version: RecordVersion(epoch: 1, sequence: Limits.counter))
        },
        asks: true)

    package static let gossip =
        gossipKinds.map {
            GossipMessage(
                kind: $0, incarnation: Incarnation(epoch: 5, count: 1), rumours: rumours, summary: .max,
                digest: recordDigest, records: [signed, signed])
        } + [GossipMessage(kind: .news, incarnation: .zero)]

    package static let version = ConfigVersion(generation: 1 << 32, revision: Revision(7))

    /// With everything that can be asked for.
    package static let wholeSampling = SamplingSettings(
        temperature: 0.7, topK: 40, topP: 0.95, minP: 0.05, seed: 7,
        penalties: PenaltySettings(repetition: 1.1, frequency: 0.5, presence: -0.5, window: 64),
        bias: [TokenBias(token: 3, value: -.infinity), TokenBias(token: 9, value: 2)], logProbabilities: 5,
        format: .schema("{}"))

    package static let sampling = SamplingSettings(temperature: 0.7, topK: 40, topP: 0.95, seed: .max)

    /// At least one of every kind.
    package static let frames: [Frame] =
        [
            .hello(Hello(name: "attic", linkPort: 7421, boot: .max)), .hello(Hello(name: "", linkPort: 0, boot: 0)),
            .ping,
            .pong, .beacon(signed),
            .configOffer(network: network, version: version), .configRequest(network: network, known: .none),
            .configRequest(network: network, known: version), .config(network: network, certified),
            .proposal(network: network, command: signed, attempt: 1),
            .proposal(network: network, command: signed, attempt: Limits.attempts),
            .proposalResult(
                ProposalResult(
                    network: network, proposal: session, accepted: false, revision: Revision(3), reason: "why",
                    isFinal: false)),
            .proposalResult(
                ProposalResult(
                    network: network, proposal: session, accepted: true, revision: Revision(3), reason: "",
                    isFinal: true)),
            .vouch(
                network: network, version: version, header: digest,
                Vouch(voter: other, signature: [UInt8](repeating: 9, count: 64))),
            .pieceRequest(PieceRequest(digest: digest, offset: Limits.pieceBytes, length: Limits.piecePartBytes)),
            .pieceData(PieceData(digest: digest, offset: 5, total: 9, refusal: "", payload: Payload([1, 2, 3, 4]))),
            .pieceData(PieceData(digest: digest, offset: 0, total: 0, refusal: "it is not here", payload: .empty)),
            .routeOpen(
                RouteOpen(
                    network: network, model: digest, session: session, epoch: RouteEpoch(4),
                    stages: [
                        RouteStage(peer: peer, blocks: BlockRange(0...2)),
                        RouteStage(peer: other, blocks: BlockRange(3...3)),
                    ], stage: 1, task: .sampling(wholeSampling), answerStart: Position(5), awaiting: Position(8),
                    cut: TextCut(epoch: RouteEpoch(4), since: RouteEpoch(2), kept: Position(6)), cacheFormat: .q8_0)),
            .routeOpen(
                RouteOpen(
                    network: network, model: digest, session: session, epoch: .first,
                    stages: [RouteStage(peer: peer, blocks: BlockRange(0...5))], stage: 0, task: .sampling(sampling),
                    answerStart: .zero, awaiting: nil)),
            .routeOpen(
                RouteOpen(
                    network: network, model: digest, session: session, epoch: .first,
                    stages: [RouteStage(peer: peer, blocks: BlockRange(0...5))], stage: 0, task: .embedding,
                    answerStart: Position(3), awaiting: Position(3))),
            .standingRequest(network: network, generation: 3, question: 9),
            .standing(
                network: network, question: 9, version: ConfigVersion(generation: 3, revision: Revision(7)),
                RaftStanding(
                    term: Term(5), lastIndex: LogIndex(80), lastTerm: Term(4),
                    voters: VoterSet(voters: [peer], outgoing: [other]))),
            .resume(Resume(session: session, epoch: .first, stage: 2, next: Position(77))),
            .stageProgress(Resume(session: session, epoch: .first, stage: 0, next: .zero)),
            .tokens(Tokens(session: session, epoch: .first, first: Position(3), tokens: [0, 1, 49151], sample: true)),
            .activation(
                Activation(
                    session: session, epoch: .first, stage: 1, first: Position(3), tokens: [17, 49151], sample: false,
                    payload: Payload([UInt8](repeating: 6, count: 16)))),
            .sampled(Sampled(session: session, epoch: .first, position: Position(4), choice: TokenChoice(token: 17))),
            .sampled(
                Sampled(
                    session: session, epoch: .first, position: Position(4),
                    choice: TokenChoice(
                        token: 17, logProbability: -0.5,
                        best: [.init(token: 17, logProbability: -0.5), .init(token: 0, logProbability: -.infinity)]))),
            .embedded(
                Embedded(session: session, epoch: .first, position: Position(4), payload: Payload([0, 0, 128, 63]))),
            .stageFailed(StageFailed(session: session, epoch: .first, stage: 1, reason: "no memory")),
            .stageFailed(
                StageFailed(session: session, epoch: .first, stage: 1, reason: "nothing may follow", isFinal: true)),
            .sessionClose(session: session, epoch: RouteEpoch(2)),
        ] + gossip.map { .gossip(network: network, $0) }
        + raftMessages.map { .raft(network: network, generation: 1 << 32, RaftMessage(term: Term(5), kind: $0)) }
}
