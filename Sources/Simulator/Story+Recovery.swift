import Identity
import MeshCore
import NetworkConfig
import Wire

// The end: everything is mended, or frozen as it is for ever, and all must be well again.

extension Story {
    func recover(_ goes: () -> Bool) {
        mend()
        freeze()
        for host in world.hosts where !host.isPuppet && !host.isGone && !host.isOn { world.start(host.index) }
        let began = world.now
        let limit = Interval(seconds: scenario.recoversWithin)
        let oracle = Oracle(story: self)
        if oracle.lostMajority { recoverNetwork(oracle) }
        var lack: String? = "nothing was looked at"
        let isWell = wait(limit, every: .milliseconds(250), goes: goes) {
            lack = whatLacks(oracle, since: began)
            return lack == nil
        }
        guard !isWell, world.firstViolation == nil, goes() else { return }
        world.violated(
            "convergence", "\(Int(scenario.recoversWithin)) s after everything was mended: \(lack ?? "not well")",
            [leader].compactMap { $0 } + lackers)
    }

    private func mend() {
        while let last = undos.last { end(last.number) }
        checks.view.disturbed()
        checks.judgesView = isSteady
        world.loss = 0
        world.duplicates = 0
        world.multicastWorks = true
        for host in world.hosts { host.nextSyncFails = false }
        for host in world.hosts where host.isMalicious {
            if host.isOn { world.end(host, .killed) }
            host.isGone = true
        }
        for host in world.hosts where host.isPuppet { host.isGone = true }
    }

    /// Some stay off for ever, as long as the rest suffices.
    private func freeze() {
        guard drawn.freezes else { return }
        var config = newestConfig
        for host in draw.some(draw.number(in: 1...max(1, drawn.peers / 3)), of: members) {
            guard let voters = config?.voters, voters.count > 2 || !voters.contains(world.hosts[host].peer) else {
                continue
            }
            let away = world.hosts.filter(\.isGone).map(\.peer) + [world.hosts[host].peer] + lostVoters
            guard voters.filter(away.contains).count * 2 < voters.count, piecesSuffice(without: host) else { continue }
            if admins == [host] { continue }
            world.end(world.hosts[host], .powerLost)
            world.hosts[host].isGone = true
            config = newestConfig ?? config
        }
    }

    private func piecesSuffice(without index: Int) -> Bool {
        let rest = world.hosts.filter { !$0.isGone && $0.index != index && !$0.isPuppet && !outside.contains($0.index) }
        let memory = rest.reduce(0) { $0 + $1.settings.sharedMemory }
        let needed = model.manifest.blocks.reduce(0) { $0 + $1.memory }
        return memory >= needed + needed / 4
            && model.manifest.pieces.allSatisfy { piece in rest.contains { $0.disk.pieces[piece.digest] != nil } }
    }

    /// A majority of the voters is lost for good: an admin begins the network anew.
    private func recoverNetwork(_ oracle: Oracle) {
        world.after(.seconds(5)) { [self] in
            guard let admin = admins.first else { return }
            world.request(admin, .recover(network)).ignored()
        }
    }

    // MARK: What is still amiss

    /// One sentence, or nil where all is well.
    private func whatLacks(_ oracle: Oracle, since began: Instant) -> String? {
        lackers = []
        let on = members.map { world.hosts[$0] }
        guard !on.isEmpty else { return nil }
        if oracle.canDecide {
            if let lack = leaderLacks(on) ?? versionLacks(on) { return lack }
            if let lack = blocksLack(on, oracle) { return lack }
            if let lack = viewLacks(on, since: began) { return lack }
        }
        if let lack = answersLack() { return lack }
        return oracle.canDecide ? probeLacks() : nil
    }

    private func leaderLacks(_ on: [Host]) -> String? {
        let leaders = on.filter { $0.inspect(network)?.role == .leader }
        guard leaders.count == 1, let seen = leaders[0].inspect(network) else {
            lackers = leaders.map(\.index)
            return leaders.isEmpty ? "nobody leads" : "machines \(leaders.map(\.index)) lead at once"
        }
        for host in on where seen.voters.isVoter(host.peer) {
            guard host.inspect(network)?.leader == leaders[0].peer else {
                lackers = [host.index]
                return "machine \(host.index) votes and does not know the leader"
            }
        }
        return seen.voters.isJoint ? "a change of voters is not finished" : nil
    }

