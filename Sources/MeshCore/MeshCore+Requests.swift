import Identity
import NetworkConfig
import Wire

// What a person asks of this peer. Every request is answered in the end, unless it is cancelled.

extension MeshCore {
    mutating func requested(_ id: RequestID, _ request: Request, at time: Time) {
        switch request {
        case .createNetwork(let name, let model): create(name, model, request: id, at: time)
        case .discover:
            sendBeacon(asks: true, at: time.instant)
            discoveries[id] = time.instant.advanced(by: settings.discoverDuration)
        case .join(let text): join(text, request: id, at: time)
        case .invite(let network, let role, let seconds, let secret):
            invite(to: network, role: role, validSeconds: seconds, secret: secret, request: id, at: time)
        case .leave(let network): leave(network, request: id, at: time)
        case .setModel(let network, let model):
            // The revision that it becomes is put in when it is known.
            propose(.setModel(model), to: network, origin: .request(id, .modelSet(.first)), at: time)
        case .change(let network, let change):
            propose(change, to: network, origin: .request(id, .changed(.first)), at: time)
        case .recover(let network): recover(network, request: id, at: time)
        case .chat(let input): startChat(input, request: id, at: time.instant)
        }
    }

    mutating func cancelled(_ id: RequestID, at now: Instant) {
        discoveries[id] = nil
        if let link = joins[id]?.link { effects.append(.closeLink(link, reason: "cancelled")) }
        joins[id] = nil
        cancelChat(id, at: now)
    }

    private mutating func create(_ name: String, _ model: ModelManifest, request: RequestID, at time: Time) {
        guard !name.isEmpty, name.utf8.count <= Limits.nameBytes else {
            effects.append(
                .respond(request, .refused("a network's name has 1 to \(Limits.nameBytes) bytes; choose another")))
            return
        }
        if networks.values.contains(where: { $0.config.name == name })
            || founding.values.contains(where: { $0.ledger.config.name == name })
        {
            effects.append(
                .respond(request, .refused("this peer is in a network \(name) already; choose another name")))
            return
        }
        var config = NetworkConfig(
            founding: name,
            by: NetworkConfig.Member(
                peer: peer, name: settings.name, role: .admin, grantedMemory: settings.sharedMemory,
                addresses: ownAddresses),
            model: model, salt: random.bytes(16))
        config.assignment = MeshCore.assignment(for: config)
        do {
            let ledger = try ConfigLedger(founding: config)
            found(ledger, for: request, response: .created(ledger.network), at: time)
        } catch {
            effects.append(.respond(request, .refused(error.description)))
        }
    }

    private mutating func invite(
        to network: NetworkID, role: Role, validSeconds: UInt64, secret: [UInt8], request: RequestID, at time: Time
    ) {
        guard let state = networks[network] else {
            effects.append(.respond(request, .refused("this peer is not in that network")))
            return
        }
        // Where to knock: here first, then at the members that are linked just now.
        var endpoints = ownAddresses
        for link in links.values where link.info.purpose == .member && state.config.isMember(link.info.peer) {
            if let remote = link.info.remote, !endpoints.contains(remote) { endpoints.append(remote) }
        }
        let invitation = Invitation(network: network, secret: secret, endpoints: endpoints)
        let (expires, overflow) = time.wallClock.addingReportingOverflow(validSeconds)
        let entry = NetworkConfig.Invitation(
            key: invitation.key.peer, role: role, expires: overflow ? .max : expires)
        propose(.invite(entry), to: network, origin: .request(request, .invited(invitation.text)), at: time)
    }

    private mutating func leave(_ network: NetworkID, request: RequestID, at time: Time) {
        guard let state = networks[network] else {
            effects.append(.respond(request, .refused("this peer is not in that network")))
            return
        }
        if state.config.members.count == 1 {
            forget(network, at: time.instant)
            effects.append(.respond(request, .left))
            return
        }
        propose(.remove(peer), to: network, origin: .request(request, .left), at: time)
    }

    /// Deliberate, by an admin, and signed: what the lost voters may have decided and nobody else knows is lost.
    private mutating func recover(_ network: NetworkID, request: RequestID, at time: Time) {
        guard let state = networks[network] else {
            effects.append(.respond(request, .refused("this peer is not in that network")))
            return
        }
        guard !quorum(of: state) else {
            effects.append(
                .respond(
                    request,
                    .refused("a majority of the voters can be reached, so there is nothing to recover from")))
            return
        }
        guard !founding.values.contains(where: { $0.ledger.network == network }) else {
            effects.append(.respond(request, .refused("this network is being recovered already")))
            return
        }
        do {
            let certified = try ConfigLedger.recovered(from: state.ledger, by: signer, voters: [peer])
            let ledger = try ConfigLedger(network: network, certified: certified)
            effects.append(.log(.networkRecovered(network: state.config.name, revision: ledger.config.revision)))
            found(ledger, for: request, response: .recovered(ledger.config.revision), at: time)
        } catch {
            effects.append(.respond(request, .refused(error.description)))
        }
    }
}
