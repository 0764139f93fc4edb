import Identity
import NetworkConfig
import Wire

// Certificates: each voter signs what it has applied, and tells the other voters. Whoever holds signatures of a majority has the
// revision certified, goes by it and offers it to everyone.

extension MeshCore {
    /// A revision was applied here. Those who vote before it certify it.
    mutating func vouch(
        for machine: ConfigMachine, after before: RevisionHeader, in network: NetworkID, at time: Time
    ) {
        guard let state = networks[network], machine.version > state.ledger.version else { return }
        let digest = machine.headerDigest
        var audience = before.voters + machine.header.voters.filter { !before.voters.contains($0) }
        audience.sort()
        var candidate = VoterGroup.Candidate(
            version: machine.version, header: digest, headerBytes: machine.headerBytes, config: machine.configBytes,
            certifiers: before.voters, audience: audience, vouches: [])
        for early in state.group.early
        where early.version == machine.version && early.header == digest
            && SignatureVerifier.isValid(
                early.vouch.signature, over: machine.headerBytes, domain: .revision, by: early.vouch.voter)
        {
            _ = candidate.add(early.vouch)
        }
        if state.group.unproven == nil { sign(&candidate, in: network) }
        let due = time.instant.advanced(by: settings.vouchInterval)
        networks.update(network) { state in
            state.group.early.removeAll { $0.version <= candidate.version }
            state.group.candidates.append(candidate)
            if state.group.candidates.count > MeshLimits.candidates { state.group.candidates.removeFirst() }
            state.group.vouchDue = state.group.vouchDue ?? due
        }
        proveSnapshot(in: network)
        certify(in: network, at: time)
    }

    private mutating func sign(_ candidate: inout VoterGroup.Candidate, in network: NetworkID) {
        guard candidate.certifiers.contains(peer) else { return }
        let own = Vouch(voter: peer, signature: signer.sign(candidate.headerBytes, domain: .revision))
        if candidate.add(own) { tell(own, of: candidate, in: network) }
    }

    /// Compares what a leader's snapshot led to with what a majority has certified, as soon as the two meet.
    mutating func proveSnapshot(in network: NetworkID) {
        guard let state = networks[network], let unproven = state.group.unproven else { return }
        let (ledger, machine) = (state.ledger, state.group.machine)
        let meets = [(unproven.version, unproven.header), (machine.version, machine.headerDigest)]
            .first { $0.0 == ledger.version }
        guard let meets else { return }
        guard meets.1 == ledger.headerDigest else {
            effects.append(.log(.configRefused("the leader's snapshot is not what the voters have certified")))
            return
        }
        var candidates = state.group.candidates
        for place in candidates.indices { sign(&candidates[place], in: network) }
        networks.update(network) { state in
            state.group.unproven = nil
            state.group.candidates = candidates
        }
    }

    private mutating func tell(_ vouch: Vouch, of candidate: VoterGroup.Candidate, in network: NetworkID) {
        for voter in candidate.audience where voter != peer {
            guard let link = memberLink(to: voter) else { continue }
            effects.append(
                .send(
                    .vouch(network: network, version: candidate.version, header: candidate.header, vouch),
                    on: link.info.id))
        }
    }

    mutating func receiveVouch(
        _ network: NetworkID, _ version: ConfigVersion, _ header: Digest, _ vouch: Vouch, on link: Link, at time: Time
    ) {
        // Everyone tells only its own.
        guard vouch.voter == link.info.peer, let state = networks[network], state.config.isMember(vouch.voter) else {
            return
        }
        if version <= state.ledger.version {
            offer(state, on: link.info.id)
            return
        }
        guard version.generation == state.group.generation else { return }
        guard let place = state.group.candidates.firstIndex(where: { $0.version == version }) else {
            guard version > state.group.machine.version else { return }
            networks.update(network) { state in
                state.group.early.removeAll { $0.vouch.voter == vouch.voter && $0.version == version }
                state.group.early.append(VoterGroup.EarlyVouch(version: version, header: header, vouch: vouch))
                if state.group.early.count > MeshLimits.earlyVouches { state.group.early.removeFirst() }
            }
            return
        }
        let candidate = state.group.candidates[place]
        guard candidate.header == header else {
            effects.append(.log(.configRefused("peer \(vouch.voter.short) signed another revision \(version)")))
            return
        }
        guard
            SignatureVerifier.isValid(
                vouch.signature, over: candidate.headerBytes, domain: .revision, by: vouch.voter)
        else { return }
        networks.update(network) { _ = $0.group.candidates[place].add(vouch) }
        certify(in: network, at: time)
    }

    /// Takes every revision that has its majority, oldest first: a later one may be certified by voters that an earlier one names.
    private mutating func certify(in network: NetworkID, at time: Time) {
        guard let state = networks[network] else { return }
        var ledger = state.ledger
        for candidate in state.group.candidates where candidate.isCertified && candidate.version > ledger.version {
            do {
                try ledger.advance(to: candidate.headerBytes, vouches: candidate.vouches, config: candidate.config)
            } catch {
                // An earlier one that changes the voters is not certified yet: this one waits for it.
                break
            }
        }
        guard ledger.version > state.ledger.version else { return }
        adopt(ledger, at: time)
        offerToAll(network, at: time)
    }

    /// Signatures that may have been missed are told again.
    mutating func passVouchTime(at time: Time) {
        for network in networks.keys {
            guard let due = dues(of: network)?.vouches, due <= time.instant, let group = networks[network]?.group else {
                continue
            }
            for candidate in group.candidates {
                guard let own = candidate.vouches.first(where: { $0.voter == peer }) else { continue }
                tell(own, of: candidate, in: network)
            }
            let next = group.candidates.isEmpty ? nil : time.instant.advanced(by: settings.vouchInterval)
            networks.update(network) { $0.group.vouchDue = next }
        }
    }
}
