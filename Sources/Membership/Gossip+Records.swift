import Identity
import Wire

// Records: this peer's own, those that come, and what two members do whose summaries differ.

extension Gossip {
    /// This peer's new record, signed.
    public mutating func publish(_ signed: Signed, at now: Instant) {
        guard signed.signer == own, !hasLeft else { return }
        noticeSleep(at: now)
        switch Result(catching: { () throws(WireError) in try store.take(signed) }) {
        case .success(.news): learned(of: own, at: now)
        case .success(.known): break
        case .success(.older), .success(.equivocation):
            // Somebody else speaks under this peer's name, in this life of its or a later one.
            actions.append(.ownEpochExceeded(store.record(of: own)?.version.epoch ?? 0))
        case .failure(let error): actions.append(.recordRefused("\(error)"))
        }
    }

    private mutating func learned(of owner: PeerID, at now: Instant) {
        news.add(owner)
        latest.removeAll { $0.owner == owner }
        exchange.fruitless = 0
        schedulePush(at: now)
        stir(at: now)
        if let record = store.signed(of: owner) { pushOverLinks(record, at: now) }
    }

    /// Takes records that a member sent. Those of strangers are left, whoever sends them.
    mutating func take(_ records: [Signed], at now: Instant) {
        for signed in records.prefix(Limits.gossipRecords) {
            let owner = signed.signer
            guard owner == own || members[owner] != nil || mutated(.strangersRecordsTaken) else { continue }
            do throws(WireError) {
                switch try store.take(signed) {
                case .news(let record): took(record, of: owner, at: now)
                case .known, .older: break
                case .equivocation(let owner, let version): equivocated(owner, version, signed)
                }
            } catch {
                // One sentence a message is enough, however many records in it are bad.
                actions.append(.recordRefused("\(owner.short): \(error)"))
                return
            }
        }
    }

    private mutating func took(_ record: PeerRecord, of owner: PeerID, at now: Instant) {
        learned(of: owner, at: now)
        if owner == own {
            // An earlier life's record is what others still hold after a restart. This life's would have been known.
            let epoch = record.version.epoch
            if epoch >= incarnation.epoch {
                exceededBy = max(exceededBy, epoch)
                actions.append(.ownEpochExceeded(epoch))
            }
            return
        }
        actions.append(.news(owner, record))
        // It is proof of that life: what is said of an earlier one does not count any more, nor does what was believed, before there
        // was any proof, of a later one that never began.
        let life = Incarnation(epoch: record.version.epoch, count: 0)
        if let member = members[owner], life.epoch > member.incarnation.epoch {
            merge(Rumour(about: owner, incarnation: life, liveness: .alive, by: owner), at: now)
        } else {
            disbelieveUnproven(owner, alive: life, at: now)
        }
    }

    private mutating func equivocated(_ owner: PeerID, _ version: RecordVersion, _ other: Signed) {
        guard let held = store.signed(of: owner) else { return }
        let reported = owner == own ? ownEquivocation : members[owner]?.equivocated ?? .none
        guard reported < version else { return }
        if owner == own { ownEquivocation = version }
        members.update(owner) { $0.equivocated = version }
        actions.append(.equivocation(owner, version, proof: .init(held: held, other: other)))
    }

    // MARK: Differences

    /// Compares what the sender holds with what this peer holds now, after all that came with the message.
    mutating func compare(_ message: GossipMessage, from sender: PeerID, over path: Path, at now: Instant) {
        if let digest = message.digest, digest.first <= digest.last {
            answer(digest, to: sender, over: path, at: now)
            return
        }
        guard message.summary != store.summary else {
            let known = news.countAll(limit: settings.retransmits(members: memberCount))
            for owner in known { remember(owner, at: now) }
            return
        }
        let isGreeting = path == .link && links[sender]?.hasCompared == false
        if isGreeting { links.update(sender) { $0.hasCompared = true } }
        // Of two who see that they differ, the one who asked first takes it up.
        guard isGreeting || message.kind.isAnswer else { return }
        if exchange.fruitless < 4 { stir(at: now) }
        guard isGreeting || exchange.next <= now else { return }
        ask(sender, over: isGreeting ? .link : self.path(to: sender), at: now)
    }

    private mutating func ask(_ peer: PeerID, over path: Path, at now: Instant) {
        let doubled = settings.exchangePeriod.times(1 << min(exchange.fruitless, 8))
        exchange.next = now.advanced(by: min(doubled, settings.exchangeBackoff))
        exchange.fruitless += 1
        let bytes = room(for: .news, over: path)
        let digest = store.digest(from: exchange.cursor, bytes: bytes, asks: true)
        exchange.cursor = store.following(digest)
        send(.news, to: peer, over: path, digest: digest, answers: true, at: now)
    }

    /// Sends what the other lacks, and asks for what this peer lacks by telling it what it has.
    private mutating func answer(_ digest: RecordDigest, to peer: PeerID, over path: Path, at now: Instant) {
        let delta = store.delta(for: digest)
        if !delta.isEmpty {
            exchange.fruitless = 0
            stir(at: now)
            send(delta, to: peer, over: path, at: now)
        }
        guard digest.asks, store.isBehind(digest) else { return }
        let mine = store.digest(of: digest, bytes: room(for: .news, over: path))
        send(.news, to: peer, over: path, digest: mine, at: now)
    }

    /// Sends records in as few messages as they fit, and no more than a few. What is too long for a datagram goes over
    /// the link.
    private mutating func send(_ delta: [Signed], to peer: PeerID, over path: Path, at now: Instant) {
        var messages = 0
        var (batch, left): ([Signed], Int) = ([], room(for: .news, over: path))
        func flush(_ gossip: inout Gossip) {
            if !batch.isEmpty { gossip.send(.news, to: peer, over: path, delta: batch, at: now) }
            (batch, left) = ([], gossip.room(for: .news, over: path))
            messages += 1
        }
        for record in delta {
            let bytes = record.estimatedGossipBytes
            if bytes > room(for: .news, over: path) {
                if path == .datagram, links[peer] != nil {
                    send(.news, to: peer, over: .link, delta: [record], at: now)
                }
                continue
            }
            if bytes > left || batch.count == Limits.gossipRecords { flush(&self) }
            guard messages < Self.deltaMessages else { return }
            batch.append(record)
            left -= bytes
        }
        flush(&self)
    }

    private static let deltaMessages = 4
}

extension GossipMessage.Kind {
    var isAnswer: Bool {
        if case .ack = self { true } else { false }
    }
}
