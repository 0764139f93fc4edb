import Identity
import Wire

/// Who is there is believed to be there, and who is not is believed to be gone, a bounded time later.
struct View {
    /// How long a change may take until everyone believes it.
    var bound: Interval
    /// Since when each machine has been well and within reach of all others that are; nil while it is not.
    private var wellSince: [Int: Instant] = [:]
    private var offSince: [Int: Instant] = [:]

    init(bound: Interval) { self.bound = bound }

    mutating func saw(host: Int, isWell: Bool, isOff: Bool, at now: Instant) {
        wellSince[host] = isWell ? wellSince[host] ?? now : nil
        offSince[host] = isOff ? offSince[host] ?? now : nil
    }

    /// Anything changed that makes everyone's view start anew: a partition, or its end.
    mutating func disturbed() {
        wellSince = [:]
        offSince = [:]
    }

    var isAnyOff: Bool { !offSince.isEmpty }

    func isSettled(_ host: Int, at now: Instant) -> Bool {
        wellSince[host].map { now.since($0) > bound } ?? false
    }

    func believes(_ observer: Int, _ liveness: Liveness, of subject: Int, at now: Instant) -> String? {
        guard isSettled(observer, at: now) else { return nil }
        if liveness == .dead, isSettled(subject, at: now) {
            return "machine \(observer) believes machine \(subject) dead, which has been well for long"
        }
        if liveness == .alive, let since = offSince[subject], now.since(since) > bound {
            return "machine \(observer) believes machine \(subject) alive, which has been off for long"
        }
        return nil
    }
}
