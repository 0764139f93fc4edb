import Identity
import MeshCore
import NetworkConfig
import Wire

// What goes wrong: at set times, and by chance.

extension Story {
    func beginFaults() {
        noteWorld()
        for step in scenario.timeline { plan(step, in: draw.number(in: step.at)) }
        guard let chaos = scenario.chaos, !drawn.chaosKinds.isEmpty else { return }
        again(perMinute: drawn.chaosRate) { [self] in
            guard let kind = draw.element(of: drawn.chaosKinds) else { return }
            let fault = Fault(kind, lasting: chaos.lasting)
            begin(fault, on: byChance(kind))
        }
    }

    private func plan(_ step: Scenario.Step, in seconds: Double) {
        world.after(Interval(seconds: seconds)) { [self] in
            guard !isOver else { return }
            let targets = machines(step.who, for: step.fault.kind)
            let over = draw.number(in: step.over)
            if over > 0 {
                // One after the other, in an order of the seed's.
                for (place, target) in draw.some(targets.count, of: targets).enumerated() {
                    world.after(Interval(seconds: over * Double(place) / Double(max(1, targets.count - 1)))) { [self] in
                        if !isOver { begin(step.fault, on: [target]) }
                    }
                }
            } else {
                begin(step.fault, on: targets)
            }
            if let every = step.every { plan(step, in: draw.number(in: every)) }
        }
    }

    /// How good the network is, from now on.
    private func noteWorld() {
        let network = scenario.network
        world.loss = draw.number(in: network.loss)
        world.duplicates = draw.number(in: network.duplicates)
        world.reordered = draw.chance(0.5) ? draw.number(in: 0...0.2) : 0
        world.multicastWorks = draw.chance(network.multicast)
        let share = draw.number(in: network.pairsWithoutDatagrams)
        for one in world.hosts.indices {
            for other in world.hosts.indices where one < other && draw.chance(share) {
                world.paths.blockDatagrams(from: one, to: other)
                world.paths.blockDatagrams(from: other, to: one)
            }
        }
        isSteady = world.loss < 0.02 && scenario.network.latency.upperBound < 50
        checks.judgesView = isSteady && scenario.opening == .ready
        if usesBackups { keepBackups() }
    }

    private var usesBackups: Bool {
        drawn.chaosKinds.contains(.staleDisk) || scenario.timeline.contains { $0.fault.kind == .staleDisk }
    }

    private func keepBackups() {
        for host in world.hosts where host.isOn && !host.isPuppet {
            var disk = host.disk
            disk.losePower(keeping: 0)
            host.backups.append(disk)
            if host.backups.count > 4 { host.backups.removeFirst() }
        }
        world.after(.seconds(4)) { [self] in if !isOver { keepBackups() } }
    }

    func begin(_ fault: Fault, on targets: [Int]) {
        let allowed = targets.filter { mayHappen(fault.kind, to: world.hosts[$0]) }
        guard !allowed.isEmpty || fault.kind == .loss || fault.kind == .noMulticast else { return }
        disturbsView(fault.kind)
        let lasting = fault.lasting.map { draw.number(in: $0) }
        if fault.kind == .kill, chats.values.contains(where: { allowed.contains($0.host) }) {
            world.coverage.reached("driver killed in an answer")
        }
        let undo = world.begin(fault.kind, on: allowed, random: &faultDraw)
        if fault.isForGood {
            if fault.kind.leavesNobody { for target in allowed { world.hosts[target].isGone = true } }
            return
        }
        if fault.kind == .wipedDisk { for target in allowed { wasWiped(target, after: lasting ?? 1) } }
        guard let undo else { return }
        lastFault += 1
        let number = lastFault
        undos.append((number, undo))
        guard let lasting else { return }
        world.after(Interval(seconds: lasting)) { [self] in end(number) }
    }

    func end(_ number: Int) {
        guard let place = undos.firstIndex(where: { $0.number == number }) else { return }
        let undo = undos.remove(at: place).undo
        checks.view.disturbed()
        undo()
    }

    /// Who is there, and whether it can be known, begins anew with everything that touches the network.
    private func disturbsView(_ kind: Fault.Kind) {
        checks.view.disturbed()
        if [.loss, .clog, .garbage, .malice, .clone, .staleDisk].contains(kind) { checks.judgesView = false }
    }

