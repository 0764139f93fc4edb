import Wire

/// Bounds how many datagrams are listened to: so many a second from each source, and so many from all together.
///
/// Each source has a bucket of tokens; a datagram takes one, and they come back with time. Sources are cheap to invent, so the
/// table is bounded: where it is full, buckets that have filled up again are forgotten, which loses nothing, since a new one
/// begins full; and where none has, an unknown source is refused.
struct SourceLimiter {
    struct Rate {
        var perSecond: Double
        /// As many may come at once.
        var burst: Double
    }

    private struct Bucket {
        var tokens: Double
        var filled: Instant

        mutating func take(_ rate: Rate, now: Instant) -> Bool {
            refill(rate, now: now)
            guard tokens >= 1 else { return false }
            tokens -= 1
            return true
        }

        mutating func refill(_ rate: Rate, now: Instant) {
            let seconds = Double(max(0, now.since(filled).nanoseconds)) / 1e9
            tokens = min(rate.burst, tokens + seconds * rate.perSecond)
            filled = now
        }
    }

    private let each: Rate
    private let all: Rate
    private let sources: Int
    private var buckets: [String: Bucket] = [:]
    private var total: Bucket

    init(each: Rate, all: Rate, sources: Int) {
        self.each = each
        self.all = all
        self.sources = sources
        total = Bucket(tokens: all.burst, filled: .zero)
    }

    var knownSources: Int { buckets.count }

    /// Whether a datagram from there, that came now, is listened to.
    mutating func admits(_ source: String, now: Instant) -> Bool {
        if buckets[source] == nil {
            if buckets.count >= sources { forgetIdle(now) }
            guard buckets.count < sources else { return false }
        }
        var bucket = buckets[source] ?? Bucket(tokens: each.burst, filled: now)
        let admitted = bucket.take(each, now: now)
        buckets[source] = bucket
        // A source that is over its own rate takes nothing from the others.
        return admitted && total.take(all, now: now)
    }

    private mutating func forgetIdle(_ now: Instant) {
        buckets = buckets.filter { _, bucket in
            var bucket = bucket
            bucket.refill(each, now: now)
            return bucket.tokens < each.burst
        }
    }
}
