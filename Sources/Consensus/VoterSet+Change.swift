import Identity
import Wire

extension VoterSet {
    /// The way to another set. Voters change by a joint set first, always: then no two majorities can be disjoint,
    /// whatever changes. Learners count nowhere and change at once.
    func step(toVoters wanted: [PeerID], learners: [PeerID]) -> VoterSet {
        let target = VoterSet(voters: wanted, learners: learners)
        return target.voters == voters ? target : VoterSet(voters: wanted, outgoing: voters, learners: learners)
    }

    /// The second half of a change of voters.
    var withoutOutgoing: VoterSet { VoterSet(voters: voters, learners: learners) }

    /// Whether a log may hold it.
    func isWithin(_ settings: RaftSettings) -> Bool {
        !voters.isEmpty && voters.count <= settings.maxVoters && outgoing.count <= settings.maxVoters
            && learners.count <= settings.maxLearners
    }
}
