import Synchronization

/// Signatures that have been found to hold lately, by the digest of everything that they are about: bytes, domain, key and signature.
///
/// The same record, beacon or certificate comes to a peer many times, from many hands, and a look at it here costs a fiftieth of
/// verifying it. Whether a signature holds depends on nothing else, so that nobody can tell that it was looked up. Nothing is kept of
/// those that do not hold: whoever sends forgeries takes nobody's place. One table for the process: a simulation's peers share it too.
enum VerifiedClaims {
    /// A power of two: some 300 KiB of digests. Each has one place, and pushes out what lies there.
    static let places = 8192
    private static let table = Mutex([Digest?](repeating: nil, count: places))

    static func contains(_ claim: Digest) -> Bool { table.withLock { $0[place(of: claim)] == claim } }
    static func insert(_ claim: Digest) { table.withLock { $0[place(of: claim)] = claim } }

    static func place(of claim: Digest) -> Int { Int(truncatingIfNeeded: claim.value.firstWord) & (places - 1) }
}