    private func mayHappen(_ kind: Fault.Kind, to host: Host) -> Bool {
        if host.isPuppet || host.isGone || host.cloneOf != nil || host.isMalicious { return false }
        switch kind {
        case .malice:
            // An admin may do anything: what it does is no fault of the others. A liar is gone for good when all is mended.
            return host.inspect(network)?.config.member(host.peer)?.role == .worker
                && !outside.contains(host.index) && othersSuffice(without: host)
        case .wipedDisk, .staleDisk, .clone: return !outside.contains(host.index) && othersSuffice(without: host)
        default: return true
        }
    }

    /// Faults from which no majority may ever recover come to a few voters only, as far as they are known. While one of them does not
    /// know yet what it has forgotten, or what a copy of it promises, none forgets and none is lost: the other may be the only one that
    /// could tell.
    private func othersSuffice(without host: Host) -> Bool {
        guard let config = newestConfig else { return true }
        let sets = [config.voters] + voterSetsUnderWay
        let isUntold = world.hosts.contains { host in
            (host.wasSetBack || host.cloneOf != nil) && sets.contains { $0.contains(host.peer) }
        }
        if isUntold {
            return !sets.contains { $0.contains(host.peer) }
        }
        let alive = world.hosts.filter { !$0.isGone && !$0.isMalicious && $0 !== host }.map(\.peer)
        return sets.allSatisfy { voters in
            guard voters.count >= 3 else { return !voters.contains(host.peer) }
            return voters.count { !alive.contains($0) } * 2 < voters.count
        }
    }

    var newestConfig: NetworkConfig? {
        members.compactMap { world.hosts[$0].inspect(network)?.config }.max { $0.version < $1.version }
    }

    func wasWiped(_ index: Int, after seconds: Double) {
        // The key is another one by now; the one before is lost for good.
        outside.insert(index)
        world.indexOf = [:]
        world.after(Interval(seconds: seconds + 1)) { [self] in
            if !world.hosts[index].isOn, !world.hosts[index].isGone { world.start(index) }
            if outside.contains(index), !isJoining(index) { invite(index) }
        }
    }

    /// Identities that no machine has any more.
    var lostVoters: [PeerID] {
        let alive = world.hosts.filter { !$0.isGone && !$0.isMalicious }.map(\.peer)
        return (newestConfig?.voters ?? []).filter { !alive.contains($0) }
    }

    // MARK: Who

    /// Which machines a fault of this kind takes by chance.
    private func byChance(_ kind: Fault.Kind) -> [Int] {
        let all = world.hosts.filter { !$0.isPuppet && !$0.isGone }.map(\.index)
        switch kind {
        case .split, .bridge: return draw.some(max(1, all.count / 2), of: all)
        case .loss, .noMulticast: return []
        case .noDatagrams, .resetLinks, .kill, .stop, .cut, .pause, .clog:
            return draw.some(draw.chance(0.2) ? max(1, all.count / 2) : 1, of: all)
        default: return draw.some(1, of: all)
        }
    }

    func machines(_ who: Scenario.Who, for kind: Fault.Kind) -> [Int] {
        let all = world.hosts.filter { !$0.isPuppet && !$0.isGone }.map(\.index)
        switch who {
        case .all: return all
        case .machines(let numbers): return numbers.filter { $0 < world.hosts.count }
        case .some(let count): return draw.some(count, of: all).sorted()
        case .share(let share): return draw.some(Int((Double(all.count) * share).rounded()), of: all).sorted()
        case .allBut(let count): return draw.some(max(0, all.count - count), of: all).sorted()
        case .leader: return leader.map { [$0] } ?? []
        case .voter:
            let others = voters.filter { $0 != leader }
            return (draw.element(of: others.isEmpty ? voters : others).map { [$0] }) ?? []
        case .voters: return voters
        case .majorityOfVoters: return draw.some(voters.count / 2 + 1, of: voters).sorted()
        case .driver: return (draw.element(of: drivers).map { [$0] }) ?? []
        case .stage:
            let stages = all.filter { !world.hosts[$0].caches.isEmpty && !drivers.contains($0) }
            return (draw.element(of: stages).map { [$0] }) ?? []
        }
    }

    /// Whoever leads in the latest term.
    var leader: Int? {
        var best: (host: Int, generation: UInt64, term: Term)?
        for host in world.hosts where host.cloneOf == nil && !host.isGone {
            guard let seen = host.inspect(network), seen.role == .leader else { continue }
            if let known = best, (known.generation, known.term) >= (seen.generation, seen.term) { continue }
            best = (host.index, seen.generation, seen.term)
        }
        return best?.host
    }

    private var voters: [Int] { (newestConfig?.voters ?? []).compactMap { world.index(of: $0) }.sorted() }

    private var drivers: [Int] {
        world.hosts.map(\.index).filter { index in chats.values.contains { $0.host == index } }
    }
}
