import Identity
import MeshCore
import NetworkConfig
import Wire

// What people change of a network's config.

extension Story {
    func change() {
        guard let host = draw.element(of: draw.chance(0.85) ? admins : members) else { return }
        // Two people who do the same at once, elsewhere.
        if draw.chance(0.25), let other = draw.element(of: admins.filter { $0 != host }) {
            let both = [host, other]
            for one in both { world.request(one, .change(network, .setPolicy(policy()))).ignored() }
            return
        }
        let others = members.filter { $0 != host && $0 != 0 }
        switch draw.number(in: 0...9) {
        case 0:
            guard let other = draw.element(of: others) else { return }
            let role = draw.element(of: [Role.admin, .worker, .worker, .backup]) ?? .worker
            world.request(host, .change(network, .setRole(world.hosts[other].peer, role))).ignored()
        case 1:
            world.request(
                host, .invite(network: network, role: .worker, validSeconds: 600, secret: world.random.bytes(16))
            ).ignored()
        case 2: world.request(host, .change(network, .assign(nil))).ignored()
        case 3, 4: grant(by: host, to: draw.element(of: others) ?? host)
        case 5: setModel(by: host)
        case 6: if let other = draw.element(of: others) { remove(other, by: host) }
        default: world.request(host, .change(network, .setPolicy(policy()))).ignored()
        }
    }

    /// Each is another one, so that it can be told which change came to pass.
    func policy() -> NetworkPolicy {
        lastPolicy += 1
        return NetworkPolicy(maxVoters: draw.element(of: [3, 5, 7, 7]) ?? 7, voterGrace: 5 + lastPolicy)
    }

    /// An admin grants another machine more or less than its owner lends, or an owner says again what it lends.
    private func grant(by host: Int, to other: Int) {
        let lent = world.hosts[other].settings.sharedMemory
        let share = draw.number(in: 0.7...1.0)
        let memory = other == host || !suffices(without: other) ? lent : UInt64(Double(lent) * share)
        world.request(
            host,
            .change(
                network,
                .grant(
                    peer: world.hosts[other].peer, memory: memory, name: world.hosts[other].name,
                    addresses: [world.hosts[other].endpoint]))
        ).ignored()
    }

    /// Another model of the same shape: it computes the same, so that whatever is answered meanwhile can be judged, and its files are
    /// others, which everyone has to fetch anew.
    private func setModel(by host: Int) {
        lastModel += 1
        let next = FakeModel(
            name: "fake \(lastModel)", blocks: scenario.model.blocks, memory: scenario.model.blockMemory,
            pieceBytes: scenario.model.pieceBytes, seed: 1 + lastModel)
        world.give(next, to: host)
        world.after(.milliseconds(1)) { [self] in
            guard world.hosts[host].isOn else { return }
            world.request(host, .setModel(network, next.manifest)).ignored()
        }
    }

    /// The model that the network has agreed on last.
    var agreedModel: ModelManifest { newestConfig?.model ?? model.manifest }

    // MARK: Removing

    private func remove(_ other: Int, by host: Int) {
        guard members.count > 3, suffices(without: other), drawn.removes else { return }
        removing[world.request(host, .change(network, .remove(world.hosts[other].peer)))] = other
    }

    /// Its key is barred for ever. Its owner begins with an empty disk, and asks to be let in again.
    func wasRemoved(_ index: Int) {
        outside.insert(index)
        world.after(Interval(seconds: draw.number(in: 2...6))) { [self] in
            let host = world.hosts[index]
            guard !isOver, !host.isGone, host.cloneOf == nil, !host.isMalicious, host.isOn else { return }
            world.coverage.reached("removed machine came back as another")
            let undo = world.begin(.wipedDisk, on: [index], random: &faultDraw)
            wasWiped(index, after: 1)
            if let undo { world.after(.seconds(1), undo) }
        }
    }

    /// Whether the others have room and pieces for the model, and an admin among them.
    func suffices(without index: Int) -> Bool {
        admins != [index] && piecesSuffice(without: [index])
    }
}
