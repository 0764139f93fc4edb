import Identity
import Wire

// What tests do to the network, and what can be asked about it.

extension World {
    /// Whether packets pass between two hosts, both ways.
    public func isReachable(_ one: Int, _ other: Int) -> Bool {
        paths.pass(from: one, to: other) && paths.pass(from: other, to: one)
    }

    /// Whether everything passes between this machine and all others that are on.
    func isInReach(_ host: Host) -> Bool {
        !hosts.contains { other in
            other !== host && other.isOn && !other.isGone
                && !(paths.datagramsPass(from: host.index, to: other.index)
                    && paths.datagramsPass(from: other.index, to: host.index)
                    && paths.lateness(from: host.index, to: other.index) == 0)
        }
    }

    /// Pulls the cable of a host.
    public func cut(_ index: Int) {
        guard !hosts[index].isUnplugged else { return }
        hosts[index].isUnplugged = true
        paths.blockAll(outOf: index)
        paths.blockAll(into: index)
        reachChanged(hosts[index])
    }

    public func heal(_ index: Int) {
        guard hosts[index].isUnplugged else { return }
        hosts[index].isUnplugged = false
        paths.unblockAll(outOf: index)
        paths.unblockAll(into: index)
        reachChanged(hosts[index])
    }

    /// Lets no packet pass between two hosts.
    public func separate(_ one: Int, _ other: Int) {
        paths.block(from: one, to: other)
        paths.block(from: other, to: one)
        reachChanged(hosts[one])
    }

    public func rejoin(_ one: Int, _ other: Int) {
        paths.unblock(from: one, to: other)
        paths.unblock(from: other, to: one)
        reachChanged(hosts[one])
    }

    /// The machine gets another address. Its links do not survive it; others learn of the new one as they may.
    public func moveAddress(of index: Int) {
        let host = hosts[index]
        addressesGiven += 1
        hostAt[host.endpoint] = nil
        host.endpoint = World.endpoint(of: 1 << 16 | addressesGiven)
        hostAt[host.endpoint] = index
        for link in host.orderedLinks { drop(link.pipe, link.end, reason: "the machine's address has changed") }
        if host.isOn { feed(host, .addressesChanged([host.endpoint])) }
    }

    /// The machine with that identity; of two the first.
    func index(of peer: PeerID) -> Int? {
        if let known = indexOf[peer], hosts[known].peer == peer { return known }
        guard let found = hosts.firstIndex(where: { $0.peer == peer && !$0.isPuppet }) else { return nil }
        indexOf[peer] = found
        return found
    }
}
