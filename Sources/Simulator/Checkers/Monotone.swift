import Identity
import Wire

/// What only ever grows does so.
struct Monotone {
    /// As one machine stands in one network.
    struct Standing {
        var version: ConfigVersion
        var generation: UInt64
        var term: Term
        var commit: LogIndex
        var applied: LogIndex
    }
    private struct Key: Hashable {
        let host: Int
        let network: NetworkID
    }
    private var standings: [Key: Standing] = [:]

    mutating func saw(_ next: Standing, of host: Int, in network: NetworkID) -> String? {
        let key = Key(host: host, network: network)
        defer { standings[key] = next }
        guard let before = standings[key] else { return nil }
        if next.version < before.version {
            return "machine \(host) went back from \(before.version) to \(next.version)"
        }
        if next.generation < before.generation { return "machine \(host) went back to generation \(next.generation)" }
        guard next.generation == before.generation else { return nil }
        if next.term < before.term { return "machine \(host) went back from term \(before.term) to \(next.term)" }
        if next.commit < before.commit {
            return "machine \(host) went back from commit \(before.commit) to \(next.commit)"
        }
        if next.applied < before.applied { return "machine \(host) applied \(before.applied), and now \(next.applied)" }
        return nil
    }

    /// A process has started on what was on disk: it knows no less than that. How far the log was known to be committed, and what had not
    /// reached the disk, is learnt anew.
    mutating func restarted(_ host: Int, _ network: NetworkID, version: ConfigVersion, term: Term) {
        let key = Key(host: host, network: network)
        guard let before = standings[key] else { return }
        standings[key] = Standing(
            version: min(before.version, version), generation: min(before.generation, version.generation),
            term: min(before.term, term), commit: .zero, applied: .zero)
    }

    /// It has heard of promises in its name that it does not know: what it took for decided, alone, is found out anew.
    mutating func gaveUpVotes(_ host: Int, _ network: NetworkID) {
        let key = Key(host: host, network: network)
        standings[key]?.commit = .zero
        standings[key]?.applied = .zero
    }

    /// It has another disk now, or has left the network.
    mutating func forgot(_ host: Int, _ network: NetworkID) { standings[Key(host: host, network: network)] = nil }
}
