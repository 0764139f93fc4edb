import Identity
import Synchronization

/// What was read from bytes lately, by the digest of those bytes.
///
/// The same config, record or beacon comes to a peer from many hands, and to the peers of a simulation, which share a process, as often
/// as there are peers. Finding it here costs a hash; reading it anew many times as much. What is read depends on the bytes and on
/// nothing else, so that nobody can tell that it was looked up.
final class RecentReadings<Value: Sendable>: Sendable {
    /// A power of two. Each digest has one place, and pushes out what lies there.
    private let places: Int
    private let table: Mutex<[(digest: Digest, value: Value)?]>

    init(places: Int) {
        precondition(places > 0 && places & (places - 1) == 0, "\(places) is no power of two")
        self.places = places
        table = Mutex(Array(repeating: nil, count: places))
    }

    /// What was read from the bytes with this digest; else what `read` makes of them now. Nothing is kept of bytes that it refuses.
    func value(of digest: Digest, _ read: () throws(WireError) -> Value) throws(WireError) -> Value {
        let place = Int(truncatingIfNeeded: digest.value.firstWord) & (places - 1)
        let known = table.withLock { table -> Value? in
            guard let found = table[place], found.digest == digest else { return nil }
            return found.value
        }
        if let known { return known }
        let value = try read()
        table.withLock { $0[place] = (digest, value) }
        return value
    }
}
