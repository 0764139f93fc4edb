import Identity
import Wire

// Who belongs, and who is linked.

extension Gossip {
    /// The members of the agreed config. All others are strangers: nothing of theirs is taken, nothing about them
    /// believed. A new member counts as alive until a probe says otherwise, in an incarnation below every real one.
    public mutating func rosterChanged(_ roster: [PeerID], at now: Instant) {
        noticeSleep(at: now)
        let sorted = roster.sorted()
        var before = members
        var after = SortedMap<PeerID, Member>()
        var added: [PeerID] = []
        for peer in sorted where peer != own && after.keys.last != peer {
            if let member = before[peer] {
                after[peer] = member
            } else {
                after[peer] = Member(by: own)
                added.append(peer)
            }
        }
        before.removeAll { peer, _ in after[peer] != nil }
        members = after
        for peer in before.keys { forget(peer) }
        if !before.isEmpty { store.keep { $0 == own || after[$0] != nil } }
        for peer in added { round.insert(peer, using: &random) }
        guard !added.isEmpty || !before.isEmpty else { return }
        exchange.fruitless = 0
        catchUp(with: now)
        stir(at: now)
        for peer in added where links[peer] != nil { greet(peer, at: now) }
    }

    private mutating func forget(_ peer: PeerID) {
        round.remove(peer)
        deadRound.remove(peer)
        rumours.remove(peer)
        news.remove(peer)
        latest.removeAll { $0.owner == peer }
        probes.removeAll { $0.target == peer }
        relays.removeAll { $0.target == peer || $0.requester == peer }
        suspicions[peer] = nil
        findNextVerdict()
    }

    /// A link over which gossip may travel. Both sides tell what they hold in one number, so that what differs is
    /// exchanged at once.
    public mutating func linkOpened(_ peer: PeerID, at now: Instant) {
        noticeSleep(at: now)
        guard peer != own, links.count < 2 * Limits.members || links[peer] != nil else { return }
        links[peer] = LinkState()
        guard members[peer] != nil, !hasLeft else { return }
        heardFrom(peer, at: now)
        greet(peer, at: now)
    }

    public mutating func linkClosed(_ peer: PeerID, at now: Instant) {
        links[peer] = nil
        members.update(peer) {
            $0.silentDatagrams = 0
            $0.pingsOverLink = 0
        }
    }

    private mutating func greet(_ peer: PeerID, at now: Instant) {
        // What has gone wrong since, or before, this peer started: whoever is not alive.
        let doubted = (suspicions.keys + deadRound.peers).prefix(Limits.rumours / 2).compactMap { rumour(about: $0) }
        send(.news, to: peer, over: .link, directed: doubted, at: now)
    }
}
