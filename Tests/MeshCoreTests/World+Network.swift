import Chain
import Identity
import MeshCore
import Testing
import Wire

/// A connection between two hosts. End 0 dialled.
final class Pipe {
    struct End {
        let host: Host
        let link: LinkID
        /// Frames towards this end arrive in order: none before this time.
        var busyUntil: Instant
        var isOpen = true
        /// Frames towards this end that wait for the cable.
        var held: [Frame] = []
    }

    let purpose: LinkInfo.Purpose
    var ends: [End]
    /// Whether frames still move.
    var isOpen = true
    var silentSince: Instant?

    init(purpose: LinkInfo.Purpose, ends: [End]) {
        self.purpose = purpose
        self.ends = ends
    }
}

extension World {
    /// Whether packets pass between two hosts.
    func isReachable(_ one: Int, _ other: Int) -> Bool {
        cables.contains(one) && cables.contains(other) && !walls.contains([min(one, other), max(one, other)])
    }

    func delay() -> Interval {
        guard times.jitter.nanoseconds > 0 else { return times.frame }
        return Interval(nanoseconds: times.frame.nanoseconds + Int64(random.next() % UInt64(times.jitter.nanoseconds)))
    }

    // MARK: Datagrams

    func multicast(_ datagram: [UInt8], from host: Host) {
        guard multicastWorks else { return }
        if datagram.count > Limits.datagramBytes {
            violated("host \(host.index) sent a datagram of \(datagram.count) bytes")
        }
        for other in hosts where other.isOn && isReachable(host.index, other.index) {
            if datagramLoss > 0, Int(random.next() % 100) < datagramLoss { continue }
            let source = host.endpoint.host
            later(other, delay()) { [self] in feed(other, .datagramReceived(datagram, host: source)) }
        }
    }

    // MARK: Links

    func dial(_ endpoint: Endpoint, expecting: PeerID?, purpose: LinkInfo.Purpose, tag: DialTag, from host: Host) {
        let target = hosts.first { $0.endpoint == endpoint }
        guard let target, isReachable(host.index, target.index) else {
            return later(host, times.dialTimeout) { [self] in feed(host, .dialFailed(tag, reason: "no answer")) }
        }
        later(host, times.dial) { [self] in
            func fail(_ reason: String) {
                later(host, times.frame) { [self] in feed(host, .dialFailed(tag, reason: reason)) }
            }
            guard isReachable(host.index, target.index), target.isOn else { return fail("the connection was refused") }
            if target.isHung, purpose == .member { return fail("no hello") }
            guard target !== host, expecting == nil || expecting == target.peer else {
                return fail("another peer answered")
            }
            guard target.core?.accepts(host.peer, purpose: purpose) == true,
                host.core?.accepts(target.peer, purpose: purpose) == true
            else { return fail("the peer is not welcome") }
            connect(host, target, purpose: purpose, tag: tag)
        }
    }

    private func connect(_ host: Host, _ target: Host, purpose: LinkInfo.Purpose, tag: DialTag?) {
        host.lastLink += 1
        target.lastLink += 1
        let near = LinkID(host.lastLink)
        let far = LinkID(target.lastLink)
        let pipe = Pipe(
            purpose: purpose,
            ends: [
                Pipe.End(
                    host: host, link: near,
                    busyUntil: now.advanced(by: Interval(nanoseconds: times.frame.nanoseconds + 1))),
                Pipe.End(host: target, link: far, busyUntil: now),
            ])
        host.links[near] = (pipe, 0)
        target.links[far] = (pipe, 1)
        // The server knows first; the client when the server's hello has arrived.
        feed(
            target,
            .linkOpened(
                LinkInfo(
                    id: far, peer: host.peer, purpose: purpose, isOutbound: false, remote: host.endpoint, dial: nil)))
        let life = host.life
        after(times.frame) { [self] in
            guard host.life == life else { return }
            feed(
                host,
                .linkOpened(
                    LinkInfo(
                        id: near, peer: target.peer, purpose: purpose, isOutbound: true, remote: target.endpoint,
                        dial: tag)))
            // The other side may have closed it at once.
            if !pipe.ends[0].isOpen {
                later(host, times.frame) { [self] in feed(host, .linkClosed(near, reason: "closed")) }
            }
        }
    }

    func send(_ frame: Frame, on link: LinkID, from host: Host) {
        guard let (pipe, end) = host.links[link], pipe.isOpen else { return }
        carry(frame, over: pipe, to: 1 - end)
    }

