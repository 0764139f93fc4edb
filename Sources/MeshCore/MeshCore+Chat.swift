import Chain
import Identity
import Wire

// The driver's side of chats: conversations, turns, and routes over the peers that are here just now.

/// A session that this peer drives.
struct DriverState: Sendable {
    var driver: Driver
    let conversation: SessionID
    /// The turn that is being answered, if any.
    var turn: TurnState?
    var lastUsed: Instant
}

struct TurnState: Sendable {
    let request: RequestID
    /// The session's, up to its beginning.
    let reroutesBefore: Int
    let promptTokens: Int
    /// Whether another turn may follow.
    let goesOn: Bool
    var isWaiting = false
}

extension MeshCore {
    mutating func startChat(_ input: ChatInput, request: RequestID, at now: Instant) {
        guard let state = networks[input.network], state.config.isMember(peer) else {
            effects.append(.respond(request, .refused("this peer is not in that network")))
            return
        }
        if let refusal = Self.refusal(of: input, for: state.config.model) {
            effects.append(.respond(request, .refused(refusal)))
            return
        }
        guard let session = session(for: input, request: request, at: now) else { return }
        guard let driver = drivers[session]?.driver else { return }
        let kept = Self.commonBeginning(driver.tokens, input.tokens)
        let suffix = Array(input.tokens[kept...])
        let turn = TurnState(
            request: request, reroutesBefore: driver.reroutes, promptTokens: suffix.count,
            goesOn: input.goesOn)
        drivers.update(session) {
            $0.turn = turn
            $0.lastUsed = now
        }
        drive(
            session,
            .append(
                tokens: suffix, keeping: kept, maxNewTokens: input.maxNewTokens, stop: input.stopTokens,
                task: input.task), at: now)
    }

    /// Why a text is too long. An answer needs a place of its own, an embedding does not.
    private static func refusal(of input: ChatInput, for model: ModelManifest) -> String? {
        let (count, limit) = (input.tokens.count, model.contextLength)
        if input.task == .embedding {
            return count > limit ? "the text has \(count) tokens and the model takes \(limit); shorten it" : nil
        }
        guard count >= limit else { return nil }
        return
            "the conversation has \(count) tokens, which leaves no room for an answer, since the model takes \(limit); "
            + "start a new one"
    }

    /// How many tokens both begin with.
    private static func commonBeginning(_ one: [Int32], _ other: [Int32]) -> Int {
        let shorter = min(one.count, other.count)
        return (0..<shorter).first { one[$0] != other[$0] } ?? shorter
    }

    /// The session that goes on with this conversation: the one that computed its beginning, or a new one. What the text no longer
    /// says, of an answer that was cut short or a turn that was written anew, the session takes back.
    private mutating func session(for input: ChatInput, request: RequestID, at now: Instant) -> SessionID? {
        if let known = conversations[input.conversation], let state = drivers[known] {
            guard state.turn == nil else {
                effects.append(
                    .respond(request, .refused("this conversation is being answered already; wait or cancel")))
                return nil
            }
            if state.driver.network == input.network, state.driver.isIdle,
                state.driver.cacheFormat == networks[input.network]?.config.policy.cacheFormat,
                Self.commonBeginning(state.driver.tokens, input.tokens) > 0,
                // After a long rest the stages have freed what they computed.
                now.since(state.lastUsed) < settings.conversationLifetime
            {
                return known
            }
            endDriver(known, at: now)
        }
        guard makeRoomForDriver(at: now) else {
            effects.append(
                .respond(
                    request, .refused("this peer answers \(MeshLimits.drivers) conversations already; try again soon")))
            return nil
        }
        guard let config = networks[input.network]?.config else { return nil }
        let model = config.model
        let session = SessionID(high: random.next(), low: random.next())
        drivers[session] = DriverState(
            driver: Driver(
                network: input.network, model: model.digest(), session: session, peer: peer,
                blockCount: model.blocks.count, task: input.task, cacheFormat: config.policy.cacheFormat,
                contextLimit: model.contextLength),
            conversation: input.conversation, turn: nil, lastUsed: now)
        conversations[input.conversation] = session
        return session
    }

