import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The coding of the frames that run along a block chain.

extension Frame {
    func encodedChainFrame() -> EncodedFrame {
        switch self {
        case .routeOpen(let open):
            var header = PBRouteOpenFrame()
            header.network = Data(open.network.bytes)
            header.session = Data(open.session.bytes)
            header.epoch = open.epoch.value
            header.stages = open.stages.map { stage in
                var inner = PBRouteStageMessage()
                inner.peer = Data(stage.peer.bytes)
                inner.firstBlock = UInt32(stage.blocks.first)
                inner.lastBlock = UInt32(stage.blocks.last)
                return inner
            }
            header.stage = UInt32(open.stage)
            header.sampling = open.sampling.message
            if let awaiting = open.awaiting { header.awaiting = UInt64(awaiting.value) }
            return Frame.assemble(.routeOpen, header)
        case .resume(let resume):
            return Frame.assemble(.resume, resume.message)
        case .stageProgress(let progress):
            return Frame.assemble(.stageProgress, progress.message)
        case .tokens(let tokens):
            var header = PBTokensFrame()
            header.session = Data(tokens.session.bytes)
            header.epoch = tokens.epoch.value
            header.first = UInt64(tokens.first.value)
            header.tokens = tokens.tokens.map { UInt32(bitPattern: $0) }
            header.sample = tokens.sample
            return Frame.assemble(.tokens, header)
        case .activation(let activation):
            var header = PBActivationFrame()
            header.session = Data(activation.session.bytes)
            header.epoch = activation.epoch.value
            header.stage = UInt32(activation.stage)
            header.first = UInt64(activation.first.value)
            header.count = UInt32(activation.count)
            header.sample = activation.sample
            return Frame.assemble(.activation, header, payload: activation.payload)
        case .sampled(let sampled):
            var header = PBSampledFrame()
            header.session = Data(sampled.session.bytes)
            header.epoch = sampled.epoch.value
            header.position = UInt64(sampled.position.value)
            header.token = UInt32(bitPattern: sampled.token)
            return Frame.assemble(.sampled, header)
        case .stageFailed(let failed):
            var header = PBStageFailedFrame()
            header.session = Data(failed.session.bytes)
            header.epoch = failed.epoch.value
            header.stage = UInt32(failed.stage)
            header.reason = failed.reason
            return Frame.assemble(.stageFailed, header)
        case .sessionClose(let session, let epoch):
            var header = PBSessionCloseFrame()
            header.session = Data(session.bytes)
            header.epoch = epoch.value
            return Frame.assemble(.sessionClose, header)
        default:
            preconditionFailure("\(self) does not run along a chain")
        }
    }

    static func chainFrame(_ kind: FrameKind, _ frame: EncodedFrame) throws(WireError) -> Frame {
        switch kind {
        case .routeOpen:
            return .routeOpen(try RouteOpen(message: try header(PBRouteOpenFrame.self, frame)))
        case .resume:
            return .resume(try Resume(message: try header(PBResumeFrame.self, frame)))
        case .stageProgress:
            return .stageProgress(try Resume(message: try header(PBResumeFrame.self, frame)))
        case .tokens:
            let header = try header(PBTokensFrame.self, frame)
            guard (1...Limits.positionsPerFrame).contains(header.tokens.count) else {
                throw .outOfRange(field: "tokens", value: "\(header.tokens.count) entries")
            }
            var tokens: [Int32] = []
            for token in header.tokens { tokens.append(try Field.token(token)) }
            return .tokens(
                Tokens(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    first: try Field.position(header.first), tokens: tokens, sample: header.sample))
        case .activation:
            let header = try header(PBActivationFrame.self, frame)
            guard header.encoding == 0 else { throw .outOfRange(field: "encoding", value: "\(header.encoding)") }
            let count = try Field.number(header.count, "count", in: 1...Limits.positionsPerFrame)
            guard frame.payload.count > 0, frame.payload.count % (count * 4) == 0 else {
                throw .outOfRange(field: "payload", value: "\(frame.payload.count) bytes")
            }
            return .activation(
                Activation(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    stage: try Field.stage(header.stage), first: try Field.position(header.first), count: count,
                    sample: header.sample, payload: frame.payload))
        case .sampled:
            let header = try header(PBSampledFrame.self, frame)
            return .sampled(
                Sampled(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    position: try Field.position(header.position), token: try Field.token(header.token)))
        case .stageFailed:
            let header = try header(PBStageFailedFrame.self, frame)
            return .stageFailed(
                StageFailed(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    stage: try Field.stage(header.stage),
                    reason: try Field.text(header.reason, "reason", limit: Limits.reasonBytes)))
        case .sessionClose:
            let header = try header(PBSessionCloseFrame.self, frame)
            return .sessionClose(session: try Field.session(header.session), epoch: try Field.epoch(header.epoch))
        default:
            throw .unknownKind(frame.kind)
        }
    }
}

