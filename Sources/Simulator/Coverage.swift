import MeshCore

/// Rare states that simulations reached, and how often. One that stands in `allNames` and is never reached says that the simulator no longer
/// tests what it was made for.
public struct Coverage: Sendable {
    /// Everything that is counted, in the order in which it is shown.
    public static let allNames = [
        "leader elected", "leader killed", "leader killed with entries uncommitted", "leadership handed over",
        "joint config recovered by a new leader", "voter replaced", "network recovered", "snapshot installed",
        "log suffix replaced", "vote refused", "prevote refused",
        "proposal answered after its leader died", "change refused", "invitation used twice",
        "suspicion refuted", "member believed dead", "dead member returned",
        "equivocation seen", "route changed in an answer", "replay interrupted by a second failure",
        "driver killed in an answer", "write failed", "writes lost", "rotten piece found", "piece fetched",
        "certificate from another member", "forged message refused",
        "votes given up", "disk trusted", "old disk trusted", "twins promised twice",
        "member left and came back", "member came back to somebody who had not seen it leave",
        "removed machine came back as another", "model changed", "grant changed",
        "role changed",
    ]

    public private(set) var counts: [String: Int] = [:]

    public init() {}

    public mutating func reached(_ name: String) {
        assert(Coverage.allNames.contains(name), "\(name) stands in no list")
        counts[name, default: 0] += 1
    }

    mutating func saw(_ event: Event) {
        switch event {
        case .equivocationSeen: reached("equivocation seen")
        case .pieceFetched: reached("piece fetched")
        case .recordRefused, .configRefused: reached("forged message refused")
        case .votesGivenUp: reached("votes given up")
        case .diskTrusted: reached("disk trusted")
        default: break
        }
    }
}