    private func versionLacks(_ on: [Host]) -> String? {
        guard let newest = on.compactMap({ $0.inspect(network)?.version }).max() else { return "no config" }
        for host in on {
            guard let version = host.inspect(network)?.version, version == newest else {
                lackers = [host.index]
                return "machine \(host.index) is at revision \(String(describing: host.inspect(network)?.version)), "
                    + "and the newest is \(newest)"
            }
            guard let status = host.withCore({ $0.status })?.first(where: { $0.id == network }) else { continue }
            // One whose disk was set back speaks under versions that it has used already: nobody need believe it.
            for other in on where other !== host && !other.wasSetBack {
                guard let told = status.peers.first(where: { $0.member.peer == other.peer }) else {
                    if host.inspect(network)?.config.isMember(other.peer) == false { continue }
                    return "machine \(host.index) does not show machine \(other.index)"
                }
                guard told.applied == newest else {
                    lackers = [host.index, other.index]
                    return "machine \(host.index) does not know that machine \(other.index) goes by revision \(newest)"
                }
            }
        }
        return nil
    }

    private func blocksLack(_ on: [Host], _ oracle: Oracle) -> String? {
        guard oracle.hasAllPieces else { return nil }
        for host in on {
            guard let seen = host.inspect(network) else { continue }
            if seen.fetched.held != seen.fetched.wanted {
                lackers = [host.index]
                return "machine \(host.index) has \(seen.fetched.held) of \(seen.fetched.wanted) bytes of its pieces"
            }
            let mine = seen.config.blocks(of: host.peer).first.flatMap(\.closedRange)
            if let missing = mine.first(where: { !seen.loaded.contains($0) }), host.caches.isEmpty {
                lackers = [host.index]
                return "machine \(host.index) has not loaded its block \(missing)"
            }
        }
        return nil
    }

    private func viewLacks(_ on: [Host], since began: Instant) -> String? {
        for host in on {
            for (peer, liveness) in host.inspect(network)?.liveness ?? [] {
                guard let index = world.index(of: peer) else { continue }
                let subject = world.hosts[index]
                if subject.isOn, subject.peer == peer, liveness == .dead, !subject.wasSetBack, !outside.contains(index)
                {
                    lackers = [host.index, index]
                    return "machine \(host.index) believes machine \(index) dead, which is on"
                }
                if !subject.isOn, liveness == .alive {
                    lackers = [host.index]
                    return "machine \(host.index) believes machine \(index) alive, which is off"
                }
            }
        }
        return nil
    }

    private func answersLack() -> String? {
        guard let (id, host) = checks.answers.open.pairs.first(where: { world.hosts[$0.1].isOn }) else { return nil }
        lackers = [host]
        return "request \(id.value) of machine \(host) is not answered"
    }

    /// When all else is well, a change must go through once more, and a chat give its answer.
    private func probeLacks() -> String? {
        if let probe {
            switch world.outcome(probe) {
            case .changed?: return nil
            case nil: return "the last change is not answered"
            case let other?:
                self.probe = nil
                return "the last change failed: \(other)"
            }
        }
        guard let admin = admins.first else { return nil }
        probe = world.request(admin, .change(network, .setPolicy(policy())))
        return "a change is on its way"
    }
}

/// What can be hoped for once everything is mended that ever will be.
struct Oracle {
    /// More than half of the voters' identities are gone for good.
    let lostMajority: Bool
    /// Whether the config can be changed, be it after a recovery.
    let canDecide: Bool
    /// Whether each piece of the model is whole on some disk that is there.
    let hasAllPieces: Bool

    init(story: Story) {
        let there = story.world.hosts.filter { !$0.isGone && !$0.isMalicious && !$0.isPuppet }
        let voters = story.newestConfig?.voters ?? []
        let alive = voters.filter { voter in there.contains { $0.peer == voter } }
        lostMajority = alive.count * 2 <= voters.count
        canDecide = !lostMajority || !story.admins.isEmpty
        hasAllPieces = story.model.manifest.pieces.allSatisfy { piece in
            there.contains { host in
                guard let bytes = host.disk.pieces[piece.digest], !story.outside.contains(host.index) else {
                    return false
                }
                return Digest.of(bytes) == piece.digest
            }
        }
    }
}