    private mutating func makeRoomForDriver(at now: Instant) -> Bool {
        if drivers.count < MeshLimits.drivers { return true }
        let idle = drivers.pairs.filter { $0.1.turn == nil }.min { $0.1.lastUsed < $1.1.lastUsed }
        guard let idle else { return false }
        endDriver(idle.0, at: now)
        return true
    }

    mutating func endDriver(_ session: SessionID, at now: Instant) {
        guard let state = drivers[session] else { return }
        drive(session, .close, at: now)
        drivers[session] = nil
        if conversations[state.conversation] == session { conversations[state.conversation] = nil }
    }

    mutating func cancelChat(_ request: RequestID, at now: Instant) {
        for (session, state) in drivers.pairs where state.turn?.request == request {
            drive(session, .cancel, at: now)
        }
    }

    /// Hands the driver an input and does what it asks for.
    mutating func drive(_ session: SessionID, _ input: Driver.Input, at now: Instant) {
        var wanted: [Driver.Effect] = []
        drivers.update(session) { wanted = $0.driver.handle(input, at: now) }
        for effect in wanted {
            switch effect {
            case .send(let frame, let to):
                if case .routeOpen(let open) = frame, open.stage == 0 {
                    effects.append(.log(.routeOpened(session, open.epoch, open.stages)))
                }
                send(frame, to: to)
            case .routeWanted(let avoiding, let keeping):
                if let route = route(for: session, avoiding: avoiding, keeping: keeping) {
                    drive(session, .rerouted(route), at: now)
                } else {
                    tellWaiting(session)
                }
            case .token(let token, _):
                if let turn = drivers[session]?.turn { effects.append(.respond(turn.request, .token(token))) }
            case .embedding(let payload):
                if let turn = drivers[session]?.turn { effects.append(.respond(turn.request, .embedding(payload))) }
            case .finished(let finish):
                finished(session, finish, at: now)
            }
        }
    }

    private mutating func finished(_ session: SessionID, _ finish: Driver.Finish, at now: Instant) {
        guard let state = drivers[session], let turn = state.turn else { return }
        drivers.update(session) {
            $0.turn = nil
            $0.lastUsed = now
        }
        // The peers of the route free its KV caches at once.
        defer { if !turn.goesOn { endDriver(session, at: now) } }
        let reason: ChatOutcome.Reason
        switch finish {
        case .stop: reason = .stop
        case .length: reason = .length
        case .cancelled: reason = .cancelled
        case .failed(let why):
            effects.append(.respond(turn.request, .refused(why)))
            return
        }
        effects.append(
            .respond(
                turn.request,
                .chatFinished(
                    ChatOutcome(
                        reason: reason, route: state.driver.route,
                        reroutes: state.driver.reroutes - turn.reroutesBefore,
                        promptTokens: turn.promptTokens))))
    }

    /// Says once per turn what the person is waiting for.
    private mutating func tellWaiting(_ session: SessionID) {
        guard let state = drivers[session], let turn = state.turn, !turn.isWaiting else { return }
        drivers.update(session) { $0.turn?.isWaiting = true }
        effects.append(.respond(turn.request, .waiting(reasonToWait(in: state.driver.network))))
    }

    /// Something changed about who is here and has what: whoever waits for a route may get one now.
    mutating func retryWaitingDrivers(at now: Instant) {
        for (session, state) in drivers.pairs {
            guard let wish = state.driver.routeWish,
                let route = route(for: session, avoiding: wish.avoiding, keeping: wish.keeping)
            else { continue }
            drive(session, .rerouted(route), at: now)
        }
    }

    mutating func linkLost(_ other: PeerID, at now: Instant) {
        for session in drivers.keys { drive(session, .stageLost(other), at: now) }
    }

    mutating func linkRestored(_ other: PeerID, at time: Time) {
        runStages(.linked(other), at: time.instant)
        for session in drivers.keys { drive(session, .linked(other), at: time.instant) }
        retryPieces(at: time.instant)
        retryWaitingDrivers(at: time.instant)
    }
}
