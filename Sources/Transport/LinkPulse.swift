import NIOCore

/// When a link pings, and when its silence counts as death.
///
/// Both sides ping after a pause in what they send, so neither waits for answers: whatever arrives is a sign of life. A beat is one
/// look at the clock; between two beats lies at most the time of a ping.
struct LinkPulse {
    enum Action: Hashable {
        case rest
        case ping
        /// Nothing came for this long.
        case close(after: TimeAmount)
    }

    let pingAfter: TimeAmount
    let silentAfter: TimeAmount
    var lastSent: NIODeadline
    var lastReceived: NIODeadline

    init(_ settings: LinkSettings, now: NIODeadline) {
        pingAfter = settings.pingAfter
        silentAfter = settings.silentAfter
        lastSent = now
        lastReceived = now
    }

    /// What to do at a beat.
    /// - Parameters:
    ///   - due: when the beat should have been.
    ///   - isIdle: no frame waits to be written. Where some do, their bytes are the sign of life.
    func action(now: NIODeadline, due: NIODeadline, isIdle: Bool) -> Action {
        // A loop that was held up (a suspended machine, a starved process) finds its timers due before it has read what came
        // meanwhile. That silence is its own: the peer gets the time of one more ping.
        let wasHeldUp = now - due > pingAfter
        let silence = now - lastReceived
        if silence >= silentAfter, !wasHeldUp { return .close(after: silence) }
        return isIdle && now - lastSent >= pingAfter ? .ping : .rest
    }

    /// When the next beat is due.
    func nextBeat(now: NIODeadline) -> NIODeadline {
        let next = min(lastSent + pingAfter, lastReceived + silentAfter)
        return next > now ? next : now + pingAfter
    }
}
