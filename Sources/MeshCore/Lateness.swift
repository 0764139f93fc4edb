import Wire

/// How much later than it asked for this peer is woken: a machine that is too busy, or sleeps, is not fit to lead.
struct Lateness: Sendable {
    /// When `woke` is wanted.
    var next: Instant?
    /// Smoothed over the last ten or so.
    private(set) var average = Interval(nanoseconds: 0)
    /// Beyond this a peer is overloaded. What waits for a leader that is late by as much takes twice
    /// as long as it should.
    static let limit = Interval.milliseconds(300)

    var isTooMuch: Bool { average > Lateness.limit }
    /// 0 to 100.
    var percent: Int { Int(min(100, average.nanoseconds / (Lateness.limit.nanoseconds / 50))) }

    mutating func woke(at now: Instant) {
        guard let next, now >= next else { return }
        // A machine that slept for an hour has been late once.
        let late = min(now.since(next).nanoseconds, Interval.seconds(2).nanoseconds)
        average = Interval(nanoseconds: (average.nanoseconds * 7 + late) / 8)
    }
}
