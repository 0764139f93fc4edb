import Identity
import Wire

// How a stage enters a route, recovers its place in it, and fails.

extension Stage {
    mutating func opened(_ open: RouteOpen, from driver: PeerID, _ now: Instant, _ effects: inout [StageEffect]) {
        guard open.session == key.session, open.epoch > epoch, open.stages.indices.contains(open.stage),
            open.stages[open.stage].peer == peer, open.stages[open.stage].blocks.first == key.firstBlock
        else { return }
        let blocks = open.stages[open.stage].blocks
        let staysLast = isLast == (open.stage == open.stages.count - 1)
        let staysSame = blocks == self.blocks || (self.blocks != nil && mutated(.cacheKeptForOtherBlocks))
        if staysSame, staysLast, open.network == route?.network, open.cacheFormat == route?.cacheFormat {
            giveUpComputation(&effects)
            forget(from: kept(in: open), &effects)
        } else {
            effects.append(.resetCache(key, blocks: blocks))
            next = .zero
            if mutated(.takeoverWithoutReplay), open.epoch > RouteEpoch(1), let awaiting = open.awaiting {
                next = awaiting.advanced(by: -1)
            }
            log.restart(at: next)
            lastAnswer = nil
            computing = nil
            inputStride = 0
        }
        // Another task: what was answered to the old one is void.
        if open.task != route?.task || (open.task.hasFormat && open.answerStart != route?.answerStart) {
            lastAnswer = nil
        }
        route = open
        self.driver = driver
        queue.removeAll()
        window.close()
        isMissing = false
        hasAsked = false
        samplePoint = open.awaiting.flatMap { $0 > .zero ? $0.advanced(by: -1) : nil }
        if isLast { answerAgain(&effects) }
        reported = next
        readiness = .loading
        busySince = now
        lastSign = now
        effects.append(.needBlocks(key, network: open.network, blocks: blocks))
    }

    /// How much of what it has applied belongs to the text that this route goes by.
    private func kept(in open: RouteOpen) -> Position {
        guard let cut = open.cut, epoch < cut.epoch else { return next }
        return epoch < cut.since ? .zero : min(next, cut.kept)
    }

    /// What it has applied from this position on is of another text.
    private mutating func forget(from position: Position, _ effects: inout [StageEffect]) {
        guard position < next else { return }
        next = position
        log.cut(to: position)
        if let lastAnswer, lastAnswer.position > position { self.lastAnswer = nil }
        effects.append(.truncateCache(key, to: position))
    }

    /// The driver waits for a token whose position this stage, the last one, has applied already. Either the sample was lost on its
    /// way and is sent again, or it was never taken: then the position is applied anew.
    private mutating func answerAgain(_ effects: inout [StageEffect]) {
        guard let samplePoint, next > samplePoint else { return }
        let awaited = samplePoint.advanced(by: 1)
        if let lastAnswer, lastAnswer.position == awaited {
            send(answer: lastAnswer.result, at: awaited, &effects)
        } else {
            next = samplePoint
            effects.append(.truncateCache(key, to: next))
        }
    }

    mutating func blocksReady(_ range: BlockRange, _ now: Instant, _ effects: inout [StageEffect]) {
        guard readiness == .loading, range == blocks, let route, let driver else { return }
        readiness = .ready
        busySince = nil
        isMissing = false
        sendResume(&effects)
        if route.stage > 0 { effects.append(.send(.stageProgress(mark(route)), to: driver)) }
    }

    func sendResume(_ effects: inout [StageEffect]) {
        guard let route, let upstream else { return }
        effects.append(.send(.resume(mark(route)), to: upstream))
    }

    func send(answer: StageResult, at position: Position, _ effects: inout [StageEffect]) {
        guard let route, let driver else { return }
        switch answer {
        case .token(let choice):
            let sampled = Sampled(session: key.session, epoch: route.epoch, position: position, choice: choice)
            effects.append(.send(.sampled(sampled), to: driver))
        case .embedding(let payload):
            let embedded = Embedded(session: key.session, epoch: route.epoch, position: position, payload: payload)
            effects.append(.send(.embedded(embedded), to: driver))
        case .hidden, .cached, .missing, .refused, .failed: break
        }
    }

    /// Where it stands, as `Resume` and `StageProgress` say it.
    func mark(_ route: RouteOpen) -> Resume {
        Resume(session: key.session, epoch: route.epoch, stage: route.stage, next: next)
    }

    /// Goes back to a position below `next`, to compute from there on again.
    mutating func rewind(to position: Position, _ effects: inout [StageEffect]) {
        computing = nil
        busySince = readiness == .loading ? busySince : nil
        queue.removeAll()
        next = position
        reported = position
        log.restart(at: position)
        lastAnswer = nil
        isMissing = false
        hasAsked = false
        effects.append(.truncateCache(key, to: position))
        if readiness == .ready { sendResume(&effects) }
    }

    private mutating func giveUpComputation(_ effects: inout [StageEffect]) {
        guard computing != nil else { return }
        computing = nil
        effects.append(.truncateCache(key, to: next))
    }

    mutating func fail(_ reason: String, isFinal: Bool = false, _ effects: inout [StageEffect]) {
        guard let route, let driver else { return }
        giveUpComputation(&effects)
        readiness = .failed
        busySince = nil
        queue.removeAll()
        let failed = StageFailed(
            session: key.session, epoch: route.epoch, stage: route.stage, reason: Self.shortened(reason),
            isFinal: isFinal)
        effects.append(.send(.stageFailed(failed), to: driver))
    }

    /// As much of a sentence as fits a frame, cut between characters.
    static func shortened(_ text: String) -> String {
        guard text.utf8.count > Limits.reasonBytes else { return text }
        var kept = ""
        var bytes = 0
        for character in text {
            bytes += character.utf8.count
            if bytes > Limits.reasonBytes { break }
            kept.append(character)
        }
        return kept
    }

    /// Signs of life to the driver while blocks load or a long computation runs.
    mutating func tick(_ now: Instant, _ effects: inout [StageEffect]) {
        guard let deadline = nextDeadline, now >= deadline, let route, let driver else { return }
        lastSign = now
        effects.append(.send(.stageProgress(mark(route)), to: driver))
    }
}
