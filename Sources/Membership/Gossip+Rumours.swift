import Identity
import Wire

// What is believed of the others, and how it grows.

extension Gossip {
    /// What a rumour was to this peer.
    enum Belief {
        case adopted, known
        /// The other knows less than this peer.
        case stale
    }

    /// What this peer would say of another.
    func rumour(about peer: PeerID) -> Rumour? {
        if peer == own { return Rumour(about: own, incarnation: incarnation, liveness: liveness(of: own), by: own) }
        return members[peer]?.rumour(about: peer)
    }

    /// Takes what a rumour adds to what is believed. Of two the one with the higher incarnation holds, of equal ones
    /// the worse: the outcome does not depend on the order in which they come, nor on how often.
    @discardableResult
    mutating func merge(_ rumour: Rumour, at now: Instant) -> Belief {
        if rumour.about == own { return defend(against: rumour, at: now) }
        guard let member = members[rumour.about] else { return .known }
        // A later life than any that the member has given proof of: it will speak for itself, and a liar's word for its death there
        // could never be refuted.
        let proven = provenEpoch(of: rumour.about, member)
        guard proven == 0 || rumour.incarnation.epoch <= proven || mutated(.rumourOfUnprovenLife) else {
            return .known
        }
        if mutated(.deathNotRecordedAtHigherIncarnation), member.liveness == .dead, rumour.liveness == .dead {
            return .known
        }
        let held = (member.incarnation, member.liveness)
        if mutated(.versionMergeByAssignment) ? held != (rumour.incarnation, rumour.liveness) : rumour.exceeds(held) {
            believe(rumour, instead: member, at: now)
            return .adopted
        }
        guard held == (rumour.incarnation, rumour.liveness) else { return .stale }
        if rumour.liveness == .suspect { confirm(rumour, at: now) }
        return .known
    }

    /// The latest life that the member itself has spoken of, in a record or to this peer; zero where it has not.
    private func provenEpoch(of peer: PeerID, _ member: Member) -> UInt64 {
        max(member.heardEpoch, store.record(of: peer)?.version.epoch ?? 0)
    }

    private mutating func believe(_ rumour: Rumour, instead member: Member, at now: Instant) {
        let (peer, before) = (rumour.about, member.liveness)
        members.update(peer) {
            $0.incarnation = rumour.incarnation
            $0.liveness = rumour.liveness
            $0.by = rumour.by
            if rumour.liveness == .dead { $0.lastTold = nil }
        }
        if before == .suspect || rumour.liveness == .suspect {
            suspicions[peer] = rumour.liveness == .suspect ? suspicion(by: rumour.by, at: now) : nil
            findNextVerdict()
        }
        if before != rumour.liveness {
            catchUp(with: now)
            if rumour.liveness == .dead {
                round.remove(peer)
                deadRound.insert(peer, using: &random)
                probes.removeAll { $0.target == peer }
            } else if before == .dead {
                deadRound.remove(peer)
                round.insert(peer, using: &random)
                // Where one comes back others may have too: a partition heals.
                nextDeadProbe = min(nextDeadProbe, now.advanced(by: settings.period))
            }
            actions.append(.livenessChanged(peer, rumour.liveness))
        }
        // That a member is simply there everybody finds out without being told.
        if member.incarnation != .zero || rumour.liveness != .alive || before != .alive { tell(about: peer, at: now) }
        stir(at: now)
    }

    private func suspicion(by first: PeerID, at now: Instant) -> Suspicion {
        let least = settings.suspicionMinimum(members: memberCount)
        let expected = min(settings.suspicionConfirmations, memberCount - 2)
        return settings.isLifeguardOn
            ? Suspicion(
                by: first, at: now, minimum: least, maximum: least.scaled(by: settings.suspicionStretch),
                expected: expected)
            : Suspicion(by: first, at: now, minimum: least, maximum: least, expected: 0)
    }

    private mutating func confirm(_ rumour: Rumour, at now: Instant) {
        guard rumour.by == own || members[rumour.by] != nil, rumour.by != rumour.about else { return }
        var isNew = false
        suspicions.update(rumour.about) { isNew = $0.confirm(by: rumour.by) }
        guard isNew else { return }
        // The others are to count this one too.
        members.update(rumour.about) { $0.by = rumour.by }
        findNextVerdict()
        tell(about: rumour.about, at: now)
    }

    /// Answers what is said of this peer itself.
    private mutating func defend(against rumour: Rumour, at now: Instant) -> Belief {
        let claimed = rumour.incarnation
        if claimed.epoch > incarnation.epoch {
            claimedEpoch(claimed.epoch)
            return .known
        }
        guard rumour.liveness != .alive, claimed >= incarnation, !hasLeft, !mutated(.noRefutation) else {
            return claimed < incarnation ? .stale : .known
        }
        // A count at the limit cannot be exceeded; only a liar names one.
        guard claimed.count < Limits.counter else { return .known }
        incarnation = Incarnation(
            epoch: incarnation.epoch, count: mutated(.incarnationResetOnRefute) ? 0 : claimed.count + 1)
        worsenHealth(by: 1)
        tell(about: own, at: now)
        stir(at: now)
        return .stale
    }

