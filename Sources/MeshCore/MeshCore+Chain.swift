import Chain
import Identity
import Wire

// This peer's stages, and the frames that run along chains.

/// Blocks that a stage waits for.
struct BlockNeed: Sendable {
    let key: StageKey
    let network: NetworkID
    let blocks: BlockRange
}

extension MeshCore {
    /// Sends a frame to a member, which may be this peer itself. Without a link it is dropped: the driver learns of a lost link on
    /// its own, and every frame of a chain can be asked for again.
    mutating func send(_ frame: Frame, to other: PeerID) {
        if other == peer {
            loopback.append((frame, peer))
        } else if let link = memberLink(to: other) {
            effects.append(.send(frame, on: link.info.id))
        }
    }

    mutating func deliverLoopback(at now: Instant) {
        while !loopback.isEmpty {
            let (frame, sender) = loopback.removeFirst()
            receiveChain(frame, from: sender, at: now)
        }
    }

    mutating func receiveChain(_ frame: Frame, from sender: PeerID, at now: Instant) {
        switch frame {
        case .routeOpen(let open):
            guard mayOpen(open, from: sender) else { return }
            guard goesByModel(of: open) else {
                let reason = "the driver goes by another model than this peer"
                let failed = StageFailed(
                    session: open.session, epoch: open.epoch, stage: open.stage, reason: reason)
                send(.stageFailed(failed), to: sender)
                return
            }
            runStages(.received(frame, from: sender), at: now)
        case .sampled(let sampled):
            if drivers[sampled.session] != nil { drive(sampled.session, .received(frame, from: sender), at: now) }
        case .embedded(let embedded):
            if drivers[embedded.session] != nil { drive(embedded.session, .received(frame, from: sender), at: now) }
        case .stageFailed(let failed):
            effects.append(.log(.stageFailed(sender, reason: failed.reason)))
            if drivers[failed.session] != nil { drive(failed.session, .received(frame, from: sender), at: now) }
        case .resume(let resume):
            if resume.stage == 0 {
                if drivers[resume.session] != nil { drive(resume.session, .received(frame, from: sender), at: now) }
            } else {
                runStages(.received(frame, from: sender), at: now)
            }
        case .stageProgress(let progress):
            // The driver hears of every stage; a stage hears of the one that it feeds.
            if drivers[progress.session] != nil { drive(progress.session, .received(frame, from: sender), at: now) }
            runStages(.received(frame, from: sender), at: now)
        case .activation(let activation):
            guard hasModelsWidth(activation) else { return }
            runStages(.received(frame, from: sender), at: now)
        case .tokens, .sessionClose:
            runStages(.received(frame, from: sender), at: now)
        default: break
        }
    }

    /// A driver may use only members of a network that it shares with this peer.
    private func mayOpen(_ open: RouteOpen, from driver: PeerID) -> Bool {
        guard let config = networks[open.network]?.config, config.isMember(driver), config.isMember(peer),
            let own = config.member(peer), own.role.holdsBlocks
        else { return false }
        return open.stages.allSatisfy { config.isMember($0.peer) }
    }

    /// Members learn of another model one after the other. Tokens of the one mean something else in the other, and so do numbers of
    /// blocks: whoever is behind must not be answered with what the other computes.
    private func goesByModel(of open: RouteOpen) -> Bool {
        guard let model = networks[open.network]?.config.model else { return false }
        return open.model == model.digest() && open.stages.last?.blocks.last == model.blocks.count - 1
    }

    /// A stage counts positions; how many bytes wait for it, and are computed, follows from that only where each has its width.
    private func hasModelsWidth(_ activation: Activation) -> Bool {
        guard let route = stages.stages.first(where: { $0.key.session == activation.session })?.route,
            let width = networks[route.network]?.config.model.width
        else { return false }
        return activation.payload.count == activation.count * width * 4
    }

