import Wire

/// Bounds how often something may be done: each time takes a token, and tokens come back with time.
struct TokenBucket {
    struct Rate {
        var perSecond: Double
        /// As many may come at once.
        var burst: Double
    }

    private let rate: Rate
    private var tokens: Double
    private var filled: Instant

    /// It begins full.
    init(_ rate: Rate, now: Instant) {
        self.rate = rate
        tokens = rate.burst
        filled = now
    }

    mutating func take(now: Instant) -> Bool {
        refill(now: now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    mutating func isFull(now: Instant) -> Bool {
        refill(now: now)
        return tokens >= rate.burst
    }

    private mutating func refill(now: Instant) {
        let seconds = Double(max(0, now.since(filled).nanoseconds)) / 1e9
        tokens = min(rate.burst, tokens + seconds * rate.perSecond)
        filled = now
    }
}