extension Resume {
    fileprivate var message: PBResumeFrame {
        var message = PBResumeFrame()
        message.session = Data(session.bytes)
        message.epoch = epoch.value
        message.stage = UInt32(stage)
        message.next = UInt64(next.value)
        return message
    }

    fileprivate init(message: PBResumeFrame) throws(WireError) {
        self.init(
            session: try Field.session(message.session), epoch: try Field.epoch(message.epoch),
            stage: try Field.stage(message.stage), next: try Field.position(message.next))
    }
}

extension SamplingSettings {
    fileprivate var message: PBSamplingMessage {
        var message = PBSamplingMessage()
        message.temperature = temperature
        message.topK = UInt32(topK)
        message.topP = topP
        message.seed = seed
        return message
    }

    fileprivate init(message: PBSamplingMessage) throws(WireError) {
        guard message.temperature >= 0, message.temperature <= 100 else {
            throw .outOfRange(field: "temperature", value: "\(message.temperature)")
        }
        guard message.topP >= 0, message.topP <= 1 else { throw .outOfRange(field: "top_p", value: "\(message.topP)") }
        self.init(
            temperature: message.temperature, topK: try Field.number(message.topK, "top_k", in: 0...Limits.vocabulary),
            topP: message.topP, seed: message.seed)
    }
}

extension RouteOpen {
    /// A route must name every block once, in order, and the receiver must be one of its stages: nothing else is worth opening.
    fileprivate init(message: PBRouteOpenFrame) throws(WireError) {
        guard (1...Limits.stages).contains(message.stages.count) else {
            throw .outOfRange(field: "stages", value: "\(message.stages.count) entries")
        }
        var stages: [RouteStage] = []
        var next = 0
        for stage in message.stages {
            let first = try Field.number(stage.firstBlock, "first_block", in: 0...Limits.blocks)
            let last = try Field.number(stage.lastBlock, "last_block", in: 0...Limits.blocks)
            guard first == next, let blocks = BlockRange(first: first, last: last) else {
                throw .outOfRange(field: "stages", value: "blocks \(first)-\(last) after block \(next - 1)")
            }
            next = last + 1
            stages.append(RouteStage(peer: try Field.peer(stage.peer, "stage"), blocks: blocks))
        }
        let stage = try Field.stage(message.stage)
        guard stage < stages.count else { throw .outOfRange(field: "stage", value: "\(stage)") }
        self.init(
            network: try Field.network(message.network), session: try Field.session(message.session),
            epoch: try Field.epoch(message.epoch), stages: stages, stage: stage,
            sampling: try SamplingSettings(message: message.sampling),
            awaiting: message.hasAwaiting ? try Field.position(message.awaiting) : nil)
    }
}

extension Field {
    static func position(_ value: UInt64) throws(WireError) -> Position {
        Position(try number(value, "position", in: 0...Limits.positions))
    }

    static func stage(_ value: UInt32) throws(WireError) -> Int {
        try number(value, "stage", in: 0...Limits.stages)
    }

    static func token(_ value: UInt32) throws(WireError) -> Int32 {
        Int32(try number(value, "token", in: 0...Limits.vocabulary))
    }
}
