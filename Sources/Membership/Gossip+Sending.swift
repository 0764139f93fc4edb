import Identity
import Wire

// What goes into a message, and to whom.

extension Gossip {
    /// Over the link where datagrams have not passed for a while.
    func path(to peer: PeerID) -> Path {
        guard links[peer] != nil, let member = members[peer] else { return .datagram }
        return member.silentDatagrams >= settings.silentDatagramsMax ? .link : .datagram
    }

    /// Puts a message together and sends it: what it is for, then rumours and records while there is room, told least
    /// first. One that `answers` goes to a member whose summary has come this moment.
    mutating func send(
        _ kind: GossipMessage.Kind, to peer: PeerID, over path: Path, directed: [Rumour] = [],
        digest: RecordDigest? = nil, delta: [Signed] = [], answers: Bool = false, at now: Instant
    ) {
        var left = path == .datagram ? settings.datagramBytes : settings.linkBytes
        left -= GossipMessage.frameBytes(kind) + (digest?.estimatedBytes ?? 0)
        for record in delta { left -= record.estimatedGossipBytes }
        var told = directed
        for rumour in directed { left -= rumour.estimatedBytes }
        // Whoever is thought suspect or dead hears it first.
        if let doubted = rumour(about: peer), !told.contains(doubted),
            doubted.liveness == .dead || (doubted.liveness == .suspect && settings.isLifeguardOn)
        {
            told.append(doubted)
            left -= doubted.estimatedBytes
        }
        told += takeRumours(room: &left, besides: told, to: peer)
        let records = delta.isEmpty ? takeRecords(room: &left, to: peer, answers: answers, at: now) : delta
        let message = GossipMessage(
            kind: kind, incarnation: incarnation, rumours: told, summary: store.summary, digest: digest,
            records: records)
        actions.append(.send(message, to: peer, over: path))
    }

    private mutating func takeRumours(room: inout Int, besides told: [Rumour], to receiver: PeerID) -> [Rumour] {
        guard !rumours.isEmpty else { return [] }
        // Records must not starve beside a storm of rumours.
        var left = news.isEmpty ? room : room * 2 / 3
        var taken: [Rumour] = []
        let before = left
        let (own, members, ofOwn) = (own, members, self.rumour(about: own))
        _ = rumours.take(limit: settings.retransmits(members: memberCount)) { peer in
            guard taken.count + told.count < Limits.rumours,
                let rumour = peer == own ? ofOwn : members[peer]?.rumour(about: peer),
                rumour.estimatedBytes <= left, !told.contains(rumour)
            else { return .skip }
            left -= rumour.estimatedBytes
            taken.append(rumour)
            return .send
        }
        room -= before - left
        return taken
    }

    private mutating func takeRecords(
        room: inout Int, to receiver: PeerID, answers: Bool, at now: Instant
    ) -> [Signed] {
        let theirs = members[receiver]?.summary
        // Whoever holds the same versions needs none.
        guard theirs != store.summary else { return [] }
        var taken: [Signed] = []
        var left = room
        if !news.isEmpty {
            let store = self.store
            let finished = news.take(limit: settings.retransmits(members: memberCount)) { owner in
                guard owner != receiver, taken.count < Limits.gossipRecords, let record = store.signed(of: owner),
                    record.estimatedGossipBytes <= left
                else { return .skip }
                left -= record.estimatedGossipBytes
                taken.append(record)
                return .send
            }
            for owner in finished { remember(owner, at: now) }
        }
        if answers {
            // It has just shown that it holds something else, and what it lacks is most likely what came last.
            for told in latest.reversed() where now < told.at.advanced(by: Self.latestAge) && told.owner != receiver {
                guard let record = store.signed(of: told.owner), record.estimatedGossipBytes <= left,
                    taken.count < Limits.gossipRecords, !taken.contains(where: { $0.signer == told.owner })
                else { continue }
                left -= record.estimatedGossipBytes
                taken.append(record)
            }
        }
        room = left
        return taken
    }

    private static let latestMax = 4
    private static let latestAge = Interval.seconds(5)

    mutating func remember(_ owner: PeerID, at now: Instant) {
        latest.removeAll { $0.owner == owner }
        latest.append(Told(owner: owner, at: now))
        if latest.count > Self.latestMax { latest.removeFirst() }
    }

    // MARK: Pushing

    /// There is something to tell about this member.
    mutating func tell(about peer: PeerID, at now: Instant) {
        rumours.add(peer)
        schedulePush(at: now)
    }

    mutating func schedulePush(at now: Instant) {
        pushDue = min(pushDue ?? .never, max(now, lastPush.advanced(by: settings.pushInterval)))
    }

    /// Tells a few members what was learned, without waiting for the next period.
    mutating func push(at now: Instant) {
        pushDue = nil
        lastPush = now
        spread(to: settings.pushFanout, except: nil, at: now)
    }

    mutating func spread(to count: Int, except: PeerID?, at now: Instant) {
        let onlyRecords = rumours.isEmpty
        let (view, summary) = (members, store.summary)
        let receivers = round.draw(count, using: &random) { peer in
            guard peer != except, let member = view[peer] else { return false }
            return !onlyRecords || member.summary != summary
        }
        for peer in receivers where !rumours.isEmpty || !news.isEmpty {
            send(.news, to: peer, over: path(to: peer), at: now)
        }
    }

    /// A record too long for any datagram: a few members hear of it over their links at once, the others by digests.
    mutating func pushOverLinks(_ record: Signed, at now: Instant) {
        guard record.estimatedGossipBytes > room(for: .news, over: .datagram) else { return }
        let (view, linked, summary) = (members, links, store.summary)
        let receivers = round.draw(settings.pushFanout, using: &random) {
            $0 != record.signer && linked[$0] != nil && view[$0]?.summary != summary
        }
        for peer in receivers { send(.news, to: peer, over: .link, delta: [record], at: now) }
    }

    /// Bytes for what a message is about, beside what its receiver may have to hear of itself.
    func room(for kind: GossipMessage.Kind, over path: Path) -> Int {
        let bytes = path == .datagram ? settings.datagramBytes : settings.linkBytes
        return bytes - GossipMessage.frameBytes(kind) - Rumour.bytesMax
    }
}