    /// This peer lives on under another epoch, which is on disk.
    public mutating func beginLife(_ epoch: UInt64, at now: Instant) {
        guard epoch > incarnation.epoch else { return }
        incarnation = Incarnation(epoch: epoch, count: 0)
        exceededBy = max(exceededBy, epoch)
        tell(about: own, at: now)
        stir(at: now)
    }

    mutating func claimedEpoch(_ epoch: UInt64) {
        guard epoch > exceededBy else { return }
        exceededBy = epoch
        actions.append(.ownEpochExceeded(epoch))
    }

    /// A member was heard itself, in this incarnation of its.
    mutating func hear(_ peer: PeerID, in heard: Incarnation, at now: Instant) {
        guard let member = members[peer] else { return }
        if heard.epoch > member.heardEpoch { members.update(peer) { $0.heardEpoch = heard.epoch } }
        if disbelieveUnproven(peer, alive: heard, at: now) { return prove(peer, at: now) }
        if heard > member.incarnation || (mutated(.versionMergeByAssignment) && heard != member.incarnation) {
            merge(Rumour(about: peer, incarnation: heard, liveness: .alive, by: peer), at: now)
        }
        guard heard >= member.incarnation else { return }
        prove(peer, at: now)
    }

    /// What was believed of a member before there was any proof may be of a life that never began, where a liar told of it: it gives
    /// way to a life that is proven. Otherwise nothing true could ever be said of that member again. False where nothing gave way.
    @discardableResult
    mutating func disbelieveUnproven(_ peer: PeerID, alive life: Incarnation, at now: Instant) -> Bool {
        guard let member = members[peer], member.incarnation.epoch > provenEpoch(of: peer, member),
            !mutated(.rumourOfUnprovenLife)
        else { return false }
        believe(Rumour(about: peer, incarnation: life, liveness: .alive, by: peer), instead: member, at: now)
        return true
    }

    private mutating func prove(_ peer: PeerID, at now: Instant) {
        members.update(peer) { $0.lastHeard = now }
        guard settings.isLifeguardOn, suspicions[peer] != nil else { return }
        // It lives, and has only to hear that it is thought dead.
        suspicions.update(peer) { $0.postpone(from: now) }
        findNextVerdict()
    }

    /// Any authenticated frame on a link: its sender lives, in the life to which the link belongs. It is told what is
    /// said of it, since only its own word ends a suspicion for everybody.
    public mutating func heardFrom(_ peer: PeerID, at now: Instant) {
        guard !hasLeft, members[peer] != nil else { return }
        noticeSleep(at: now)
        prove(peer, at: now)
        warnWhereDue(peer, over: .link, at: now)
    }

    /// Warns a member that has just been heard, once a period at most.
    mutating func warnWhereDue(_ peer: PeerID, over path: Path, at now: Instant) {
        guard let member = members[peer], member.liveness != .alive else { return }
        if let told = member.lastTold, now < told.advanced(by: settings.period) { return }
        warn(peer, over: path, at: now)
    }

    /// Tells a member that it is thought suspect or dead.
    mutating func warn(_ peer: PeerID, over path: Path, at now: Instant) {
        guard let rumour = rumour(about: peer), rumour.liveness != .alive else { return }
        members.update(peer) { $0.lastTold = now }
        send(.news, to: peer, over: path, directed: [rumour], at: now)
    }

    /// Suspicions that nobody refuted in time.
    mutating func endSuspicions(at now: Instant) {
        guard nextVerdict <= now, !mutated(.suspicionNeverExpires) else { return }
        for (peer, suspicion) in suspicions.pairs where suspicion.deadline <= now {
            guard let member = members[peer] else { continue }
            merge(Rumour(about: peer, incarnation: member.incarnation, liveness: .dead, by: own), at: now)
        }
    }

    mutating func findNextVerdict() {
        nextVerdict = mutated(.suspicionNeverExpires) ? .never : suspicions.values.map(\.deadline).min() ?? .never
    }

    /// Says farewell: this peer is dead by its own word, at once.
    public mutating func leave(at now: Instant) {
        guard !hasLeft else { return }
        hasLeft = true
        guard let farewell = rumour(about: own) else { return }
        for peer in round.draw(2 * settings.retransmits(members: memberCount), using: &random, where: { _ in true }) {
            send(.news, to: peer, over: path(to: peer), directed: [farewell], at: now)
        }
    }
}

extension Rumour {
    fileprivate func exceeds(_ held: (Incarnation, Liveness)) -> Bool { (incarnation, liveness) > held }
}

extension Member {
    func rumour(about peer: PeerID) -> Rumour {
        Rumour(about: peer, incarnation: incarnation, liveness: liveness, by: by)
    }
}
