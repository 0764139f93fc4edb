import Identity
import NetworkConfig
import Wire

// Beacons: what this peer calls out, what it has heard, and the answer to `discover`. All of it is hints. A beacon proves that its
// sender has some key, not that what it says is true; whatever matters is proven on a link.

/// What beacons told of a peer.
struct SeenPeer: Sendable {
    var name: String
    /// The latest first.
    var addresses: [Endpoint]
    var networks: [Beacon.Network]
    var heardAt: Instant
}

extension MeshCore {
    mutating func adopt(addresses: [Endpoint], at now: Instant) {
        ownAddresses = Array(addresses.prefix(Limits.addresses))
        hasteUntil = now.advanced(by: settings.haste)
        for network in networks.keys { networks.update(network) { $0.recordStale = true } }
        beaconDue = now
    }

    mutating func receive(datagram: [UInt8], from host: String, at now: Instant) {
        // Malformed datagrams are a matter of course on a shared port; transport counts them.
        guard let (beacon, peer) = try? Beacon.verified(datagram: datagram), peer != self.peer,
            let source = Endpoint(host: host, port: beacon.linkPort)
        else { return }
        heard(beacon, from: peer, at: source, now: now)
    }

    /// A beacon whose signature holds; `source` is where its datagram came from.
    mutating func heard(_ beacon: Beacon, from peer: PeerID, at source: Endpoint, now: Instant) {
        var addresses = [source]
        for address in beacon.addresses where !addresses.contains(address) { addresses.append(address) }
        if let known = seen[peer] {
            for address in known.addresses where !addresses.contains(address) { addresses.append(address) }
        } else {
            makeRoomForSeenPeer(at: now)
            effects.append(.log(.peerSeen(peer, name: beacon.name, address: source.description)))
        }
        // Over a link a beacon may be long. No more of it is kept than fits a datagram.
        let networks = beacon.networks.map { network in
            Beacon.Network(
                id: network.id, name: network.name, model: network.model, revision: network.revision,
                members: Array(network.members.prefix(MeshLimits.seenMembers)))
        }
        seen[peer] = SeenPeer(
            name: beacon.name, addresses: Array(addresses.prefix(MeshLimits.seenAddresses)), networks: networks,
            heardAt: now)
        if beacon.asks { beaconAnswerDue = beaconAnswerDue ?? answerTime(at: now) }
        wakeContact(peer, at: now)
    }

    private func answerTime(at now: Instant) -> Instant {
        guard let answered = beaconAnswered else { return now }
        return max(now, answered.advanced(by: settings.beaconAnswerInterval))
    }

    /// Whoever floods the network with invented peers pushes out other strangers, never a member.
    private mutating func makeRoomForSeenPeer(at now: Instant) {
        guard seen.count >= MeshLimits.seenPeers else { return }
        let lifetime = settings.beaconLifetime
        seen.removeAll { now.since($1.heardAt) > lifetime }
        guard seen.count >= MeshLimits.seenPeers else { return }
        let strangers = seen.pairs.filter { peer, _ in sharedNetworks(with: peer).isEmpty }
        guard let oldest = strangers.min(by: { $0.1.heardAt < $1.1.heardAt })?.0 ?? seen.keys.first else { return }
        seen[oldest] = nil
    }

    mutating func passDiscoveryTime(at now: Instant) {
        if now >= beaconDue {
            sendBeacon(asks: beaconAnswered == nil, at: now)
            // A tenth of jitter keeps machines that were switched on together from speaking together.
            let interval = now < hasteUntil ? settings.beaconInterval : settings.beaconQuietInterval
            let jitter = Int64(random.next() % UInt64(interval.nanoseconds / 10))
            beaconDue = now.advanced(by: Interval(nanoseconds: interval.nanoseconds + jitter))
        } else if let due = beaconAnswerDue, now >= due {
            sendBeacon(asks: false, at: now)
        }
        for (request, deadline) in discoveries.pairs where now >= deadline {
            discoveries[request] = nil
            effects.append(.respond(request, .discovered(discovered(at: now))))
        }
    }

    mutating func sendBeacon(asks: Bool, at now: Instant) {
        beaconAnswered = now
        beaconAnswerDue = nil
        effects.append(.multicast(beacon(asks: asks).datagram(by: signer)))
    }

    func beacon(asks: Bool) -> Beacon {
        let told = networks.values.prefix(Limits.beaconNetworks).map { state in
            let config = state.config
            let reachable = config.members.compactMap { member -> Beacon.Member? in
                guard let link = memberLink(to: member.peer), let address = link.info.remote else { return nil }
                return Beacon.Member(peer: member.peer, address: address)
            }
            return Beacon.Network(
                id: state.ledger.network, name: config.name, model: config.model.name, revision: config.revision,
                members: reachable)
        }
        return Beacon(
            linkPort: settings.linkPort, addresses: ownAddresses, name: settings.name, networks: told, asks: asks)
    }

    /// Networks on the local network just now, this peer's own among them, with the members that were heard or told of.
    func discovered(at now: Instant) -> [DiscoveredNetwork] {
        var found = SortedMap<NetworkID, DiscoveredNetwork>()
        func add(_ network: Beacon.Network, _ peer: PeerID, _ address: Endpoint?) {
            var entry =
                found[network.id]
                ?? DiscoveredNetwork(id: network.id, name: network.name, model: network.model, members: [])
            if let address, !entry.members.contains(where: { $0.peer == peer }) {
                entry.members.append(DiscoveredNetwork.Member(peer: peer, address: address))
            }
            found[network.id] = entry
        }
        for network in beacon(asks: false).networks {
            add(network, peer, ownAddresses.first)
            for member in network.members { add(network, member.peer, member.address) }
        }
        for (peer, seenPeer) in seen.pairs where now.since(seenPeer.heardAt) <= settings.beaconLifetime {
            for network in seenPeer.networks { add(network, peer, seenPeer.addresses.first) }
        }
        // What a beacon tells of others comes last: a peer's own word of its address is better.
        for seenPeer in seen.values where now.since(seenPeer.heardAt) <= settings.beaconLifetime {
            for network in seenPeer.networks {
                for member in network.members { add(network, member.peer, member.address) }
            }
        }
        return found.values.map { network in
            var network = network
            network.members.sort { $0.peer < $1.peer }
            return network
        }
    }
}
