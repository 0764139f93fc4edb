import Identity
import NetworkConfig
import Wire

// Links: whom to dial, when, and which of two links to keep. Every pair of members shares one link. The peer with the smaller
// identity dials; the other one does so too where nothing came of it for a while, since some machines can only dial out.

/// A dial under way, and why.
struct Dial: Sendable {
    enum Goal: Sendable {
        case member(PeerID)
        case seed(Endpoint)
        case join(RequestID)
    }
    let goal: Goal
    let endpoint: Endpoint
}

/// A member that should be linked and is not.
struct Contact: Sendable {
    var due: Instant
    var backoff: Interval
    /// Which of its addresses is tried next.
    var attempt = 0
    var dialing: DialTag?
}

extension MeshCore {
    func memberLink(to peer: PeerID) -> Link? { links.member(peer) }

    /// Networks that this peer and another are members of.
    func sharedNetworks(with peer: PeerID) -> [NetworkID] {
        networks.keys.filter { isShared($0, with: peer) }
    }

    func isShared(_ network: NetworkID, with peer: PeerID) -> Bool {
        guard let state = networks[network] else { return false }
        return state.config.isMember(peer) && state.config.isMember(self.peer)
    }

    mutating func startDial(_ endpoint: Endpoint, expecting: PeerID?, purpose: LinkInfo.Purpose, goal: Dial.Goal)
        -> DialTag
    {
        nextDial += 1
        let tag = DialTag(nextDial)
        dials[tag] = Dial(goal: goal, endpoint: endpoint)
        effects.append(.dial(endpoint, expecting: expecting, purpose: purpose, tag: tag))
        return tag
    }

    mutating func opened(_ info: LinkInfo, at time: Time) {
        let now = time.instant
        let dial = info.dial.flatMap { dials[$0] }
        if let tag = info.dial { dials[tag] = nil }
        links[info.id] = Link(info: info, openedAt: now)
        switch info.purpose {
        case .admission:
            effects.append(.send(.beacon(beacon(asks: false).signed(by: signer)), on: info.id))
            if case .join(let request)? = dial?.goal { joinLinkOpened(request, link: info, at: now) }
        case .member:
            contacts[info.peer] = nil
            contactsStale = true
            piecesStale = true
            effects.append(.log(.linkOpened(info.peer, address: info.remote?.description ?? "?")))
            guard keepOneLink(with: info.peer, newest: info.id, at: now) else { return }
            for network in sharedNetworks(with: info.peer) {
                guard let state = networks[network] else { continue }
                offer(state, on: info.id)
                networks.update(network) { state in
                    state.gossip.linkOpened(info.peer, at: now)
                    state.group.raft.regained(info.peer, at: now)
                    if !state.group.candidates.isEmpty { state.group.vouchDue = now }
                }
                if let link = links[info.id] { askStanding(in: network, of: link) }
                runGossip(network, at: time)
                runRaft(network, at: time)
                retryProposals(in: network, at: time)
                proposeOwnGrant(network, at: time)
            }
            if sharedNetworks(with: info.peer).isEmpty { tellRemoved(info, at: now) }
            linkRestored(info.peer, at: time)
        }
    }

    /// Whoever was removed while it was away is told so.
    private mutating func tellRemoved(_ info: LinkInfo, at now: Instant) {
        for state in networks.values where state.config.removed.contains(info.peer) {
            effects.append(
                .send(.config(network: state.ledger.network, state.ledger.certified), on: info.id))
        }
        strangersDue = now.advanced(by: settings.farewell)
    }

    /// Of two links between the same peers, both sides keep the one that the smaller identity dialled; of two that the same side
    /// dialled, the newer one, since the older one's other end has died. True where the newest stays.
    private mutating func keepOneLink(with other: PeerID, newest: LinkID, at now: Instant) -> Bool {
        let all = links.members(other)
        guard all.count > 1 else { return true }
        func dialledBySmaller(_ link: Link) -> Bool { link.info.isOutbound == (peer < other) }
        let preferred = all.filter(dialledBySmaller)
        let kept = (preferred.isEmpty ? all : preferred).map(\.info.id).max() ?? newest
        for link in all where link.info.id != kept {
            links[link.info.id] = nil
            readsUnderWay[link.info.id] = nil
            effects.append(.closeLink(link.info.id, reason: "another link to the same peer is kept"))
            linkReplaced(link.info.id, by: kept)
        }
        // What was under way over the old link may be lost, and with it the other side's whole memory: it may have been restarted.
        if kept == newest { linkLost(other, at: now) }
        return kept == newest
    }

