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
    /// A fellow member's last beacon, as it was signed: one that says the same again is not read again.
    var said: Signed?
}

extension MeshCore {
    mutating func adopt(addresses: [Endpoint], at now: Instant) {
        ownAddresses = Array(addresses.prefix(Limits.addresses))
        for network in networks.keys { networks.update(network) { $0.recordStale = true } }
        callOut(at: now)
    }

    /// Something has changed about this peer itself: others hear of it at once, and more often for a while.
    mutating func callOut(at now: Instant) {
        hasteUntil = now.advanced(by: settings.haste)
        beaconDue = now
    }

    mutating func receive(datagram: [UInt8], from host: String, at now: Instant) {
        // Malformed datagrams are a matter of course on a shared port; transport counts them.
        guard datagram.count <= Limits.datagramBytes, let signed = try? Signed(encoded: datagram), signed.signer != peer
        else { return }
        if let known = seen[signed.signer], known.said == signed, known.addresses.first?.host == host {
            // A question is never kept, so that this was none.
            seen.update(signed.signer) { $0.heardAt = now }
            return followUp(known.networks, of: signed.signer, asks: false, at: now)
        }
        guard let beacon = try? Beacon.verified(signed), let source = Endpoint(host: host, port: beacon.linkPort) else {
            return
        }
        heard(beacon, from: signed.signer, at: source, now: now)
        if !beacon.asks, !sharedNetworks(with: signed.signer).isEmpty {
            seen.update(signed.signer) { $0.said = signed }
        }
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
        followUp(networks, of: peer, asks: beacon.asks, at: now)
        inquire(of: peer, at: source, about: networks, now: now)
    }

    private mutating func followUp(_ told: [Beacon.Network], of peer: PeerID, asks: Bool, at now: Instant) {
        if asks {
            answersHeard = 0
            if beaconAnswerDue == nil { beaconAnswerDue = answerTime(at: now) }
        } else if beaconAnswerDue != nil, tellsEnough(told, of: peer) {
            answersHeard += 1
            if answersHeard >= settings.beaconAnswers { beaconAnswerDue = nil }
        }
        wakeContact(peer, at: now)
    }

    /// A stranger says that it is in a network of this peer's, and that more has been decided there than this peer knows. If that is
    /// so, this peer's disk is so old that it knows nobody to ask; the stranger's config, certified, will show it.
    private mutating func inquire(
        of stranger: PeerID, at source: Endpoint, about told: [Beacon.Network], now: Instant
    ) {
        inquiries.removeAll { now >= $1 }
        guard inquiries.count < MeshLimits.inquiries, inquiries[stranger] == nil, memberLink(to: stranger) == nil else {
            return
        }
        for network in told {
            guard let state = networks[network.id], state.group.standsAlone || state.group.probation != nil,
                state.config.revision < network.revision, !mayKnow(stranger, state.config)
            else { continue }
            inquiries[stranger] = now.advanced(by: settings.inquiryInterval)
            _ = startDial(source, expecting: stranger, purpose: .member, goal: .seed(source))
            return
        }
    }

    /// Whether this peer would have nothing to add for somebody who looks for networks. Only fellow members are believed.
    private func tellsEnough(_ told: [Beacon.Network], of peer: PeerID) -> Bool {
        networks.values.allSatisfy { state in
            state.config.isMember(peer) && told.contains { $0.id == state.ledger.network }
        }
    }

    /// How many speak on this local network, as far as is known. Whoever invents peers slows beacons down no further than this many.
    private var crowd: Int {
        max(min(seen.count, MeshLimits.crowd), networks.values.map(\.config.members.count).max() ?? 0)
    }

    private mutating func answerTime(at now: Instant) -> Instant {
        guard let answered = beaconAnswered else { return now }
        let soonest = max(now, answered.advanced(by: settings.beaconAnswerInterval))
        guard crowd > settings.beaconAnswers else { return soonest }
        let spread = min(
            settings.beaconAnswerSpread.nanoseconds * Int64(crowd), settings.beaconAnswerPatience.nanoseconds)
        return max(soonest, now.advanced(by: Interval(nanoseconds: Int64(random.next() % UInt64(max(1, spread))))))
    }

    private func beaconInterval(at now: Instant) -> Interval {
        let (least, share) =
            now < hasteUntil
            ? (settings.beaconInterval, settings.beaconShare)
            : (settings.beaconQuietInterval, settings.beaconQuietShare)
        return max(least, Interval(nanoseconds: share.nanoseconds * Int64(crowd)))
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
            let interval = beaconInterval(at: now)
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
