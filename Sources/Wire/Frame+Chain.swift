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
            header.model = Data(open.model.bytes)
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
            switch open.task {
            case .sampling(let settings): header.sampling = settings.message
            case .embedding: header.embedding = true
            }
            header.answerStart = UInt64(open.answerStart.value)
            if let awaiting = open.awaiting { header.awaiting = UInt64(awaiting.value) }
            if let cut = open.cut { header.cut = cut.message }
            header.cacheFormat = UInt32(open.cacheFormat.rawValue)
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
            header.tokens = activation.tokens.map { UInt32(bitPattern: $0) }
            header.sample = activation.sample
            return Frame.assemble(.activation, header, payload: activation.payload)
        case .sampled(let sampled):
            var header = PBSampledFrame()
            header.session = Data(sampled.session.bytes)
            header.epoch = sampled.epoch.value
            header.position = UInt64(sampled.position.value)
            header.token = UInt32(bitPattern: sampled.choice.token)
            if let logProbability = sampled.choice.logProbability { header.logProbability = logProbability }
            header.best = sampled.choice.best.map { candidate in
                var inner = PBCandidateMessage()
                inner.token = UInt32(bitPattern: candidate.token)
                inner.logProbability = candidate.logProbability
                return inner
            }
            return Frame.assemble(.sampled, header)
        case .embedded(let embedded):
            var header = PBEmbeddedFrame()
            header.session = Data(embedded.session.bytes)
            header.epoch = embedded.epoch.value
            header.position = UInt64(embedded.position.value)
            return Frame.assemble(.embedded, header, payload: embedded.payload)
        case .stageFailed(let failed):
            var header = PBStageFailedFrame()
            header.session = Data(failed.session.bytes)
            header.epoch = failed.epoch.value
            header.stage = UInt32(failed.stage)
            header.reason = failed.reason
            header.isFinal = failed.isFinal
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
            return .tokens(
                Tokens(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    first: try Field.position(header.first), tokens: try Field.tokens(header.tokens),
                    sample: header.sample))
        case .activation:
            let header = try header(PBActivationFrame.self, frame)
            guard header.encoding == 0 else { throw .outOfRange(field: "encoding", value: "\(header.encoding)") }
            let tokens = try Field.tokens(header.tokens)
            guard frame.payload.count > 0, frame.payload.count % (tokens.count * 4) == 0 else {
                throw .outOfRange(field: "payload", value: "\(frame.payload.count) bytes")
            }
            return .activation(
                Activation(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    stage: try Field.stage(header.stage), first: try Field.position(header.first), tokens: tokens,
                    sample: header.sample, payload: frame.payload))
        case .sampled:
            let header = try header(PBSampledFrame.self, frame)
            return .sampled(
                Sampled(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    position: try Field.position(header.position), choice: try TokenChoice(message: header)))
        case .embedded:
            let header = try header(PBEmbeddedFrame.self, frame)
            guard (4...Limits.width * 4).contains(frame.payload.count), frame.payload.count % 4 == 0 else {
                throw .outOfRange(field: "payload", value: "\(frame.payload.count) bytes")
            }
            return .embedded(
                Embedded(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    position: try Field.position(header.position), payload: frame.payload))
        case .stageFailed:
            let header = try header(PBStageFailedFrame.self, frame)
            return .stageFailed(
                StageFailed(
                    session: try Field.session(header.session), epoch: try Field.epoch(header.epoch),
                    stage: try Field.stage(header.stage),
                    reason: try Field.text(header.reason, "reason", limit: Limits.reasonBytes), isFinal: header.isFinal)
            )
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
        let epoch = try Field.epoch(message.epoch)
        let cut = message.hasCut ? try TextCut(message: message.cut) : nil
        if let cut, cut.epoch > epoch { throw .outOfRange(field: "cut", value: "\(cut.epoch) after \(epoch)") }
        self.init(
            network: try Field.network(message.network), model: try Field.digest(message.model, "model"),
            session: try Field.session(message.session), epoch: epoch, stages: stages,
            stage: stage,
            task: try HeadTask(message: message), answerStart: try Field.position(message.answerStart),
            awaiting: message.hasAwaiting ? try Field.position(message.awaiting) : nil, cut: cut,
            cacheFormat: try Field.cacheFormat(message.cacheFormat))
    }
}

extension TextCut {
    fileprivate var message: PBTextCutMessage {
        var message = PBTextCutMessage()
        message.epoch = epoch.value
        message.since = since.value
        message.kept = UInt64(kept.value)
        return message
    }

    fileprivate init(message: PBTextCutMessage) throws(WireError) {
        self.init(
            epoch: try Field.epoch(message.epoch), since: try Field.epoch(message.since),
            kept: try Field.position(message.kept))
        guard since < epoch else { throw .outOfRange(field: "since", value: "\(since) of \(epoch)") }
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

    /// Those of one frame.
    static func tokens(_ values: [UInt32]) throws(WireError) -> [Int32] {
        guard (1...Limits.positionsPerFrame).contains(values.count) else {
            throw .outOfRange(field: "tokens", value: "\(values.count) entries")
        }
        var tokens: [Int32] = []
        tokens.reserveCapacity(values.count)
        for value in values { tokens.append(try token(value)) }
        return tokens
    }
}