    mutating func closed(_ id: LinkID, reason: String, at time: Time) {
        guard let link = links[id] else { return }
        links[id] = nil
        readsUnderWay[id] = nil
        joinLinkClosed(id, reason: reason, at: time)
        proposalLinkClosed(id)
        guard link.info.purpose == .member else { return }
        effects.append(.log(.linkClosed(link.info.peer, reason: reason)))
        fetchLinkClosed(id, at: time.instant)
        contactsStale = true
        piecesStale = true
        if memberLink(to: link.info.peer) == nil {
            for network in sharedNetworks(with: link.info.peer) {
                networks.update(network) { state in
                    state.gossip.linkClosed(link.info.peer, at: time.instant)
                    state.group.raft.lost(link.info.peer, at: time.instant)
                }
                runGossip(network, at: time)
                runRaft(network, at: time)
            }
            linkLost(link.info.peer, at: time.instant)
            wakeContact(link.info.peer, at: time.instant)
        }
    }

    mutating func failed(dial tag: DialTag, reason: String, at time: Time) {
        guard let dial = dials[tag] else { return }
        dials[tag] = nil
        switch dial.goal {
        case .seed: break
        case .join(let request): joinDialFailed(request, endpoint: dial.endpoint, reason: reason, at: time)
        case .member(let peer):
            let (most, now) = (settings.dialBackoffMax, time.instant)
            contacts.update(peer) { contact in
                guard contact.dialing == tag else { return }
                contact.dialing = nil
                contact.due = now.advanced(by: contact.backoff)
                contact.backoff = min(most, Interval(nanoseconds: contact.backoff.nanoseconds * 2))
            }
        }
    }

    /// News of a peer's whereabouts: what waited for its backoff need not wait on.
    mutating func wakeContact(_ peer: PeerID, at now: Instant) {
        let first = settings.dialBackoff
        contacts.update(peer) { contact in
            guard contact.dialing == nil, contact.backoff > first else { return }
            contact.backoff = first
            contact.due = min(contact.due, now.advanced(by: first))
        }
    }

    mutating func passDialTime(at time: Time) {
        let now = time.instant
        if contactsStale {
            contactsStale = false
            keepContacts(at: now)
        }
        for (peer, contact) in contacts.pairs where contact.dialing == nil && now >= contact.due {
            let addresses = addresses(of: peer)
            guard !addresses.isEmpty else {
                contacts.update(peer) { $0.due = now.advanced(by: settings.dialBackoff) }
                continue
            }
            let endpoint = addresses[contact.attempt % addresses.count]
            let tag = startDial(endpoint, expecting: peer, purpose: .member, goal: .member(peer))
            contacts.update(peer) {
                $0.attempt += 1
                $0.dialing = tag
            }
        }
        if !settings.seeds.isEmpty, now >= seedsDue {
            seedsDue = now.advanced(by: settings.seedInterval)
            for seed in settings.seeds where !isReached(seed) {
                _ = startDial(seed, expecting: nil, purpose: .admission, goal: .seed(seed))
            }
        }
    }

    private func isReached(_ seed: Endpoint) -> Bool {
        links.values.contains { $0.info.remote == seed }
            || dials.values.contains { dial in
                if case .seed(let endpoint) = dial.goal { return endpoint == seed }
                return false
            }
    }

    /// Every member of a network of ours that has no link is a contact, and nobody else is.
    private mutating func keepContacts(at now: Instant) {
        var wanted: [PeerID] = []
        for state in networks.values where state.config.isMember(peer) {
            wanted.append(contentsOf: state.config.members.map(\.peer).filter { $0 != peer })
        }
        wanted.sort()
        for peer in wanted where !contacts.contains(peer) && !links.reaches(peer) {
            let courtesy = self.peer < peer ? Interval(nanoseconds: 0) : settings.dialCourtesy
            contacts[peer] = Contact(due: now.advanced(by: courtesy), backoff: settings.dialBackoff)
        }
        let members = Set(wanted)
        contacts.removeAll { peer, _ in !members.contains(peer) || links.reaches(peer) }
    }