    private func carry(_ frame: Frame, over pipe: Pipe, to end: Int) {
        guard pipe.silentSince == nil else {
            pipe.ends[end].held.append(frame)
            return
        }
        let arrival = max(now.advanced(by: delay()), pipe.ends[end].busyUntil)
        pipe.ends[end].busyUntil = arrival
        let host = pipe.ends[end].host
        let link = pipe.ends[end].link
        let life = host.life
        at(arrival) { [self] in
            guard host.life == life, pipe.ends[end].isOpen else { return }
            guard pipe.silentSince == nil else { return pipe.ends[end].held.append(frame) }
            do {
                // Only pieces are handed over as they are: they are large, and nothing in them is decided by a core.
                if case .pieceData = frame { return feed(host, .received(frame, on: link)) }
                feed(host, .received(try Frame(frame.encoded()), on: link))
            } catch {
                violated("a frame to host \(host.index) cannot be read: \(error)")
            }
        }
    }

    /// What the core asked for: its own end is gone at once, the other one when it hears of it.
    func close(_ link: LinkID, of host: Host, reason: String) {
        guard let (pipe, end) = host.links[link] else { return }
        host.links[link] = nil
        pipe.isOpen = false
        pipe.ends[end].isOpen = false
        later(host, Interval(nanoseconds: 0)) { [self] in
            feed(host, .linkClosed(link, reason: "closed by this peer: \(reason)"))
        }
        closeFarEnd(of: pipe, from: end, reason: "the peer closed the link")
    }

    /// The other end learns of the end after everything that was sent before, unless the cable is cut.
    func closeFarEnd(of pipe: Pipe, from end: Int, reason: String) {
        let far = pipe.ends[1 - end]
        guard far.isOpen, pipe.silentSince == nil, isReachable(pipe.ends[0].host.index, pipe.ends[1].host.index) else {
            // Silence will tell it.
            let silence = times.silence
            if far.isOpen {
                later(far.host, silence) { [self] in drop(pipe, end: 1 - end, reason: "nothing was heard") }
            }
            return
        }
        let arrival = max(now.advanced(by: times.frame), far.busyUntil)
        let life = far.host.life
        at(arrival) { [self] in if far.host.life == life { drop(pipe, end: 1 - end, reason: reason) } }
    }

    private func drop(_ pipe: Pipe, end: Int, reason: String) {
        guard pipe.ends[end].isOpen else { return }
        pipe.isOpen = false
        pipe.ends[end].isOpen = false
        let (host, link) = (pipe.ends[end].host, pipe.ends[end].link)
        guard host.links[link] != nil else { return }
        host.links[link] = nil
        feed(host, .linkClosed(link, reason: reason))
    }

    // MARK: What goes wrong

    private var pipes: [Pipe] {
        hosts.flatMap { host in
            host.links.keys.sorted().compactMap { host.links[$0]?.end == 0 ? host.links[$0]?.pipe : nil }
        }
    }

    /// Pulls the cable of a host.
    func cut(_ index: Int) {
        cables.remove(index)
        silence()
    }

    func heal(_ index: Int) {
        cables.insert(index)
        unsilence()
    }

    /// Lets no packet pass between two hosts.
    func separate(_ one: Int, _ other: Int) {
        walls.insert([min(one, other), max(one, other)])
        silence()
    }

    func rejoin(_ one: Int, _ other: Int) {
        walls.remove([min(one, other), max(one, other)])
        unsilence()
    }

    private func silence() {
        for pipe in pipes
        where pipe.isOpen && pipe.silentSince == nil && !isReachable(pipe.ends[0].host.index, pipe.ends[1].host.index) {
            pipe.silentSince = now
            let since = now
            after(times.silence) { [self] in
                guard pipe.isOpen, pipe.silentSince == since else { return }
                for end in 0...1 { drop(pipe, end: end, reason: "nothing was heard from the peer for 1500 ms") }
            }
        }
    }

    private func unsilence() {
        for pipe in pipes
        where pipe.isOpen && pipe.silentSince != nil && isReachable(pipe.ends[0].host.index, pipe.ends[1].host.index) {
            pipe.silentSince = nil
            for end in 0...1 {
                let frames = pipe.ends[end].held
                pipe.ends[end].held = []
                for frame in frames { carry(frame, over: pipe, to: end) }
            }
        }
    }

    /// Breaks the link between two hosts; both may dial again at once.
    func flap(_ one: Int, _ other: Int) {
        for pipe in pipes where pipe.isOpen && pipe.purpose == .member {
            guard Set(pipe.ends.map(\.host.index)) == [one, other] else { continue }
            for end in 0...1 { drop(pipe, end: end, reason: "the connection broke") }
        }
    }

    /// Member links between two hosts that are open at both ends.
    func links(between one: Int, _ other: Int) -> Int {
        pipes.count { pipe in
            pipe.isOpen && pipe.purpose == .member && Set(pipe.ends.map(\.host.index)) == [one, other]
        }
    }

    /// A link that nobody dialled, for tests in which something other than a core speaks.
    func connectDirectly(_ one: Int, to other: Int, purpose: LinkInfo.Purpose) {
        connect(hosts[one], hosts[other], purpose: purpose, tag: nil)
    }
}
