import Wire

/// Bounds how many datagrams are listened to: so many a second from each source, and so many from all together.
///
/// Sources are cheap to invent, so the table of their buckets is bounded: where it is full, buckets that have filled up
/// again are forgotten, which loses nothing, since a new one begins full; and where none has, an unknown source is
/// refused.
struct SourceLimiter {
    typealias Rate = TokenBucket.Rate

    private let each: Rate
    private let sources: Int
    private var buckets: [String: TokenBucket] = [:]
    private var total: TokenBucket

    init(each: Rate, all: Rate, sources: Int) {
        self.each = each
        self.sources = sources
        total = TokenBucket(all, now: .zero)
    }

    var knownSources: Int { buckets.count }

    /// Whether a datagram from there, that came now, is listened to.
    mutating func admits(_ source: String, now: Instant) -> Bool {
        if buckets[source] == nil {
            if buckets.count >= sources { buckets = buckets.filter { !isFull($0.value, now) } }
            guard buckets.count < sources else { return false }
        }
        // A source that is over its own rate takes nothing from the others.
        return buckets[source, default: TokenBucket(each, now: now)].take(now: now) && total.take(now: now)
    }

    private func isFull(_ bucket: TokenBucket, _ now: Instant) -> Bool {
        var bucket = bucket
        return bucket.isFull(now: now)
    }
}
