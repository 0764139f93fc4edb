import Identity
import MeshCore
import NetworkConfig
import Wire

// The end: everything is mended, or frozen as it is for ever, and all must be well again.

extension Story {
    func recover(_ goes: () -> Bool) {
        mend()
        freeze()
        startAll()
        let began = world.now
        let limit = Interval(seconds: scenario.recoversWithin)
        recoverWhereLost(goesOn: true)
        var lack: String? = "nothing was looked at"
        let isWell = wait(limit, every: .milliseconds(250), goes: goes) {
            // One that was just stopping when all was mended is off only now.
            startAll()
            noteEntries()
            // What was under way then may come to pass now: another model, or voters of whom a majority is gone.
            lack = whatLacks(Oracle(story: self), since: began)
            return lack == nil
        }
        guard !isWell, world.firstViolation == nil, goes() else { return }
        world.violated(
            "convergence", "\(Int(scenario.recoversWithin)) s after everything was mended: \(lack ?? "not well")",
            [leader].compactMap { $0 } + lackers)
    }

    private func startAll() {
        for host in world.hosts where !host.isPuppet && !host.isGone && !host.isOn { world.start(host.index) }
    }

    /// Who is in the network is what the network says, which a machine may have been told that died before it could answer, and what it
    /// may have decided on behalf of one that died.
    private func noteEntries() {
        guard let config = newestConfig else { return }
        for host in world.hosts where !host.isPuppet && host.cloneOf == nil {
            if !config.isMember(host.peer) {
                outside.insert(host.index)
            } else if host.inspect(network)?.config.isMember(host.peer) == true {
                outside.remove(host.index)
            }
        }
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
            let away =
                world.hosts.filter { $0.isGone || $0.wasSetBack }.map(\.peer) + [world.hosts[host].peer] + lostVoters
            let sets = [voters] + voterSetsUnderWay
            guard sets.allSatisfy({ $0.filter(away.contains).count * 2 < $0.count }), piecesSuffice(without: [host])
            else { continue }
            if admins == [host] { continue }
            world.end(world.hosts[host], .powerLost)
            world.hosts[host].isGone = true
            config = newestConfig ?? config
        }
    }

    /// Every set of voters that may still have to decide something: during a change of voters there are two, of which the config names
    /// one.
    var voterSetsUnderWay: [[PeerID]] {
        members.compactMap { world.hosts[$0].inspect(network)?.voters }.flatMap { [$0.voters, $0.outgoing] }
            .filter { !$0.isEmpty }
    }

    /// Whether all others together have room for the model by what they were granted, and every piece of it.
    func piecesSuffice(without gone: [Int]) -> Bool {
        guard let config = newestConfig else { return false }
        let rest = world.hosts.filter {
            !$0.isGone && !gone.contains($0.index) && !$0.isPuppet && !$0.isMalicious && !outside.contains($0.index)
        }
        let memory = rest.reduce(UInt64(0)) { sum, host in
            let member = config.member(host.peer)
            return sum + (member?.role.holdsBlocks == true ? member?.grantedMemory ?? 0 : 0)
        }
        let needed = config.model.blocks.reduce(0) { $0 + $1.memory }
        return memory >= needed + needed / 4
            && config.model.pieces.allSatisfy { piece in rest.contains { $0.disk.pieces[piece.digest] != nil } }
    }

    /// While a majority of the voters is lost for good, an admin begins the network anew; again, where that came to nothing. At the
    /// end that is looked at on and on: a leader may have begun to change the voters when it did not know yet whom it lost.
    func recoverWhereLost(goesOn: Bool = false) {
        let isLost = Oracle(story: self).lostMajority
        guard isLost || goesOn else { return }
        world.after(.seconds(5)) { [self] in
            if isLost, Oracle(story: self).lostMajority, let admin = admins.first {
                world.request(admin, .recover(network)).ignored()
            }
            recoverWhereLost(goesOn: goesOn)
        }
    }

    // MARK: What is still amiss

    /// One sentence, or nil where all is well.
    private func whatLacks(_ oracle: Oracle, since began: Instant) -> String? {
        lackers = []
        let newest = newestConfig
        let on = members.map { world.hosts[$0] }.filter { newest?.isMember($0.peer) ?? true }
        guard !on.isEmpty else { return nil }
        if oracle.canDecide {
            if let lack = leaderLacks(on) ?? versionLacks(on) { return lack }
            if let lack = blocksLack(on, oracle) { return lack }
            if let lack = viewLacks(on, since: began) { return lack }
        }
        if oracle.hasAllPieces, let lack = answersLack() { return lack }
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
            guard let seen = host.inspect(network), seen.version == newest else {
                lackers = [host.index]
                return "machine \(host.index) is at revision \(String(describing: host.inspect(network)?.version)), "
                    + "and the newest is \(newest)"
            }
        }
        // All of them go by one config.
        let members = on.first?.inspect(network).map { Set($0.config.members.map(\.peer)) } ?? []
        for host in on {
            guard let seen = host.inspect(network) else { continue }
            for other in on where other !== host && members.contains(other.peer) {
                guard seen.record(of: other.peer)?.applied == newest else {
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
                // On, and out of everybody's reach for ever: what is believed of it is not agreed.
                if subject.isOn, subject.isGone { continue }
                // One with a disk of the time before it was let in is silent there: it does not know that it belongs.
                let belongs = !outside.contains(index) && subject.inspect(network) != nil
                if subject.isOn, subject.peer == peer, liveness == .dead, belongs {
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
        guard let (id, host) = checks.answers.open.pairs.first(where: { isHeardAgain($0.1) }) else { return nil }
        lackers = [host]
        return "request \(id.value) of machine \(host) is not answered"
    }

    /// Whether what is asked on this machine can still be answered, as far as the network goes.
    private func isHeardAgain(_ index: Int) -> Bool {
        let host = world.hosts[index]
        return host.isOn && !host.isGone && isStillIn(host)
    }

    /// False for one that was removed, or left, while nobody could tell it, and is not to be told any more.
    private func isStillIn(_ host: Host) -> Bool { newestConfig?.isMember(host.peer) ?? true }

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
    /// Half or more of the voters' identities, or of a set of voters that is under way, are gone for good.
    let lostMajority: Bool
    /// Whether the config can be changed, be it after a recovery.
    let canDecide: Bool
    /// Whether each piece of the model is whole on some disk that is there.
    let hasAllPieces: Bool

    init(story: Story) {
        let there = story.world.hosts.filter { !$0.isGone && !$0.isMalicious && !$0.isPuppet }
        let voters = story.newestConfig?.voters ?? []
        // A change of voters that is under way may need one who was lost meanwhile: nothing is decided then either.
        lostMajority = ([voters] + story.voterSetsUnderWay).contains { voters in
            let alive = voters.filter { voter in there.contains { $0.peer == voter } }
            return alive.count * 2 <= voters.count
        }
        canDecide = !lostMajority || !story.admins.isEmpty
        hasAllPieces = story.agreedModel.pieces.allSatisfy { piece in
            there.contains { host in
                guard let bytes = host.disk.pieces[piece.digest], !story.outside.contains(host.index) else {
                    return false
                }
                return Digest.of(bytes) == piece.digest
            }
        }
    }
}
