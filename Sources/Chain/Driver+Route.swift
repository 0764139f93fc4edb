import Identity
import Wire

// Routes: opening them, and judging when one is broken.

extension Driver {
    /// Peers of a route, each once, in the order of the chain.
    static func peers(of route: [RouteStage]) -> [PeerID] {
        var peers: [PeerID] = []
        for stage in route where !peers.contains(stage.peer) { peers.append(stage.peer) }
        return peers
    }

    mutating func want(_ now: Instant, _ effects: inout [Effect]) {
        var since = now
        if case .wanted(let earlier, _) = state { since = earlier }
        state = .wanted(since: since, askAgain: now.advanced(by: settings.routeRetry))
        guard let wish = routeWish else { return }
        effects.append(.routeWanted(avoiding: wish.avoiding, keeping: wish.keeping))
    }

    mutating func rerouted(_ new: [RouteStage]?, _ now: Instant, _ effects: inout [Effect]) {
        guard let new else { return }
        if state == .open && new == route { return }
        open(new, now, &effects)
    }

    mutating func open(_ new: [RouteStage], _ now: Instant, _ effects: inout [Effect]) {
        precondition(Self.covers(new, blockCount), "session \(session): \(new) is no route over \(blockCount) blocks")
        let old = Self.peers(of: route)
        epoch = epoch.next
        route = new
        state = .open
        window.close()
        reported = Array(repeating: nil, count: new.count)
        lastSign = now
        lost = []
        told = (task, answerStart, awaiting)
        for (index, stage) in new.enumerated() {
            let frame = RouteOpen(
                network: network, model: model, session: session, epoch: epoch, stages: new, stage: index,
                task: index == new.count - 1 ? task : task.withoutFormat,
                answerStart: answerStart, awaiting: awaiting, cut: cut, cacheFormat: cacheFormat)
            effects.append(.send(.routeOpen(frame), to: stage.peer))
        }
        for peer in old where !new.contains(where: { $0.peer == peer }) {
            effects.append(.send(.sessionClose(session: session, epoch: epoch), to: peer))
        }
    }

    static func covers(_ route: [RouteStage], _ blockCount: Int) -> Bool {
        var next = 0
        for stage in route {
            guard stage.blocks.first == next else { return false }
            next = stage.blocks.last + 1
        }
        return next == blockCount && !route.isEmpty && route.count <= Limits.stages
    }

    mutating func stageLost(_ peer: PeerID, _ now: Instant, _ effects: inout [Effect]) {
        if state == .open && !route.contains(where: { $0.peer == peer }) { return }
        if !lost.contains(peer) { lost.append(peer) }
        broken(now, &effects)
    }

    mutating func linked(_ peer: PeerID, _ now: Instant, _ effects: inout [Effect]) {
        guard lost.contains(peer) else { return }
        lost.removeAll { $0 == peer }
        if case .wanted = state { want(now, &effects) }
    }

    /// The route no longer works. Between turns that is no hurry: the next turn asks for another one.
    private mutating func broken(_ now: Instant, _ effects: inout [Effect]) {
        window.close()
        if turn == nil {
            state = .none
        } else {
            if state == .open { state = .none }
            want(now, &effects)
        }
    }

    private mutating func avoid(_ peers: [PeerID]) {
        for peer in peers where turn != nil && !avoided.contains(peer) { avoided.append(peer) }
    }

    mutating func stageFailed(
        _ stage: Int, _ reason: String, isFinal: Bool = false, _ now: Instant, _ effects: inout [Effect]
    ) {
        if isFinal, turn != nil {
            // The stage waits for a new route, and the next turn opens one.
            state = .none
            window.close()
            return finish(.failed(reason), &effects)
        }
        let failed = route[stage]
        guard bears("peer \(failed.peer.short) cannot compute blocks \(failed.blocks): \(reason)", &effects) else {
            return
        }
        avoid([failed.peer])
        broken(now, &effects)
    }

    /// Counts a failure; false where the turn ends by it.
    private mutating func bears(_ reason: String, _ effects: inout [Effect]) -> Bool {
        failures += 1
        guard turn != nil, failures > settings.failures else { return true }
        state = .none
        window.close()
        finish(.failed(reason), &effects)
        return false
    }

    mutating func tick(_ now: Instant, _ effects: inout [Effect]) {
        switch state {
        case .none: return
        case .wanted(let since, let askAgain):
            if now >= since.advanced(by: settings.routePatience) {
                finish(
                    .failed(
                        "the peers that can be reached do not hold the whole model within the memory that they lend; start another one"
                    ),
                    &effects)
            } else if now >= askAgain {
                // Rather a peer that failed before than none.
                avoided = []
                lost = []
                want(now, &effects)
            }
        case .open:
            guard turn != nil, now >= lastSign.advanced(by: settings.silence) else { return }
            silent(now, &effects)
        }
    }

    /// Nothing was heard for too long. Stages that never answered in this epoch are avoided. If all did, a frame may have been
    /// lost: the same route is opened once more, and next time the one that is furthest behind is avoided.
    private mutating func silent(_ now: Instant, _ effects: inout [Effect]) {
        guard bears("no stage has answered for \(Int(settings.silence.milliseconds)) ms", &effects) else { return }
        let mute = route.indices.filter { reported[$0] == nil }
        if !mute.isEmpty {
            avoid(mute.map { route[$0].peer })
            broken(now, &effects)
        } else if !hasRetried {
            hasRetried = true
            open(route, now, &effects)
        } else {
            let behind = route.indices.min { (reported[$0] ?? .zero, $0) < (reported[$1] ?? .zero, $1) } ?? 0
            avoid([route[behind].peer])
            broken(now, &effects)
        }
    }
}
