import Identity
import Wire

// Who has to agree: a majority of the voters, and during a change a majority of the outgoing ones as well (Raft §6).

enum Election: Hashable, Sendable {
    case pending
    case won
    /// Too many have refused for it to be won.
    case lost
}

enum Quorum {
    /// The most that a majority has reached: the greatest value such that more than half of the voters have at least
    /// that. Nil where there are no voters.
    ///
    /// Groups are of seven at most, so that counting beats sorting and allocates nothing.
    static func reached<Value: Comparable>(by voters: [PeerID], _ value: (PeerID) -> Value) -> Value? {
        var best: Value?
        for voter in voters {
            let candidate = value(voter)
            if let best, candidate <= best { continue }
            var count = 0
            for other in voters where value(other) >= candidate { count += 1 }
            if count > voters.count / 2 { best = candidate }
        }
        return best
    }

    static func election(among voters: [PeerID], granted: [PeerID], refused: [PeerID]) -> Election {
        var yes = 0
        var no = 0
        for voter in voters {
            if granted.contains(voter) {
                yes += 1
            } else if refused.contains(voter) {
                no += 1
            }
        }
        let majority = voters.count / 2 + 1
        if yes >= majority { return .won }
        return voters.count - no < majority ? .lost : .pending
    }
}

extension VoterSet {
    /// The most that a quorum has reached. Nil where there are no voters.
    func reached<Value: Comparable>(_ value: (PeerID) -> Value) -> Value? {
        guard let incoming = Quorum.reached(by: voters, value) else { return nil }
        guard isJoint, !mutated(.singleMajorityInJoint), let old = Quorum.reached(by: outgoing, value) else {
            return incoming
        }
        return min(incoming, old)
    }

    func isQuorum(where agrees: (PeerID) -> Bool) -> Bool {
        (reached { agrees($0) ? 1 : 0 } ?? 0) == 1
    }

    func election(granted: [PeerID], refused: [PeerID]) -> Election {
        let incoming = Quorum.election(among: voters, granted: granted, refused: refused)
        guard isJoint, !mutated(.singleMajorityInJoint) else { return incoming }
        switch (incoming, Quorum.election(among: outgoing, granted: granted, refused: refused)) {
        case (.won, .won): return .won
        case (.lost, _), (_, .lost): return .lost
        default: return .pending
        }
    }
}
