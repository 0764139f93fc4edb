import Identity
import Wire

// Turns: tokens in, tokens out.

extension Driver {
    mutating func append(
        _ new: [Int32], keeping kept: Int, maxNewTokens: Int, stop: [Int32], _ task: HeadTask, _ now: Instant,
        _ effects: inout [Effect]
    ) {
        precondition(turn == nil, "session \(session): a turn was appended while one runs at \(tokens.count)")
        precondition((0...tokens.count).contains(kept), "session \(session): \(kept) of \(tokens.count) tokens")
        guard kept > 0 || !new.isEmpty else {
            effects.append(.finished(.failed("there is nothing to continue: the conversation has no token yet")))
            return
        }
        guard new.count <= contextLimit - kept else {
            let text =
                "the conversation of \(kept) tokens and \(new.count) new ones is over the limit of \(contextLimit)"
            effects.append(.finished(.failed(text + "; start a new one")))
            return
        }
        cutBack(to: Position(kept))
        tokens += new
        self.task = task
        answerStart = Position(tokens.count)
        guard maxNewTokens > 0, tokens.count < contextLimit || task == .embedding else {
            effects.append(.finished(.length))
            return
        }
        turn = Turn(left: maxNewTokens, stop: stop)
        lastSign = now
        hasRetried = false
        failures = 0
        guard state == .open else { return want(now, &effects) }
        // All of it may have been fed before, whether or not this route's window is open yet. Its token may have been sampled
        // and dropped: a new epoch asks anew.
        if isUntold || fed.value >= tokens.count {
            retold += 1
            open(route, now, &effects)
        } else {
            feed(&effects)
        }
    }

    /// Forgets the tokens from this position on. Where stages may have applied some of them, the next route tells them so.
    private mutating func cutBack(to kept: Position) {
        tokens.removeLast(tokens.count - kept.value)
        guard kept < fed else { return }
        fed = kept
        if let cut, cut.epoch > epoch {
            // The one before was told to nobody yet.
            self.cut = TextCut(epoch: cut.epoch, since: cut.since, kept: kept)
        } else {
            cut = TextCut(epoch: epoch.next, since: cut?.epoch ?? .first, kept: kept)
        }
    }

    /// Whether the route's stages go by another task than this turn's, by the place of another answer in its format, by another
    /// text, or wait for the sample of a place that the text, which was longer then, no longer reaches.
    private var isUntold: Bool {
        guard let told, cut.map({ $0.epoch <= epoch }) ?? true else { return true }
        return told.task != task || (task.hasFormat && told.answerStart != answerStart)
            || (told.awaiting.map { $0.value > tokens.count } ?? false)
    }

    mutating func finish(_ reason: Finish, _ effects: inout [Effect]) {
        guard turn != nil else { return }
        turn = nil
        if case .wanted = state { state = .none }
        effects.append(.finished(reason))
    }

    mutating func close(_ effects: inout [Effect]) {
        finish(.cancelled, &effects)
        for peer in Self.peers(of: route) {
            effects.append(.send(.sessionClose(session: session, epoch: epoch), to: peer))
        }
        state = .none
        isClosed = true
    }

    /// Sends what the first stage has not and its window has room for.
    mutating func feed(_ effects: inout [Effect]) {
        guard state == .open, turn != nil else { return }
        while let part = window.part(
            upTo: Position(tokens.count), limit: settings.positionsPerFrame, window: settings.window)
        {
            let frame = Tokens(
                session: session, epoch: epoch, first: part.first,
                tokens: Array(tokens[part.first.value..<part.end.value]), sample: part.end.value == tokens.count)
            effects.append(.send(.tokens(frame), to: route[0].peer))
            window.sent = part.end
            fed = max(fed, part.end)
        }
    }

    mutating func received(_ frame: Frame, from sender: PeerID, _ now: Instant, _ effects: inout [Effect]) {
        guard state == .open else { return }
        switch frame {
        case .resume(let resume):
            guard resume.session == session, resume.epoch == epoch, resume.stage == 0, route[0].peer == sender else {
                return
            }
            sign(of: 0, at: resume.next, now)
            guard resume.next.value <= tokens.count else {
                return stageFailed(0, "it asks for position \(resume.next) of \(tokens.count)", now, &effects)
            }
            window.resume(at: resume.next)
            feed(&effects)
        case .stageProgress(let progress):
            guard progress.session == session, progress.epoch == epoch, progress.stage < route.count,
                route[progress.stage].peer == sender
            else { return }
            sign(of: progress.stage, at: progress.next, now)
            if progress.stage == 0 {
                window.acknowledge(progress.next)
                feed(&effects)
            }
        case .sampled(let sampled):
            guard sampled.session == session, sampled.epoch == epoch, route[route.count - 1].peer == sender else {
                return
            }
            sampledToken(sampled, now, &effects)
        case .embedded(let embedded):
            guard embedded.session == session, embedded.epoch == epoch, route[route.count - 1].peer == sender,
                task == .embedding, turn != nil, embedded.position.value == tokens.count
            else { return }
            sign(of: route.count - 1, at: embedded.position, now)
            effects.append(.embedding(embedded.payload))
            finish(.stop, &effects)
        case .stageFailed(let failed):
            guard failed.session == session, failed.epoch == epoch, failed.stage < route.count,
                route[failed.stage].peer == sender
            else { return }
            stageFailed(failed.stage, failed.reason, isFinal: failed.isFinal, now, &effects)
        default: return
        }
    }

    private mutating func sign(of stage: Int, at next: Position, _ now: Instant) {
        reported[stage] = next
        lastSign = now
    }

    private mutating func sampledToken(_ sampled: Sampled, _ now: Instant, _ effects: inout [Effect]) {
        guard var turn, task != .embedding, sampled.position.value == tokens.count else { return }
        sign(of: route.count - 1, at: sampled.position, now)
        tokens.append(sampled.choice.token)
        avoided = []
        hasRetried = false
        failures = 0
        turn.left -= 1
        self.turn = turn
        effects.append(.token(sampled.choice, at: sampled.position))
        if turn.stop.contains(sampled.choice.token) {
            finish(.stop, &effects)
        } else if turn.left == 0 || tokens.count >= contextLimit {
            finish(.length, &effects)
        } else {
            feed(&effects)
        }
    }
}