    mutating func computed(_ ticket: StageTicket, _ key: StageKey, _ result: StageResult, at now: Instant) {
        runStages(.computed(key, ticket, result), at: now)
    }

    mutating func runStages(_ input: Stages.Input, at now: Instant) {
        for effect in stages.handle(input, at: now) {
            switch effect {
            case .send(let frame, let to): send(frame, to: to)
            case .compute(let work): effects.append(.compute(work))
            case .truncateCache(let key, let position): effects.append(.truncateCache(key, to: position))
            case .resetCache(let key, let blocks):
                guard let network = stages[key]?.route?.network ?? needs.last(where: { $0.key == key })?.network else {
                    continue
                }
                effects.append(.resetCache(key, network: network, blocks: blocks))
            case .dropCache(let key):
                needs.removeAll { $0.key == key }
                effects.append(.dropCache(key))
                for network in networks.keys { networks.update(network) { $0.residencyStale = true } }
            case .needBlocks(let key, let network, let blocks): need(blocks, for: key, in: network, at: now)
            }
        }
    }

    private mutating func need(_ blocks: BlockRange, for key: StageKey, in network: NetworkID, at now: Instant) {
        needs.removeAll { $0.key == key }
        guard let state = networks[network] else { return }
        let held = heldBlocks(of: state.config.model)
        // What is in memory stays, whatever became of the file.
        guard blocks.closedRange.allSatisfy({ held.contains($0) || state.loaded.contains($0) }) else {
            runStages(
                .blocksRefused(key, blocks, reason: "the pieces of these blocks are not on this peer's disk"), at: now)
            return
        }
        networks.update(network) { $0.residencyStale = true }
        needs.append(BlockNeed(key: key, network: network, blocks: blocks))
        if isResident(blocks, in: state) {
            needs.removeAll { $0.key == key }
            runStages(.blocksReady(key, blocks), at: now)
        } else {
            // Asked again even where the same was asked before: the answer is what the stage waits for.
            networks.update(network) { $0.residing = nil }
        }
    }

    /// Loaded, and to stay so: what the shell was last told to hold may leave out what it still had when it answered before.
    private func isResident(_ blocks: BlockRange, in state: NetworkState) -> Bool {
        guard let told = state.residing, !mutated(.blocksNotAwaited) else { return mutated(.blocksNotAwaited) }
        return blocks.closedRange.allSatisfy { block in
            state.loaded.contains(block)
                && (told.pinned.contains { $0.contains(block) } || told.wanted.contains { $0.contains(block) })
        }
    }

    /// What is loaded has changed: stages that waited for it go on, or give up.
    mutating func wakeStages(in network: NetworkID, refused: [Int], reason: String, at now: Instant) {
        failLostStages(in: network, at: now)
        for need in needs where need.network == network {
            if let state = networks[network], isResident(need.blocks, in: state) {
                needs.removeAll { $0.key == need.key }
                runStages(.blocksReady(need.key, need.blocks), at: now)
            } else if need.blocks.closedRange.contains(where: refused.contains) {
                if evictIdleSession(for: need, at: now) { continue }
                needs.removeAll { $0.key == need.key }
                runStages(.blocksRefused(need.key, need.blocks, reason: reason), at: now)
            }
        }
    }

    /// Pieces may go while a stage has their blocks or waits for them, since a bit of them has turned over. What is in memory stays,
    /// whatever became of the file; what is not can be loaded by nobody, and a stage that needs it says so, waiting or not.
    mutating func failLostStages(in network: NetworkID, at now: Instant) {
        guard let state = networks[network] else { return }
        let model = state.config.model
        var held: [Int]?
        for stage in stages.stages where stage.route?.network == network {
            guard let blocks = stage.blocks, !blocks.closedRange.allSatisfy(state.loaded.contains) else { continue }
            let onDisk = held ?? heldBlocks(of: model)
            held = onDisk
            guard blocks.closedRange.contains(where: { !onDisk.contains($0) && !state.loaded.contains($0) }) else {
                continue
            }
            needs.removeAll { $0.key == stage.key }
            runStages(
                .blocksLost(stage.key, blocks, reason: "a piece of these blocks is damaged on this peer's disk"),
                at: now)
        }
    }