    /// Where a peer may be: what it said last first.
    func addresses(of peer: PeerID) -> [Endpoint] {
        var addresses = seen[peer]?.addresses ?? []
        func add(_ more: [Endpoint]) {
            for address in more where !addresses.contains(address) { addresses.append(address) }
        }
        for seenPeer in seen.values {
            for network in seenPeer.networks {
                for member in network.members where member.peer == peer { add([member.address]) }
            }
        }
        for state in networks.values {
            if let record = state.gossip.record(of: peer) { add(record.addresses) }
            if let member = state.config.member(peer) { add(member.addresses) }
        }
        return Array(addresses.prefix(Limits.addresses * 2))
    }

    mutating func receive(_ frame: Frame, on id: LinkID, at time: Time) {
        guard let link = links[id] else { return }
        let now = time.instant
        if link.info.purpose == .admission {
            receiveAdmission(frame, on: link, at: time)
            return
        }
        let other = link.info.peer
        for network in networks.keys {
            var isToldSomething = false
            networks.update(network) { state in
                state.gossip.heardFrom(other, at: now)
                isToldSomething = state.gossip.hasActions
            }
            if isToldSomething { runGossip(network, at: time) }
        }
        switch frame {
        case .hello, .ping, .pong: break
        case .beacon(let signed): receiveBeacon(signed, on: link, at: now)
        case .gossip(let network, let message):
            receiveGossip(network, message, from: other, over: .link, at: time)
        case .configOffer(let network, let version): receiveOffer(network, version, on: link, at: time)
        case .configRequest(let network, let known): receiveConfigRequest(network, known, on: link)
        case .config(let network, let certified): receiveConfig(network, certified, on: link, at: time)
        case .vouch(let network, let version, let header, let vouch):
            receiveVouch(network, version, header, vouch, on: link, at: time)
        case .raft(let network, let generation, let message):
            guard networks[network]?.config.isMember(other) == true else { return }
            receiveRaft(network, generation: generation, message, from: other, at: time)
        case .standingRequest(let network, let generation, let question):
            receiveStandingRequest(network, generation: generation, question: question, on: link)
        case .standing(let network, let question, let version, let standing):
            receiveStanding(network, question: question, version: version, standing, on: link, at: time)
        case .proposal(let network, let command, let attempt):
            receiveProposal(network, command, attempt, on: link, at: time)
        case .proposalResult(let result): receiveResult(result, on: link, at: time)
        case .pieceRequest(let request): receivePieceRequest(request, on: link)
        case .pieceData(let data): receivePieceData(data, on: link, at: now)
        case .routeOpen, .resume, .tokens, .activation, .sampled, .embedded, .stageProgress, .stageFailed,
            .sessionClose:
            receiveChain(frame, from: other, at: now)
        }
    }

    /// What a peer may say that is not a member: ask to be admitted, and fetch the config that proves it was.
    private mutating func receiveAdmission(_ frame: Frame, on link: Link, at time: Time) {
        switch frame {
        case .beacon(let signed): receiveBeacon(signed, on: link, at: time.instant)
        case .proposal(let network, let command, let attempt):
            receiveProposal(network, command, attempt, on: link, at: time)
        case .proposalResult(let result): joinResult(result, on: link, at: time)
        case .config(let network, let certified): joinConfig(network, certified, on: link)
        default: break
        }
    }

    private mutating func receiveBeacon(_ signed: Signed, on link: Link, at now: Instant) {
        guard signed.signer == link.info.peer, let beacon = try? Beacon.verified(signed) else { return }
        if let remote = link.info.remote { heard(beacon, from: link.info.peer, at: remote, now: now) }
        // An admission link that served to look at a seed has done its work, on both sides.
        if link.info.purpose == .admission, link.info.isOutbound,
            !joins.values.contains(where: { $0.link == link.info.id })
        {
            links[link.info.id] = nil
            effects.append(.closeLink(link.info.id, reason: "seen"))
        }
    }
}
