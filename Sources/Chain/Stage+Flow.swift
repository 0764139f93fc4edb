import Identity
import Wire

// How positions pass through a stage: received, queued, computed, logged, sent.

extension Stage {
    mutating func received(_ frame: Frame, from sender: PeerID, _ now: Instant, _ effects: inout [StageEffect]) {
        guard let route else { return }
        switch frame {
        case .tokens(let tokens):
            guard tokens.session == key.session, tokens.epoch == route.epoch, route.stage == 0, sender == driver,
                !tokens.tokens.isEmpty
            else { return }
            accept(.tokens(tokens.tokens), first: tokens.first, sample: tokens.sample, now, &effects)
        case .activation(let activation):
            guard activation.session == key.session, activation.epoch == route.epoch, route.stage > 0,
                activation.stage == route.stage, sender == upstream, activation.count > 0, activation.payload.count > 0,
                activation.payload.count % activation.count == 0
            else { return }
            let stride = activation.payload.count / activation.count
            guard inputStride == 0 || stride == inputStride else {
                return fail("it was sent \(stride) bytes for a position instead of \(inputStride)", &effects)
            }
            inputStride = stride
            accept(
                .hidden(activation.payload, tokens: activation.tokens), first: activation.first,
                sample: activation.sample,
                now, &effects)
        case .resume(let resume):
            guard resume.session == key.session, resume.epoch == route.epoch, resume.stage == route.stage + 1,
                sender == downstream
            else { return }
            if resume.next < log.start { rewind(to: resume.next, &effects) }
            window.resume(at: resume.next)
            pump(&effects)
        case .stageProgress(let progress):
            guard progress.session == key.session, progress.epoch == route.epoch, progress.stage == route.stage + 1,
                sender == downstream
            else { return }
            window.acknowledge(progress.next)
            pump(&effects)
        default: return
        }
    }

    /// Queues what is new of the positions from `first` on.
    private mutating func accept(
        _ input: StageWork.Input, first: Position, sample: Bool, _ now: Instant, _ effects: inout [StageEffect]
    ) {
        guard readiness == .ready else { return }
        let expected = next.advanced(by: (computing?.count ?? 0) + queue.count)
        let end = first.advanced(by: input.count)
        guard end > expected || mutated(.overlapAppliedTwice) else { return }
        // A gap, or more than the window allows: nothing is kept, and it is asked for once the queue is done.
        // What comes before the answer to an earlier question is part of that answer.
        guard first <= expected, end.value - next.value <= settings.window else {
            isMissing = isMissing || !hasAsked
            return recover(&effects)
        }
        let known = mutated(.overlapAppliedTwice) ? 0 : expected.value - first.value
        queue.append(input.slice(known, input.count))
        hasAsked = false
        if sample {
            let last = end.advanced(by: -1)
            samplePoint = samplePoint.map { max($0, last) } ?? last
        }
        compute(now, &effects)
    }

    /// Asks the stage before to begin at `next`, once for each thing that is missing: the answer is under way while more frames that
    /// do not fit still arrive.
    mutating func recover(_ effects: inout [StageEffect]) {
        guard isMissing, !hasAsked, readiness == .ready, computing == nil, queue.isEmpty else { return }
        isMissing = false
        hasAsked = true
        reported = next
        sendResume(&effects)
    }

    /// Begins the next computation: as much as is queued, up to the sampling point.
    private mutating func compute(_ now: Instant, _ effects: inout [StageEffect]) {
        guard readiness == .ready, computing == nil, !queue.isEmpty, let route, let blocks else { return }
        var count = min(queue.count, settings.positionsPerCompute)
        if let samplePoint, samplePoint >= next { count = min(count, samplePoint.value - next.value + 1) }
        let end = next.advanced(by: count)
        var output = StageWork.Output.hidden
        if isLast {
            let answers = end.advanced(by: -1) == samplePoint
            switch route.task {
            case .sampling(let settings):
                output = answers ? .token(settings, position: end, answerStart: route.answerStart) : .nothing
            case .embedding: output = answers ? .embedding : .states
            }
        }
        let input = queue.take(count)
        ticketsIssued += 1
        let ticket = StageTicket(incarnation: incarnation, number: ticketsIssued)
        computing = Computation(ticket: ticket, tokens: input.tokens, output: output)
        busySince = now
        lastSign = now
        effects.append(
            .compute(
                StageWork(
                    key: key, network: route.network, blocks: blocks, first: next, input: input, output: output,
                    ticket: ticket, cacheFormat: route.cacheFormat)))
    }

    mutating func computed(_ ticket: StageTicket, _ result: StageResult, _ now: Instant, _ effects: inout [StageEffect])
    {
        guard let computing, computing.ticket == ticket || mutated(.staleResultTaken) else { return }
        let end = next.advanced(by: computing.count)
        switch (computing.output, result) {
        case (.hidden, .hidden(let payload)):
            guard log.append(payload, tokens: computing.tokens) else {
                return fail("\(payload.count) bytes were computed for \(computing.count) positions", &effects)
            }
        case (.nothing, .cached), (.states, .cached): break
        case (.token, .token), (.embedding, .embedding):
            lastAnswer = (end, result)
            send(answer: result, at: end, &effects)
        case (_, .missing(let position)) where position < next:
            // Its log goes back with it, and must not begin behind what was sent of it.
            return rewind(to: window.isOpen ? min(position, window.sent) : position, &effects)
        case (_, .refused(let reason)): return fail(reason, isFinal: true, &effects)
        case (_, .failed(let reason)): return fail(reason, &effects)
        default: return fail("something else was computed than was asked for", &effects)
        }
        next = end
        self.computing = nil
        busySince = nil
        pump(&effects)
        report(computing.count, &effects)
        compute(now, &effects)
        recover(&effects)
    }

    /// Acknowledges what was applied: to whoever feeds this stage, so that its window moves on, and to the driver, so that it knows
    /// that work goes on. Not for every token of an answer: half a window of those goes unacknowledged.
    private mutating func report(_ count: Int, _ effects: inout [StageEffect]) {
        guard count > 1 || next.value - reported.value >= settings.window / 2, let route, let upstream, let driver
        else { return }
        reported = next
        let progress = Frame.stageProgress(mark(route))
        effects.append(.send(progress, to: upstream))
        if driver != upstream { effects.append(.send(progress, to: driver)) }
    }

    /// Sends from the log what the next stage has room for. A frame ends at the sampling point.
    private mutating func pump(_ effects: inout [StageEffect]) {
        guard let route, let downstream else { return }
        let fitting = log.stride > 0 ? max(1, Limits.framePayloadBytes / log.stride) : settings.positionsPerFrame
        let limit = min(settings.positionsPerFrame, fitting)
        while let part = window.part(upTo: log.end, limit: limit, window: settings.window) {
            var end = part.end
            if let samplePoint, part.first <= samplePoint, samplePoint < end { end = samplePoint.advanced(by: 1) }
            let count = end.value - part.first.value
            let logged = log.part(from: part.first, count: count)
            let frame = Activation(
                session: key.session, epoch: route.epoch, stage: route.stage + 1, first: part.first,
                tokens: logged.tokens, sample: samplePoint.map { $0.advanced(by: 1) == end } ?? false,
                payload: logged.payload)
            effects.append(.send(.activation(frame), to: downstream))
            window.sent = end
        }
    }
}
