import Identity
import Wire

/// A Raft group: one network between two recoveries.
struct GroupID: Hashable, CustomStringConvertible {
    let network: NetworkID
    let generation: UInt64
    var description: String { "network \(network.short), generation \(generation)" }
}

/// A term has one leader at most.
struct Election {
    private struct Reign: Hashable {
        let group: GroupID
        let term: Term
    }
    private var leaders: [Reign: PeerID] = [:]

    /// Somebody leads, or speaks as a leader does. Says what is wrong with it.
    mutating func leads(_ peer: PeerID, _ term: Term, in group: GroupID) -> String? {
        let reign = Reign(group: group, term: term)
        guard let known = leaders[reign] else {
            leaders[reign] = peer
            return nil
        }
        return known == peer ? nil : "term \(term) has two leaders, \(known.short) and \(peer.short)"
    }

    func leader(of term: Term, in group: GroupID) -> PeerID? { leaders[Reign(group: group, term: term)] }
}
