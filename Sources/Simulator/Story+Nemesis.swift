import Identity
import MeshCore
import NetworkConfig
import Wire

// Faults that come by chance seldom come at the worst moment. These look at the world and wait for it.

extension Story {
    func beginNemesis() {
        var aims: [() -> Void] = []
        if drawn.chaosKinds.contains(.kill) { aims += [killUndecidedLeader, killTalkingDriver] }
        if drawn.chaosKinds.contains(.cut) { aims.append(cutOffProposingLeader) }
        if !aims.isEmpty {
            again(perMinute: 6) { [self] in draw.element(of: aims)?() }
        }
        guard drawn.losesMajority else { return }
        world.after(Interval(seconds: draw.share() * drawn.lasts.seconds * 0.7)) { [self] in loseMajority() }
    }

    // MARK: The leader

    /// Somebody asks for a change, and the leader dies with it in its log, undecided.
    private func killUndecidedLeader() {
        // Whoever asked lives on, and is told in the end.
        let others = members.filter { $0 != leader }
        guard let asker = draw.element(of: others) else { return }
        askForSomething(asker)
        let looks = 200
        let stride = Interval(nanoseconds: max(100_000, world.times.frame.nanoseconds / 20))
        func look(_ left: Int) {
            guard left > 0, !isOver, let leader, let seen = world.hosts[leader].inspect(network) else { return }
            guard seen.lastIndex > seen.commit else { return world.after(stride) { look(left - 1) } }
            // At once, or when the entry may be on one disk and not on another.
            let wait = draw.chance(0.5) ? 0 : draw.share() * world.times.persist.seconds * 2
            world.after(Interval(seconds: wait)) { [self] in
                if !isOver { begin(Fault(.kill, lasting: 1...8), on: [leader]) }
            }
        }
        look(looks)
    }

    /// The leader loses its cable, and is asked for something: it writes down what nobody else will ever hear of.
    private func cutOffProposingLeader() {
        guard let leader else { return }
        begin(Fault(.cut, lasting: 5...12), on: [leader])
        world.after(Interval(seconds: draw.number(in: 0.01...1))) { [self] in
            if !isOver, members.contains(leader) { askForSomething(leader) }
        }
    }

    /// A change that this machine may ask for, whatever its role: it tells anew what it lends.
    private func askForSomething(_ index: Int) {
        let host = world.hosts[index]
        world.request(
            index,
            .change(
                network,
                .grant(
                    peer: host.peer, memory: host.settings.sharedMemory, name: host.name, addresses: [host.endpoint]))
        ).ignored()
    }

    // MARK: The driver

    /// The next machine that streams an answer dies over it.
    private func killTalkingDriver() { killsNextDriver = true }

    /// A token of an answer is told on this machine.
    func streamed(_ host: Host) {
        guard killsNextDriver, !isOver else { return }
        killsNextDriver = false
        world.after(Interval(nanoseconds: 1)) { [self] in begin(Fault(.kill, lasting: 1...8), on: [host.index]) }
    }

    // MARK: The majority

    /// Most voters are lost for good, as far as the rest has room for the model. An admin among the rest recovers the network, which then
    /// goes on.
    private func loseMajority() {
        guard let voters = newestConfig?.voters, voters.count >= 3 else { return }
        let present = voters.compactMap { voter in members.first { world.hosts[$0].peer == voter } }
        let lost = draw.some(voters.count / 2 + 1, of: present)
        guard lost.count * 2 > voters.count, !Set(admins).isSubset(of: lost), piecesSuffice(without: lost) else {
            return
        }
        begin(Fault(.kill, isForGood: true), on: lost)
        recoverWhereLost()
    }
}
