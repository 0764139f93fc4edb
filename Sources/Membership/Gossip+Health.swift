import Identity
import Wire

// What a peer makes of its own slowness, and how fast it goes.

extension Gossip {
    mutating func improveHealth() {
        if localHealth > 0 { localHealth -= 1 }
    }

    mutating func worsenHealth(by count: Int) {
        guard settings.isLifeguardOn else { return }
        localHealth = min(settings.localHealthMax, localHealth + count)
    }

    /// A time that a peer in doubt of itself gives others.
    func allowing(_ interval: Interval) -> Interval { interval.times(localHealth + 1) }

    /// Something happened: for a while the period is short.
    mutating func stir(at now: Instant) {
        lastStir = max(lastStir, now)
        nextProbe = min(nextProbe, max(now, lastProbe.advanced(by: allowing(settings.period))))
    }

    /// From one probe to the next.
    func period(at now: Instant) -> Interval {
        let short = allowing(settings.period)
        guard suspicions.isEmpty else { return short }
        let silence = Double(now.since(lastStir).nanoseconds) / Double(max(1, settings.quietAfter.nanoseconds))
        guard silence > 1 else { return short }
        return max(short, min(settings.quietPeriod, settings.period.scaled(by: min(silence, 1_000))))
    }

    /// Where this peer should have woken long ago, it was not run (a stalled process, a machine asleep): others could
    /// not be heard meanwhile, so what they did not say counts against none of them.
    mutating func noticeSleep(at now: Instant) {
        guard settings.isLifeguardOn else { return }
        let due = nextWake
        guard due < now, now.since(due) > settings.period else { return }
        worsenHealth(by: 1)
        probes = []
        relays = []
        for peer in suspicions.keys { suspicions.update(peer) { $0.postpone(from: now) } }
        findNextVerdict()
        catchUp(with: now)
        stir(at: now)
    }

    /// What is regular is due now at the earliest, however long ago it was forgotten.
    mutating func catchUp(with now: Instant) {
        nextProbe = max(nextProbe, now)
        nextDeadProbe = max(nextDeadProbe, now)
        pushDue = pushDue.map { max($0, now) }
    }
}
