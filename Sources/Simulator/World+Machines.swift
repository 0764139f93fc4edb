import Identity
import MeshCore
import NetworkConfig
import Wire

// Switching on and off.

extension World {
    public func start(_ index: Int) {
        let host = hosts[index]
        precondition(!host.isOn, "machine \(index) is on already")
        if host.isGone { return }
        let stored: [Disk.StoredFile]
        do {
            stored = try host.disk.stored()
        } catch {
            violated(
                "certificate", "machine \(index) cannot read what it wrote of \(error.network.short): \(error.why)",
                [index])
            return
        }
        host.life += 1
        host.hasPower = true
        host.isPaused = false
        host.disk.epoch += 1
        host.computeFree = now
        host.loaderFree = now
        host.diskFree = now
        host.wakePlanned = nil
        host.inbox = Inbox()
        host.core = MeshCore(
            signer: host.key, settings: host.settings, epoch: host.disk.epoch, seed: random.next(),
            networks: stored.map { StoredNetwork(ledger: $0.ledger, raft: $0.raft) },
            heldPieces: host.disk.pieces.keys.sorted(), now: time(of: host).instant)
        trace.note(.does, .machine("starts", 110, host.disk.epoch), by: index, at: now)
        checks?.started(host, with: stored, in: self)
        resetHalfOpenLinks(to: host)
        reachChanged(host)
        feed(host, .addressesChanged([host.endpoint]))
    }

    public func startAll() { for host in hosts where !host.isOn && !host.isPuppet { start(host.index) } }

    /// The process is killed: what is not on disk is lost, and others see their connections reset, where packets pass.
    public func crash(_ index: Int) { end(hosts[index], .killed) }

    /// Stopped in good order: the core is told, what it still has to say goes out, and then the process ends.
    public func stop(_ index: Int) {
        let host = hosts[index]
        guard host.isOn else { return }
        feed(host, .stopping)
        later(host, times.farewell) { [self] in end(host, .stopped) }
    }

    public enum End {
        /// In good order: everything that was begun is written first.
        case stopped
        case killed
        /// Nobody is told, and whoever dials gets no answer.
        case powerLost
    }

    public func end(_ host: Host, _ end: End) {
        guard host.isOn else { return }
        trace.note(.does, .machine(end == .stopped ? "stops" : "dies", 111), by: host.index, at: now)
        let inFlight = host.disk.inFlight.count
        let kept = end == .stopped ? inFlight : Int(draw(below: Int64(inFlight) + 1))
        if kept < inFlight { coverage.reached("writes lost") }
        host.disk.losePower(keeping: kept)
        checks?.ended(host, in: self)
        host.life += 1
        host.core = nil
        host.hasPower = end != .powerLost
        host.isPaused = false
        let links = host.orderedLinks
        host.links = [:]
        for link in links {
            link.pipe.ends[link.end].isOpen = false
            if end != .powerLost {
                tellEnd(
                    of: link.pipe, from: link.end,
                    reason: end == .stopped ? "the peer closed the link" : "the connection was reset")
            }
            silenceChanged(link.pipe)
        }
        host.inbox = Inbox()
        host.openParts = [:]
        host.memory = SortedMap()
        host.caches = [:]
    }

    // MARK: Pauses

    /// Everything on the machine stands still. What arrives waits, or is lost.
    public func pause(_ index: Int) {
        let host = hosts[index]
        guard host.isOn, !host.isPaused else { return }
        host.isPaused = true
        host.pausedAt = now
        reachChanged(host)
    }

    /// Goes on where it stood still. `sleeping` machines' monotonic clocks have not gone on meanwhile.
    public func resume(_ index: Int, sleeping: Bool) {
        let host = hosts[index]
        guard host.isPaused else { return }
        host.isPaused = false
        if sleeping { host.clockOffset -= now.since(host.pausedAt).nanoseconds }
        // What it was computing and writing takes up where it was.
        reachChanged(host)
        drain(host)
        wakeNow(host)
    }

    // MARK: Wishes of tests

    /// A file of the model is on this host.
    public func give(_ model: FakeModel, to index: Int) {
        for (digest, bytes) in model.pieces { hosts[index].disk.pieces[digest] = bytes }
        guard hosts[index].isOn else { return }
        for digest in model.pieces.keys.sorted() { feed(hosts[index], .pieceStored(digest)) }
    }
}
