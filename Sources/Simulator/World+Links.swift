import Identity
import MeshCore
import Wire

// Links: dialling, streams, and how they end.

extension World {
    /// Frames that wait on a link before it is taken for a core that never stops sending.
    static let waitingMax = 20_000

    /// How long something takes to get from one machine to another.
    func delay(from: Int, to: Int) -> Interval {
        var nanoseconds = times.frame.nanoseconds
        if times.jitter.nanoseconds > 0 { nanoseconds += draw(below: times.jitter.nanoseconds) }
        let lateness = paths.lateness(from: from, to: to)
        if lateness > 0 { nanoseconds += lateness / 2 + draw(below: lateness / 2) }
        return Interval(nanoseconds: nanoseconds)
    }

    // MARK: Dialling

    func dial(_ endpoint: Endpoint, expecting: PeerID?, purpose: LinkInfo.Purpose, tag: DialTag, from host: Host) {
        let began = now
        func noAnswer() {
            let rest = max(0, times.dialTimeout.nanoseconds - now.since(began).nanoseconds)
            later(host, Interval(nanoseconds: rest)) { [self] in feed(host, .dialFailed(tag, reason: "no answer")) }
        }
        func isReachable(_ target: Host) -> Bool {
            target.hasPower && paths.pass(from: host.index, to: target.index)
                && paths.pass(from: target.index, to: host.index)
        }
        guard let target = hostAt[endpoint].map({ hosts[$0] }), isReachable(target) else { return noAnswer() }
        let way = times.dial.nanoseconds - 2 * times.frame.nanoseconds
        let there = delay(from: host.index, to: target.index).nanoseconds
        let back = delay(from: target.index, to: host.index).nanoseconds
        let needed = Interval(nanoseconds: max(way, 0) + there + back)
        guard needed < times.dialTimeout else { return noAnswer() }
        later(host, needed) { [self] in
            guard isReachable(target), hostAt[endpoint] == target.index, !target.isPaused else { return noAnswer() }
            func fail(_ reason: String) {
                later(host, times.frame) { [self] in feed(host, .dialFailed(tag, reason: reason)) }
            }
            guard target.isOn else { return fail("the connection was refused") }
            if target.isHung, purpose == .member { return noAnswer() }
            guard target !== host, expecting == nil || expecting == target.peer else {
                return fail("another peer answered")
            }
            guard target.withCore({ $0.accepts(host.peer, purpose: purpose) }) == true,
                host.withCore({ $0.accepts(target.peer, purpose: purpose) }) == true
            else { return fail("the peer is not welcome") }
            connect(host, target, purpose: purpose, tag: tag)
        }
    }

    func connect(_ host: Host, _ target: Host, purpose: LinkInfo.Purpose, tag: DialTag?) {
        host.lastLink += 1
        target.lastLink += 1
        let near = LinkID(host.lastLink)
        let far = LinkID(target.lastLink)
        let hello = now.advanced(by: delay(from: target.index, to: host.index))
        let pipe = Pipe(
            purpose: purpose,
            ends: [
                Pipe.End(
                    host: host, life: host.life, link: near,
                    earliest: hello.advanced(by: Interval(nanoseconds: 1))),
                Pipe.End(host: target, life: target.life, link: far, earliest: now, isAnnounced: true),
            ])
        host.links[near] = LinkEnd(pipe: pipe, end: 0)
        target.links[far] = LinkEnd(pipe: pipe, end: 1)
        // The server knows first; the client when the server's hello has arrived.
        feed(
            target,
            .linkOpened(
                LinkInfo(
                    id: far, peer: host.peer, purpose: purpose, isOutbound: false, remote: host.endpoint, dial: nil)))
        let life = host.life
        at(hello) { [self] in
            guard host.life == life else { return }
            guard pipe.ends[0].isOpen else {
                if let tag { feed(host, .dialFailed(tag, reason: "the connection broke")) }
                return
            }
            pipe.ends[0].isAnnounced = true
            feed(
                host,
                .linkOpened(
                    LinkInfo(
                        id: near, peer: target.peer, purpose: purpose, isOutbound: true, remote: target.endpoint,
                        dial: tag)))
        }
        silenceChanged(pipe)
    }

