import NIOCore
import Wire

/// When a link pings, and when its silence counts as death.
///
/// A link is *busy* while frames of a chain pass over it, in either direction, and for some seconds after the last one:
/// a person waits for an answer that runs through it, so its end must show within a second or two. Else it is *idle*.
/// That the peer at its other end lives is known from gossip then, which costs the same however many peers there are,
/// while pings cost as much as there are links; so they are few, fewer still where links are many, and where gossip has
/// doubts the link is *probed*.
///
/// Each side decides by itself whether a link is busy. Every ping is answered by a pong, so that a side in haste hears
/// enough of one that is not. Whatever arrives is a sign of life. A beat is one look at the clock.
struct LinkPulse {
    enum Action: Hashable {
        case rest
        case ping
        /// Nothing came for this long.
        case close(after: TimeAmount)
    }

    private let settings: LinkSettings
    private var busySince: NIODeadline
    private var busyUntil: NIODeadline
    private var lastPing: NIODeadline
    /// When an answer was demanded that has not come yet.
    private var probed: NIODeadline?
    var lastSent: NIODeadline
    var lastReceived: NIODeadline { didSet { probed = nil } }
    /// How many times as long an idle link's pauses are. Both sides may differ in it: who waits pings.
    var stretch: Int64 = 1

    init(_ settings: LinkSettings, now: NIODeadline) {
        self.settings = settings
        busySince = now
        busyUntil = now
        lastPing = now
        lastSent = now
        lastReceived = now
    }

    func isBusy(_ now: NIODeadline) -> Bool { now < busyUntil }

    /// A frame of a chain is sent or received.
    /// - Returns: whether the link was idle: then it pings at once.
    mutating func chainPassed(now: NIODeadline) -> Bool {
        let wasIdle = !isBusy(now)
        if wasIdle { busySince = now }
        busyUntil = now + settings.busyFor
        return wasIdle
    }

    /// An answer is demanded, whatever was heard before.
    /// - Returns: whether none was demanded already: then it pings at once.
    mutating func probe(now: NIODeadline) -> Bool {
        guard probed == nil else { return false }
        probed = now
        return true
    }

    mutating func pinged(now: NIODeadline) {
        lastPing = now
        lastSent = now
    }

    /// What to do at a beat.
    /// - Parameters:
    ///   - due: when the beat should have been.
    ///   - isIdle: no frame waits to be written. Where some do, their bytes are the sign of life.
    func action(now: NIODeadline, due: NIODeadline, isIdle: Bool) -> Action {
        let isOver = now >= patience(now)
        // A loop that was held up (a suspended machine, a starved process) finds its timers due before it has read what
        // came meanwhile. That silence is its own: the peer gets the time of one more ping.
        let wasHeldUp = now - due > settings.pingAfter
        if isOver, !wasHeldUp { return .close(after: now - lastReceived) }
        guard isIdle else { return .rest }
        return isOver || now >= pingDue(now) ? .ping : .rest
    }

    /// When the next beat is due.
    func nextBeat(now: NIODeadline) -> NIODeadline {
        let next = min(pingDue(now), patience(now))
        return next > now ? next : now + settings.pingAfter
    }

    /// After a pause in what is sent. A busy link pings after a pause in what it hears too: the other side may be idle
    /// as yet, not having heard the whole of a large frame.
    private func pingDue(_ now: NIODeadline) -> NIODeadline {
        guard isBusy(now) else { return lastSent + settings.idlePingAfter * stretch }
        return min(lastSent, max(lastReceived, lastPing)) + settings.pingAfter
    }

    /// Until when the silence may last. The haste of a busy link begins with it: what it did not hear before, it did
    /// not ask for.
    private func patience(_ now: NIODeadline) -> NIODeadline {
        var end = lastReceived + settings.idleSilentAfter * stretch
        if isBusy(now) { end = min(end, max(lastReceived, busySince) + settings.silentAfter) }
        if let probed { end = min(end, probed + settings.probeWithin) }
        return end
    }
}

extension EncodedFrame {
    /// From `routeOpen` to `sessionClose`: frames for whose effect somebody waits (docs/protocol.md).
    static let chainKinds: ClosedRange<UInt8> = 40...48
}
