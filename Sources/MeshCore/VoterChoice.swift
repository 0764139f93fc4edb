import Identity
import NetworkConfig
import Wire

/// Who should vote: an odd number of members, at most as many as the policy says, those who have been there longest and keep things
/// for others rather than those who only ask.
///
/// A voter that is away keeps its seat for the policy's grace: a machine that is restarted, or sleeps over lunch, changes nothing.
/// Then the next in rank takes the seat, and gives it back when the old voter has been there again for a while: rank goes by role
/// and by how long someone has been a member, which an absence does not change.
///
/// Two members both vote, though that is no odd number: a single voter could be lost with the whole config.
struct VoterChoice {
    struct Candidate {
        let peer: PeerID
        let role: Role
        let joined: Revision
        /// How long it has been there without a break, as the leader sees it; nil while it is away.
        let present: Interval?
        /// How long it has been away; zero while it is there.
        let absent: Interval
        let isVoter: Bool
        /// On its way out of the network.
        let isLeaving: Bool
    }

    let most: Int
    let grace: Interval
    /// A newcomer has a seat after this, where there are too few.
    let settling: Interval

    /// How many seats a network of so many members has.
    static func seats(members: Int, most: Int) -> Int {
        if members <= 2 { return min(members, most) }
        let odd = members % 2 == 1 ? members : members - 1
        let limit = most % 2 == 1 ? most : most - 1
        return max(1, min(odd, limit))
    }

    /// The voters that there should be, ascending; the present ones where nothing is to be changed.
    func chosen(from candidates: [Candidate]) -> [PeerID] {
        let staying = candidates.filter { !$0.isLeaving }
        let present = staying.filter(\.isVoter)
        let seats = VoterChoice.seats(members: staying.count, most: most)
        func before(_ left: Candidate, _ right: Candidate) -> Bool {
            (left.role.rank, left.joined, left.peer) < (right.role.rank, right.joined, right.peer)
        }
        var voters = present.filter { $0.absent < grace }
        // Who is away for longer loses the seat only to someone who is there.
        var goners = present.filter { $0.absent >= grace }
        var newcomers = staying.filter { candidate in
            guard !candidate.isVoter, let present = candidate.present else { return false }
            return present >= settling
        }.sorted(by: before)

        while voters.count + goners.count > seats {
            // Too many: those who are away first, then those who come last in rank.
            if let last = goners.sorted(by: before).last {
                goners.removeAll { $0.peer == last.peer }
            } else if let last = voters.sorted(by: before).last {
                voters.removeAll { $0.peer == last.peer }
            }
        }
        while !newcomers.isEmpty, voters.count + goners.count < seats { voters.append(newcomers.removeFirst()) }
        while !newcomers.isEmpty, let last = goners.sorted(by: before).last {
            goners.removeAll { $0.peer == last.peer }
            voters.append(newcomers.removeFirst())
        }
        // A seat goes back to whoever outranks its holder, once it has proven steady.
        let steady = newcomers.filter { ($0.present ?? Interval(nanoseconds: 0)) >= grace }
        if goners.isEmpty, let best = steady.first, let last = voters.sorted(by: before).last, before(best, last) {
            voters.removeAll { $0.peer == last.peer }
            voters.append(best)
        }
        return (voters + goners).map(\.peer).sorted()
    }
}

extension Role {
    /// Smaller is fitter to vote.
    fileprivate var rank: Int { self == .member ? 1 : 0 }
}
