import Identity
import SwiftProtobuf
import Testing
import WireSamples

@testable import Wire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Messages as a peer could write them that keeps to the format and to no limit.
@Suite("Every limit is kept")
struct LimitTests {
    private func refused<Value>(_ read: () throws -> Value, location: SourceLocation = #_sourceLocation) {
        #expect(throws: WireError.self, sourceLocation: location) { _ = try read() }
    }

    private func frame(_ kind: FrameKind, _ header: some SwiftProtobuf.Message, payload: Int = 0) throws -> Frame {
        try Frame(Frame.assemble(kind, header, payload: Payload([UInt8](repeating: 0, count: payload))))
    }

    private let long = String(repeating: "n", count: Limits.nameBytes + 1)
    private let network = Data(Sample.network.bytes)
    private let session = Data(Sample.session.bytes)
    private let peer = Data(Sample.peer.bytes)
    private let digest = Data(Sample.digest.bytes)
    private let tooMany = Limits.counter + 1

    private var block: PBBlockRangeMessage { BlockRange(0...0).message }

    @Test("hello: version, name and port")
    func hello() {
        var good = PBHelloFrame()
        good.version = 1
        #expect(throws: Never.self) { try frame(.hello, good) }
        for change in [
            { $0.version = 0 }, { $0.version = 1_000_001 }, { $0.name = long }, { $0.linkPort = 65536 },
        ] as [(inout PBHelloFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.hello, bad) }
        }
    }

    @Test("a payload on a frame that has none")
    func payload() {
        refused { try frame(.ping, PBHelloFrame(), payload: 1) }
        refused { try frame(.hello, PBHelloFrame(), payload: 1) }
    }

    @Test("proposal results: the proposal's id, the revision and the reason")
    func proposalResult() {
        var good = PBProposalResultFrame()
        good.network = network
        good.proposal = session
        #expect(throws: Never.self) { try frame(.proposalResult, good) }
        for change in [
            { $0.proposal = Data() }, { $0.revision = tooMany },
            { $0.reason = String(repeating: "r", count: Limits.reasonBytes + 1) },
        ] as [(inout PBProposalResultFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.proposalResult, bad) }
        }
    }

    @Test("piece requests: digest, offset and length")
    func pieceRequest() {
        var good = PBPieceRequestFrame()
        good.digest = digest
        good.length = UInt32(Limits.piecePartBytes)
        #expect(throws: Never.self) { try frame(.pieceRequest, good) }
        for change in [
            { $0.digest = Data() }, { $0.offset = Limits.pieceBytes + 1 }, { $0.offset = .max }, { $0.length = 0 },
            { $0.length = UInt32(Limits.piecePartBytes) + 1 }, { $0.length = .max },
        ] as [(inout PBPieceRequestFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.pieceRequest, bad) }
        }
    }

    @Test("piece data: what it holds lies within the piece, and within a part")
    func pieceData() {
        var good = PBPieceDataFrame()
        good.digest = digest
        good.offset = 6
        good.total = 10
        #expect(throws: Never.self) { try frame(.pieceData, good, payload: 4) }
        refused { try frame(.pieceData, good, payload: 5) }
        good.total = Limits.pieceBytes
        refused { try frame(.pieceData, good, payload: Limits.piecePartBytes + 1) }
        for change in [
            { $0.offset = .max }, { $0.total = .max }, { $0.total = 5 }, { $0.digest = Data() },
            { $0.refusal = String(repeating: "r", count: Limits.reasonBytes + 1) },
        ] as [(inout PBPieceDataFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.pieceData, bad) }
        }
    }

    @Test("routes: stages in order without a gap, the receiver among them, sampling in range")
    func routes() {
        func stage(_ first: UInt32, _ last: UInt32) -> PBRouteStageMessage {
            var stage = PBRouteStageMessage()
            stage.peer = peer
            (stage.firstBlock, stage.lastBlock) = (first, last)
            return stage
        }
        var good = PBRouteOpenFrame()
        (good.network, good.model, good.session) = (network, network, session)
        good.stages = [stage(0, 3), stage(4, 4)]
        good.stage = 1
        good.sampling = Sample.wholeSampling.message
        good.epoch = 7
        (good.cut.epoch, good.cut.since) = (7, 6)
        #expect(throws: Never.self) { try frame(.routeOpen, good) }
        for change in [
            { $0.stages = [] }, { $0.stages = [stage(1, 3)] }, { $0.stages = [stage(0, 3), stage(5, 6)] },
            { $0.stages = [stage(0, 3), stage(3, 6)] }, { $0.stages = [stage(0, 3), stage(4, 3)] },
            { $0.stages = [stage(0, .max), stage(0, 0)] },
            { $0.stages = (0...UInt32(Limits.stages)).map { stage($0, $0) } }, { $0.stage = 2 }, { $0.stage = .max },
            { $0.epoch = tooMany }, { $0.awaiting = UInt64(Limits.positions) + 1 }, { $0.sampling.temperature = -1 },
            { $0.sampling.temperature = .nan }, { $0.sampling.temperature = .infinity }, { $0.sampling.topP = 1.5 },
            { $0.sampling.topP = .nan }, { $0.sampling.topK = .max }, { $0.session = Data() }, { $0.model = Data() },
            { $0.embedding = true }, { $0.clearSampling() }, { $0.answerStart = .max }, { $0.sampling.minP = -0.1 },
            { $0.sampling.minP = .nan }, { $0.sampling.penalties.repetition = .nan },
            { $0.sampling.penalties.presence = 101 }, { $0.sampling.penalties.window = .max },
            { $0.sampling.bias[0].token = .max }, { $0.sampling.bias[0].value = .nan },
            { $0.sampling.bias.append($0.sampling.bias[0]) }, { $0.sampling.bias.swapAt(0, 1) },
            { $0.sampling.bias = (0...UInt32(Limits.biases)).map { token in .with { $0.token = token } } },
            { $0.cacheFormat = 2 }, { $0.cacheFormat = .max }, { $0.cut.epoch = 8 }, { $0.cut.since = 7 },
            { $0.cut.kept = UInt64(Limits.positions) + 1 },
            { $0.sampling.logProbabilities = 101 }, { $0.sampling.format = PBFormatMessage() },
            { $0.sampling.format.grammar = String(repeating: "g", count: Limits.formatBytes + 1) },
        ] as [(inout PBRouteOpenFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.routeOpen, bad) }
        }
    }

    @Test("tokens: their number and their values")
    func tokens() {
        func tokens(_ tokens: [UInt32], first: UInt64 = 0) -> PBTokensFrame {
            var header = PBTokensFrame()
            header.session = session
            header.tokens = tokens
            header.first = first
            return header
        }
        #expect(throws: Never.self) {
            try frame(.tokens, tokens([UInt32](repeating: 1, count: Limits.positionsPerFrame)))
        }
        refused { try frame(.tokens, tokens([])) }
        refused { try frame(.tokens, tokens([UInt32](repeating: 1, count: Limits.positionsPerFrame + 1))) }
        refused { try frame(.tokens, tokens([.max])) }
        refused { try frame(.tokens, tokens([1], first: .max)) }
    }

    @Test("activations: the payload is whole positions of whole numbers")
    func activations() {
        var good = PBActivationFrame()
        good.session = session
        good.tokens = [1, 2, 3]
        #expect(throws: Never.self) { try frame(.activation, good, payload: 24) }
        for size in [0, 1, 11, 16, 25] { refused { try frame(.activation, good, payload: size) } }
        for change in [
            { $0.tokens = [] }, { $0.tokens = Array(repeating: 1, count: Limits.positionsPerFrame + 1) },
            { $0.tokens[1] = .max }, { $0.encoding = 1 },
            { $0.stage = .max }, { $0.first = .max }, { $0.epoch = .max },
        ] as [(inout PBActivationFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.activation, bad, payload: 24) }
        }
    }

    @Test("what a stage says: position, stage, token and reason")
    func stages() {
        var resume = PBResumeFrame()
        resume.session = session
        resume.next = UInt64(Limits.positions) + 1
        refused { try frame(.resume, resume) }
        refused { try frame(.stageProgress, resume) }
        var sampled = PBSampledFrame()
        sampled.session = session
        sampled.token = UInt32(Limits.vocabulary) + 1
        refused { try frame(.sampled, sampled) }
        sampled.token = 1
        sampled.logProbability = 0.5
        refused { try frame(.sampled, sampled) }
        sampled.logProbability = .nan
        refused { try frame(.sampled, sampled) }
        sampled.clearLogProbability()
        sampled.best = Array(repeating: PBCandidateMessage(), count: Limits.logProbabilities + 1)
        refused { try frame(.sampled, sampled) }
        var embedded = PBEmbeddedFrame()
        embedded.session = session
        #expect(throws: Never.self) { try frame(.embedded, embedded, payload: 8) }
        for size in [0, 2, 7, Limits.width * 4 + 4] { refused { try frame(.embedded, embedded, payload: size) } }
        var failed = PBStageFailedFrame()
        failed.session = session
        failed.reason = String(repeating: "r", count: Limits.reasonBytes + 1)
        refused { try frame(.stageFailed, failed) }
        refused { try frame(.sessionClose, PBSessionCloseFrame()) }
    }

    @Test("records: name, addresses, ranges and counters")
    func record() {
        let good = Sample.record.message
        #expect(throws: Never.self) { try PeerRecord(message: good) }
        for change in [
            { $0.name = long }, { $0.addresses = Array(repeating: "a:1", count: Limits.addresses + 1) },
            { $0.addresses = ["nowhere"] }, { $0.held = Array(repeating: block, count: Limits.ranges + 1) },
            { $0.held[0].last = .max }, { $0.loaded[0].first = 9 }, { $0.epoch = tooMany }, { $0.sequence = tooMany },
            { $0.applied.revision = tooMany }, { $0.applied.generation = tooMany }, { $0.load = 101 },
            { $0.leads = tooMany }, { $0.network = Data() },
        ] as [(inout PBRecordMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try PeerRecord(message: bad) }
        }
    }

    @Test("configs: every list, and what assignments point at")
    func config() {
        let good = Sample.config.message
        #expect(throws: Never.self) { try NetworkConfig(message: good) }
        for change in [
            { $0.revision = 0 }, { $0.revision = tooMany }, { $0.name = long }, { $0.founder = Data() },
            { $0.network = Data([1]) }, { $0.generation = tooMany }, { $0.voters = [peer, peer] },
            { $0.voters = [Data()] }, { $0.policy.maxVoters = 0 }, { $0.policy.maxVoters = 8 },
            { $0.policy.cacheFormat = 2 }, { $0.policy.voterGrace = 0 }, { $0.policy.voterGrace = .max },
            { $0.members[0].joined = tooMany },
            { $0.members[0].changed = tooMany }, { $0.modelChanged = tooMany }, { $0.policyChanged = tooMany },
            { $0.assignmentChanged = tooMany },
            { $0.members = Array(repeating: $0.members[0], count: Limits.members + 1) }, { $0.members[0].role = 0 },
            { $0.members[0].role = 5 }, { $0.members[0].grantedMemory = .max }, { $0.members[0].name = long },
            { $0.invitations = Array(repeating: $0.invitations[0], count: Limits.invitations + 1) },
            { $0.assignment = Array(repeating: $0.assignment[0], count: Limits.ranges + 1) },
            { $0.assignment[0].blocks.last = 4 }, { $0.assignment[0].blocks.last = .max },
            { $0.removed = Array(repeating: peer, count: Limits.removed + 1) }, { $0.removed = [Data()] },
            { $0.salt = Data(repeating: 0, count: 33) },
        ] as [(inout PBNetworkConfigMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try NetworkConfig(message: bad) }
        }
    }

    @Test("manifests: blocks, pieces and sizes")
    func manifest() {
        let good = Sample.model.message
        #expect(throws: Never.self) { try ModelManifest(message: good) }
        for change in [
            { $0.blocks = [] }, { $0.blocks = [$0.blocks[0]] },
            { $0.blocks = Array(repeating: $0.blocks[0], count: Limits.blocks + 1) }, { $0.blocks[0].pieces = [] },
            { $0.blocks[0].pieces = Array(repeating: $0.metadata, count: Limits.piecesPerBlock + 1) },
            { $0.blocks[0].memory = .max }, { $0.blocks[0].cache.f16 = UInt32(Limits.cacheBytes) + 1 },
            { $0.blocks[2].cache.q80 = 769 }, { $0.blocks[2].cache.q80 = 0 }, { $0.blocks[0].cache.q80 = 1 },
            { $0.blocks[1].cache.positions = 0 }, { $0.blocks[1].cache.positions = UInt32(Limits.positions) + 1 },
            { $0.metadata.size = 0 }, { $0.metadata.size = Limits.pieceBytes + 1 },
            { $0.metadata.digest = Data() }, { $0.contextLength = 0 }, { $0.contextLength = .max },
            { $0.vocabulary = 0 },
            { $0.vocabulary = .max }, { $0.width = 0 }, { $0.width = .max }, { $0.name = long },
            { $0.architecture = long },
        ] as [(inout PBModelMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try ModelManifest(message: bad) }
        }
    }

    @Test("beacons: port, addresses, networks and members")
    func beacon() {
        let good = Sample.beacon.message
        #expect(throws: Never.self) { try Beacon(message: good) }
        for change in [
            { $0.linkPort = 0 }, { $0.linkPort = 65536 }, { $0.name = long },
            { $0.networks = Array(repeating: $0.networks[0], count: Limits.beaconNetworks + 1) },
            { $0.addresses = Array(repeating: "a:1", count: Limits.addresses + 1) }, { $0.networks[0].id = Data() },
            { $0.networks[0].name = long }, { $0.networks[0].model = long }, { $0.networks[0].revision = tooMany },
            { $0.networks[0].members[0].address = "" }, { $0.networks[0].members[0].peer = Data() },
        ] as [(inout PBBeaconMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try Beacon(message: bad) }
        }
    }

    @Test("commands: what each change holds, and that there is one")
    func commands() {
        for command in Sample.commands {
            var bad = command.message
            bad.network = Data()
            refused { try ConfigCommand(message: bad) }
            bad = command.message
            bad.proposal = Data()
            refused { try ConfigCommand(message: bad) }
        }
        var bad = Sample.commands[0].message
        for change in [
            { $0.change = nil }, { $0.plan = false }, { $0.remove = Data([1]) }, { $0.invite.role = 9 },
            { $0.admit.name = long }, { $0.grant.memory = .max }, { $0.base.revision = tooMany },
            { $0.base.generation = tooMany }, { $0.epoch = tooMany }, { $0.sequence = tooMany }, { $0.role.role = 0 },
            { $0.role.peer = Data() }, { $0.revoke = Data() },
            { $0.policy.maxVoters = 8 },
            { $0.assign.shares = Array(repeating: Sample.assignment[0].message, count: Limits.ranges + 1) },
        ] as [(inout PBCommandMessage) -> Void] {
            bad = Sample.commands[0].message
            change(&bad)
            refused { try ConfigCommand(message: bad) }
        }
    }

    @Test("commands: what nobody knows makes none too long for the log")
    func longCommands() {
        let bytes = Sample.commands[0].encoded()
        // An unknown field of so many bytes: key, length in four bytes, content.
        func padded(_ count: Int) -> [UInt8] {
            let length = UInt32(count)
            let varint = (0..<4).map { UInt8(length >> (7 * $0) & 127) | ($0 < 3 ? 128 : 0) }
            return bytes + [0xfa, 0x7f] + varint + [UInt8](repeating: 0, count: count)
        }
        let room = Limits.commandBytes - bytes.count - 6
        #expect(throws: Never.self) {
            try ConfigCommand.verified(Signed(padded(room), domain: .command, by: Sample.key))
        }
        refused { try ConfigCommand.verified(Signed(padded(room + 1), domain: .command, by: Sample.key)) }
    }
}