    /// Memory is short: the session that has rested longest here gives up its place. Its driver may be dead; where it is not, it
    /// opens a new route when it goes on. False where every other session is at work.
    private mutating func evictIdleSession(for need: BlockNeed, at now: Instant) -> Bool {
        let idle = stages.stages.filter { stage in
            stage.key.session != need.key.session && now.since(stage.lastActivity) >= settings.stageRest
        }
        guard let oldest = idle.min(by: { $0.lastActivity < $1.lastActivity })?.key.session else { return false }
        runStages(.evicted(oldest), at: now)
        // The order is given again without what that session had pinned.
        networks.update(need.network) {
            $0.residing = nil
            $0.residencyStale = true
        }
        return true
    }

    mutating func passChainTime(at now: Instant) {
        for (session, state) in drivers.pairs {
            if let deadline = state.driver.nextDeadline, now >= deadline { drive(session, .tick, at: now) }
        }
        if let deadline = stages.nextDeadline, now >= deadline { runStages(.tick, at: now) }
        // Sessions whose driver has fallen silent are freed in the end; while it lives it may come back to them any time.
        if now >= stagesSweepDue {
            stagesSweepDue = now.advanced(by: settings.stageSweep)
            let stale = stages.stages.filter { now.since($0.lastActivity) > settings.stageLifetime }.map(\.key.session)
            for session in stale { runStages(.evicted(session), at: now) }
            trimLogs()
            trimCaches(at: now)
        }
    }

    /// Frees the sessions that have rested longest while caches take more than the peer lends. Sessions at work keep theirs.
    private mutating func trimCaches(at now: Instant) {
        func bytes(_ stage: Stage) -> Int {
            guard let blocks = stage.blocks, let route = stage.route,
                let model = networks[route.network]?.config.model, blocks.last < model.blocks.count
            else { return 0 }
            return blocks.closedRange.reduce(0) { sum, block in
                sum + model.cacheBytes(ofBlock: block, positions: stage.next.value, format: route.cacheFormat)
            }
        }
        var excess = stages.stages.reduce(0) { $0 + bytes($1) }
        excess -= max(settings.cacheBytesMin, Int(clamping: settings.sharedMemory))
        let resting = stages.stages.filter { now.since($0.lastActivity) >= settings.stageRest }
            .sorted { ($0.lastActivity, $0.key) < ($1.lastActivity, $1.key) }
        for stage in resting where excess > 0 {
            guard stages[stage.key] != nil else { continue }
            let session = stages.stages.filter { $0.key.session == stage.key.session }
            excess -= session.reduce(0) { $0 + bytes($1) }
            runStages(.evicted(stage.key.session), at: now)
        }
    }

    private mutating func trimLogs() {
        var excess = stages.logBytes - settings.hopLogBytes
        for stage in stages.stages.sorted(by: { ($0.lastActivity, $0.key) < ($1.lastActivity, $1.key) })
        where excess > 0 {
            let before = stages.logBytes
            stages.dropLog(stage.key)
            excess -= before - stages.logBytes
        }
    }

    /// Ends what is computed for a network, here as driver and as stage. `reason` is told to those who wait.
    mutating func closeChains(of network: NetworkID, because reason: String, at now: Instant) {
        for (session, state) in drivers.pairs where state.driver.network == network {
            if let turn = state.turn {
                effects.append(.respond(turn.request, .refused(reason)))
                drivers.update(session) { $0.turn = nil }
            }
            endDriver(session, at: now)
        }
        for session in stages.stages.filter({ $0.route?.network == network }).map(\.key.session) {
            runStages(.evicted(session), at: now)
        }
    }
}