    // MARK: Streams

    func send(_ frame: Frame, on link: LinkID, from host: Host) {
        guard let end = host.links[link], end.pipe.ends[end.end].isOpen else { return }
        let far = 1 - end.end
        guard end.pipe.ends[far].isOpen else { return }
        if end.pipe.ends[far].waiting > World.waitingMax {
            violated("bounds", "machine \(host.index) has \(World.waitingMax) frames waiting on one link", [host.index])
            return drop(end.pipe, end.end, reason: "the peer does not take what it is sent")
        }
        meter?.sent(frame, from: host.index, to: end.pipe.ends[far].host.index)
        carry(.frame(frame), over: end.pipe, to: far)
    }

    private func carry(_ item: Pipe.Item, over pipe: Pipe, to end: Int) {
        let (from, to) = (pipe.ends[1 - end].host.index, pipe.ends[end].host.index)
        var nanoseconds = delay(from: from, to: to).nanoseconds
        var again = times.retransmission.nanoseconds
        while chance(loss), again < times.silence.nanoseconds {
            nanoseconds += again
            again *= 2
        }
        let arrival = max(now.advanced(by: Interval(nanoseconds: nanoseconds)), pipe.ends[end].earliest)
        pipe.ends[end].earliest = arrival
        pipe.ends[end].waiting += 1
        at(arrival) { [self] in
            pipe.ends[end].waiting -= 1
            guard pipe.ends[end].isOpen else { return }
            if pipe.ends[end].held.isEmpty, paths.pass(from: from, to: to) {
                take(item, from: pipe, at: end)
            } else {
                pipe.ends[end].held.append(item)
            }
        }
    }

    private func take(_ item: Pipe.Item, from pipe: Pipe, at end: Int) {
        let (host, link) = (pipe.ends[end].host, pipe.ends[end].link)
        switch item {
        case .end(let reason): drop(pipe, end, reason: reason)
        case .frame(let frame):
            guard host.isOn else { return }
            if case .pieceData = frame {
                // Pieces are handed over as they are: they are large, and nothing in them is decided by a core.
            } else if chance(codedShare) {
                return feedCoded(frame, on: link, to: host)
            }
            feed(host, .received(frame, on: link))
        }
    }

    private func feedCoded(_ frame: Frame, on link: LinkID, to host: Host) {
        do {
            let encoded = frame.encoded()
            if encoded.header.count > Limits.frameHeaderBytes || encoded.payload.count > Limits.framePayloadBytes {
                violated("bounds", "a frame to machine \(host.index) is over the limit", [host.index])
            }
            let read = try Frame(encoded)
            if read != frame {
                violated(
                    "coding", "a frame to machine \(host.index) reads differently: \(Mark(frame).name)", [host.index])
            }
            feed(host, .received(read, on: link))
        } catch {
            violated("coding", "a frame to machine \(host.index) cannot be read: \(error)", [host.index])
        }
    }

    // MARK: Ends

    /// What the core asked for: its own end is gone at once, the other one when it hears of it.
    func close(_ link: LinkID, of host: Host, reason: String) {
        guard let own = host.links[link] else { return }
        host.links[link] = nil
        own.pipe.ends[own.end].isOpen = false
        later(host, Interval(nanoseconds: 0)) { [self] in
            feed(host, .linkClosed(link, reason: "closed by this peer: \(reason)"))
        }
        tellEnd(of: own.pipe, from: own.end, reason: "the peer closed the link")
        silenceChanged(own.pipe)
    }

    /// The other end learns of the end after everything that was sent before; where nothing passes, silence tells it.
    func tellEnd(of pipe: Pipe, from end: Int, reason: String) {
        guard pipe.ends[1 - end].isOpen else { return }
        carry(.end(reason: reason), over: pipe, to: 1 - end)
    }

