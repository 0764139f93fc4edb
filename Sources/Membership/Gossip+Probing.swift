import Identity
import Wire

// Probes: pings, pings through others, and what follows from silence.

extension Gossip {
    /// Relays under way; more are not taken. Each is a request of a member, and there is one a period and member at
    /// most.
    private static let relaysMax = 64
    /// Probes under way: one begins a period, and each ends within a few.
    private static let probesMax = 32

    public mutating func passTime(at now: Instant) {
        guard !hasLeft else { return }
        noticeSleep(at: now)
        advanceProbes(at: now)
        advanceRelays(at: now)
        endSuspicions(at: now)
        if nextProbe <= now { probeNext(at: now) }
        if nextDeadProbe <= now { probeDead(at: now) }
        if let due = pushDue, due <= now { push(at: now) }
    }

    private mutating func probeNext(at now: Instant) {
        lastProbe = now
        defer { nextProbe = now.advanced(by: period(at: now)) }
        guard let target = round.take(using: &random) else { return }
        var probe = Probe(
            target: target, sequence: nextSequence(), sent: now,
            deadline: now.advanced(by: allowing(settings.directTimeout)), byDatagram: false, byLink: false)
        let kind = GossipMessage.Kind.ping(sequence: probe.sequence)
        if path(to: target) == .link {
            probe.byLink = true
            members.update(target) { $0.pingsOverLink += 1 }
            if members[target].map({ $0.pingsOverLink >= settings.datagramTrialPings }) == true {
                members.update(target) { $0.pingsOverLink = 0 }
                probe.byDatagram = true
                send(kind, to: target, over: .datagram, at: now)
            }
            send(kind, to: target, over: .link, at: now)
        } else {
            probe.byDatagram = true
            send(kind, to: target, over: .datagram, at: now)
        }
        if probes.count < Self.probesMax { probes.append(probe) }
        gossip(besides: target, at: now)
    }

    /// While there is something to tell, a few members beside the probed one hear it.
    private mutating func gossip(besides target: PeerID, at now: Instant) {
        guard !rumours.isEmpty || !news.isEmpty else { return }
        spread(to: settings.periodFanout, except: target, at: now)
    }

    /// One of the dead is asked whether it is back. Its answer, and already a message of its, carries its incarnation.
    private mutating func probeDead(at now: Instant) {
        nextDeadProbe = now.advanced(by: settings.deadProbePeriod)
        guard let target = deadRound.take(using: &random) else { return }
        send(.ping(sequence: nextSequence()), to: target, over: path(to: target), at: now)
    }

    private mutating func nextSequence() -> UInt32 {
        sequence &+= 1
        return sequence
    }

    // MARK: Silence

    private mutating func advanceProbes(at now: Instant) {
        guard probes.contains(where: { $0.deadline <= now }) else { return }
        let due = probes.filter { $0.deadline <= now }
        probes.removeAll { $0.deadline <= now }
        for probe in due {
            if wasHeard(probe) {
                // Alive, whatever became of the ping.
                succeed(probe, over: nil)
            } else if probe.isIndirect {
                fail(probe, at: now)
            } else {
                askOthers(probe, at: now)
            }
        }
    }

    private func wasHeard(_ probe: Probe) -> Bool {
        guard settings.isLifeguardOn, let heard = members[probe.target]?.lastHeard else { return false }
        return heard >= probe.sent
    }

    private mutating func askOthers(_ probe: Probe, at now: Instant) {
        stir(at: now)
        var probe = probe
        probe.isIndirect = true
        probe.deadline = now.advanced(by: allowing(settings.indirectTimeout))
        let known = members
        probe.helpers = round.draw(settings.indirectProbes, using: &random) {
            $0 != probe.target && known[$0]?.liveness == .alive
        }
        for helper in probe.helpers {
            send(
                .pingRequest(sequence: probe.sequence, target: probe.target), to: helper, over: path(to: helper),
                at: now)
        }
        if links[probe.target] != nil, !probe.byLink {
            probe.byLink = true
            send(.ping(sequence: probe.sequence), to: probe.target, over: .link, at: now)
        }
        probes.append(probe)
    }

    private mutating func fail(_ probe: Probe, at now: Instant) {
        guard let member = members[probe.target], member.liveness != .dead else { return }
        // Helpers that said nothing at all: this peer's own ears may be at fault.
        worsenHealth(by: probe.helpers.isEmpty ? 1 : probe.helpers.count - probe.nacks.count)
        merge(Rumour(about: probe.target, incarnation: member.incarnation, liveness: .suspect, by: own), at: now)
        guard settings.isLifeguardOn else { return }
        warn(probe.target, over: .datagram, at: now)
        if links[probe.target] != nil { warn(probe.target, over: .link, at: now) }
    }

    private mutating func succeed(_ probe: Probe, over path: Path?) {
        improveHealth()
        members.update(probe.target) {
            switch path {
            case .datagram: $0.silentDatagrams = 0
            case .link, nil: if probe.byDatagram { $0.silentDatagrams += 1 }
            }
        }
    }

    // MARK: Answers

    mutating func acknowledged(_ number: UInt32, by sender: PeerID, over path: Path, at now: Instant) {
        if let place = probes.firstIndex(where: { $0.sequence == number && $0.target == sender }) {
            succeed(probes.remove(at: place), over: path)
        } else if let place = probes.firstIndex(where: { $0.sequence == number && $0.helpers.contains(sender) }) {
            let probe = probes.remove(at: place)
            succeed(probe, over: nil)
            members.update(probe.target) { $0.lastHeard = now }
        } else if let place = relays.firstIndex(where: { $0.sequence == number && $0.target == sender }) {
            let relay = relays.remove(at: place)
            send(.ack(sequence: relay.theirSequence), to: relay.requester, over: relay.path, at: now)
        }
    }

    mutating func notAcknowledged(_ number: UInt32, by sender: PeerID) {
        guard let place = probes.firstIndex(where: { $0.sequence == number }) else { return }
        guard probes[place].helpers.contains(sender), !probes[place].nacks.contains(sender) else { return }
        probes[place].nacks.append(sender)
    }

    /// Somebody wants to know whether this peer can reach another.
    mutating func asked(
        by requester: PeerID, _ number: UInt32, target: PeerID, over path: Path, at now: Instant
    ) {
        guard target != requester, relays.count < Self.relaysMax else { return }
        if target == own {
            send(.ack(sequence: number), to: requester, over: path, at: now)
            return
        }
        guard members[target] != nil else { return }
        let relay = Relay(
            requester: requester, theirSequence: number, target: target, sequence: nextSequence(), path: path,
            deadline: now.advanced(by: settings.nackTimeout))
        relays.append(relay)
        send(.ping(sequence: relay.sequence), to: target, over: self.path(to: target), at: now)
    }

    private mutating func advanceRelays(at now: Instant) {
        guard relays.contains(where: { $0.deadline <= now }) else { return }
        let due = relays.filter { $0.deadline <= now }
        relays.removeAll { $0.deadline <= now }
        guard settings.isLifeguardOn else { return }
        for relay in due { send(.nack(sequence: relay.theirSequence), to: relay.requester, over: relay.path, at: now) }
    }
}
