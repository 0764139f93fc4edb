import Identity
import Wire

/// What a peer has to hear before it takes part in decisions again.
///
/// A peer cannot see by itself whether its disk was put back to an older state, and one that was has promised more than
/// it knows: votes, and entries acknowledged. So whoever comes back asks the others how the log stands with them, and is
/// silent meanwhile (`Raft.silence`). What they say bounds what it may have promised: it could help a leader into a term,
/// or an entry to be decided, only together with others.
///
/// It has heard enough when all others have spoken who vote as far as it knows, or as far as any of them knows: each of
/// its promises was made to one of those. One that was the only voter asks all members. One that is alone in its config
/// has nobody to ask.
///
/// Some may be away for ever, and an honest restart must not wait for them for ever either. When `grace` has passed
/// - so many suffice that no majority with this peer is without one of them: a vote or an acknowledgement that was on
///   its way when this peer fell silent has arrived somewhere, or its receiver has given up since;
/// - and where not even so many are there, the disk is trusted, as Raft trusts disks, unless somebody has shown that it
///   was put back. This is the one gap, and docs/threat-model.md names it.
struct Probation: Sendable {
    enum Verdict: Hashable, Sendable {
        case wait
        /// Whatever was promised, it is known by now.
        case proven
        /// Nothing says that the disk is old, and nothing says that it is not.
        case trusted
    }

    /// What is asked for. Answers to earlier questions do not count.
    let question: UInt64
    let began: Instant
    /// Somebody has shown that this peer's disk is older than its word.
    var isSetBack: Bool
    /// When those who have not answered are asked again.
    var askDue: Instant
    private(set) var answers = SortedMap<PeerID, RaftStanding>()

    init(question: UInt64, isSetBack: Bool, at now: Instant) {
        self.question = question
        self.isSetBack = isSetBack
        began = now
        askDue = now
    }

    /// A later answer takes the place of an earlier one.
    mutating func heard(_ standing: RaftStanding, from peer: PeerID) { answers[peer] = standing }

    /// - Parameters:
    ///   - voters: The last set in this peer's log, and those of its certified config.
    ///   - members: Of the certified config, with this peer.
    func verdict(own: PeerID, voters: [[PeerID]], members: [PeerID], grace: Interval, at now: Instant) -> Verdict {
        if mutated(.probationSkipped) { return .proven }
        let (everyone, sets, onlyVoted) = asked(own: own, voters: voters, members: members)
        if everyone.allSatisfy({ answers[$0] != nil }) { return .proven }
        guard now.since(began) >= grace else { return .wait }
        let suffices = sets.allSatisfy { set in
            let others = set.filter { $0 != own && members.contains($0) }
            // Any majority with this peer has `count / 2` others at least; any that is missing from these is too small.
            let needed = min(others.count, (set.count + 1) / 2)
            return others.count { answers[$0] != nil } >= needed
        }
        if suffices, !onlyVoted { return .proven }
        return isSetBack ? .wait : .trusted
    }

    /// What those said who may have heard this peer's promises: of terms all of them, of the log those who vote by the newest set that
    /// anyone knows, and by the certified config. Whatever was decided before there was that set, its voters have. The others only
    /// learn the log, be it that they voted once: one of them may have what its leader sent and nobody ever decides, and who votes
    /// could never get it, since nobody but voters is asked to lead.
    ///
    /// - Parameters:
    ///   - mine: How the log stands with this peer.
    ///   - certified: The voters of the certified config.
    func standings(own: PeerID, mine: RaftStanding, certified: [PeerID], members: [PeerID]) -> [RaftStanding] {
        let newest = answers.values.reduce(mine) { $1.isAhead(of: $0) ? $1 : $0 }.voters
        let known = [newest.voters, newest.outgoing, certified]
        let voters = known.flatMap { $0 }.filter { $0 != own && members.contains($0) }
        let sets = [mine.voters.voters, mine.voters.outgoing] + known
        return asked(own: own, voters: sets, members: members).everyone.compactMap { peer in
            guard let answer = answers[peer] else { return nil }
            return voters.isEmpty || voters.contains(peer) ? answer : answer.ofTermOnly
        }
    }

    /// All who must be heard, every set of voters that is known of, and whether this peer was the only voter.
    private func asked(own: PeerID, voters: [[PeerID]], members: [PeerID])
        -> (everyone: [PeerID], sets: [[PeerID]], onlyVoted: Bool)
    {
        var sets = voters
        var everyone: [PeerID] = []
        // Those who vote as far as a voter knows are voters that must be heard, and so on.
        var place = 0
        while place < sets.count {
            for peer in sets[place] where peer != own && members.contains(peer) && !everyone.contains(peer) {
                everyone.append(peer)
                if let known = answers[peer]?.voters {
                    if !sets.contains(known.voters) { sets.append(known.voters) }
                    if !sets.contains(known.outgoing) { sets.append(known.outgoing) }
                }
            }
            place += 1
        }
        let onlyVoted = everyone.isEmpty
        if onlyVoted {
            everyone = members.filter { $0 != own }
            for peer in everyone {
                guard let known = answers[peer]?.voters else { continue }
                for voter in known.voters where members.contains(voter) && !everyone.contains(voter) && voter != own {
                    everyone.append(voter)
                }
            }
        }
        return (everyone, sets, onlyVoted)
    }
}

extension RaftStanding {
    /// Whether this log ends behind the other: then it has whatever was decided by it (Raft §5.4.1).
    fileprivate func isAhead(of other: RaftStanding) -> Bool {
        (lastTerm, lastIndex) > (other.lastTerm, other.lastIndex)
    }

    fileprivate var ofTermOnly: RaftStanding {
        RaftStanding(term: term, lastIndex: .zero, lastTerm: .zero, voters: voters)
    }
}