    /// An end gives up.
    func drop(_ pipe: Pipe, _ end: Int, reason: String) {
        guard pipe.ends[end].isOpen else { return }
        pipe.ends[end].isOpen = false
        let (host, link) = (pipe.ends[end].host, pipe.ends[end].link)
        tellEnd(of: pipe, from: end, reason: "the connection was reset")
        silenceChanged(pipe)
        guard host.links.removeValue(forKey: link) != nil, pipe.ends[end].isAnnounced else { return }
        feed(host, .linkClosed(link, reason: reason))
    }

    // MARK: Silence

    /// Whether packets pass, or whether machines are awake, has changed for this one.
    func reachChanged(_ host: Host) {
        for link in host.orderedLinks { silenceChanged(link.pipe) }
    }

    func silenceChanged(_ pipe: Pipe) {
        for end in 0...1 where pipe.ends[end].isOpen {
            let (near, far) = (pipe.ends[end].host, pipe.ends[1 - end])
            let passes = paths.pass(from: far.host.index, to: near.index)
            let isThere = far.isOpen && far.host.life == far.life && !far.host.isPaused
            let isLate = paths.lateness(from: far.host.index, to: near.index) / 2 > times.silence.nanoseconds
            if passes { release(pipe, end) }
            if passes, isThere, !isLate {
                pipe.ends[end].silentSince = nil
            } else if pipe.ends[end].silentSince == nil {
                pipe.ends[end].silentSince = now
                let began = now
                let patience = times.silence.nanoseconds + draw(below: times.silenceSpread.nanoseconds)
                after(Interval(nanoseconds: patience)) { [self] in
                    guard pipe.ends[end].isOpen, pipe.ends[end].silentSince == began else { return }
                    // Whoever sleeps notices nothing.
                    guard !near.isPaused else { return pipe.ends[end].silentSince = nil }
                    drop(pipe, end, reason: "nothing was heard for \(Int(times.silence.milliseconds)) ms")
                }
            }
        }
    }

    /// Asks for a sign of life: where none comes in time, the link is given up early.
    func probe(_ link: LinkID, of host: Host) {
        guard let own = host.links[link], own.pipe.ends[own.end].silentSince != nil else { return }
        let began = own.pipe.ends[own.end].silentSince
        later(host, times.probe) { [self] in
            guard own.pipe.ends[own.end].silentSince == began, !host.isPaused else { return }
            drop(own.pipe, own.end, reason: "nothing was heard when the peer was asked")
        }
    }

    /// What waited for a way goes on, in order.
    private func release(_ pipe: Pipe, _ end: Int) {
        guard !pipe.ends[end].held.isEmpty else { return }
        let items = pipe.ends[end].held
        pipe.ends[end].held = []
        for item in items { carry(item, over: pipe, to: end) }
    }

    /// A process has started on a machine: those who still believe in links with the one before are told at their next word.
    func resetHalfOpenLinks(to host: Host) {
        for other in hosts where other !== host {
            for link in other.orderedLinks {
                let far = link.pipe.ends[1 - link.end]
                guard far.host === host, far.life != host.life else { continue }
                carry(.end(reason: "the connection was reset"), over: link.pipe, to: link.end)
            }
        }
    }

    // MARK: What tests do to links

    /// All links, in the order of machines and of their making.
    var pipes: [Pipe] {
        hosts.flatMap { host in host.orderedLinks.filter { $0.end == 0 }.map(\.pipe) }
    }

    /// Breaks the link between two hosts; both may dial again at once.
    public func flap(_ one: Int, _ other: Int) {
        for pipe in pipes where pipe.purpose == .member && pipe.joins(one, other) {
            for end in 0...1 { drop(pipe, end, reason: "the connection broke") }
        }
    }

    /// Member links between two hosts that are open at both ends.
    public func links(between one: Int, _ other: Int) -> Int {
        pipes.count { $0.isWhole && $0.purpose == .member && $0.joins(one, other) }
    }

    /// A link that nobody dialled, for tests in which something other than a core speaks.
    public func connectDirectly(_ one: Int, to other: Int, purpose: LinkInfo.Purpose) {
        connect(hosts[one], hosts[other], purpose: purpose, tag: nil)
    }
}
