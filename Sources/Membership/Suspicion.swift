import Identity
import Wire

/// A member that may be dead, and how long it has to say that it is not.
///
/// The time is long while only one member suspects it, since that one's own ears may be at fault, and shortens with the
/// logarithm of the independent confirmations (Lifeguard, LHA-Suspicion): from `maximum` without any to `minimum` with
/// `expected` of them.
struct Suspicion: Sendable {
    private(set) var began: Instant
    let minimum: Interval
    let maximum: Interval
    /// Confirmations beyond the first suspicion; more change nothing.
    let expected: Int
    /// Who suspects it, the first one first.
    private(set) var by: [PeerID]

    init(by first: PeerID, at now: Instant, minimum: Interval, maximum: Interval, expected: Int) {
        began = now
        self.minimum = minimum
        self.maximum = maximum
        self.expected = max(0, expected)
        by = [first]
    }

    /// True where it is news that this member suspects it too.
    mutating func confirm(by other: PeerID) -> Bool {
        guard by.count <= expected, !by.contains(other) else { return false }
        by.append(other)
        return true
    }

    var length: Interval {
        guard expected > 0 else { return minimum }
        let share = Logarithm.binary(Double(by.count)) / Logarithm.binary(Double(expected + 1))
        let range = Double(maximum.nanoseconds - minimum.nanoseconds)
        return Interval(nanoseconds: max(minimum.nanoseconds, maximum.nanoseconds - Int64(range * share)))
    }

    var deadline: Instant { began.advanced(by: length) }

    /// Leaves it at least `minimum` from now: the suspect was just heard, or this peer was not there to hear it.
    mutating func postpone(from now: Instant) {
        let least = now.advanced(by: Interval(nanoseconds: minimum.nanoseconds - length.nanoseconds))
        began = max(began, least)
    }
}
