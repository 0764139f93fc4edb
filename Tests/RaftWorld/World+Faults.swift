import Consensus
import Identity
import Wire

// What happens to a world, and what is asked of it.

extension World {
    func misfortune() {
        let place = draw(peers.count)
        if chance(weather.crashes), peers[place].raft != nil { crash(place) }
        let other = draw(peers.count)
        if chance(40), peers[other].raft == nil {
            count("restart")
            start(other)
            for third in peers.indices where third != other { announceReturn(of: other, to: third) }
        }
        if chance(weather.partitions) { partition() }
        if chance(30) { heal() }
        if chance(weather.transfers) { askForTransfer() }
        if chance(weather.voterChanges) { askForVoters() }
        if chance(weather.compactions) { compactSomebody() }
    }

    private func partition() {
        count("partition")
        let before = cut
        switch draw(4) {
        case 0:
            let side = (0..<peers.count).map { _ in chance(50) }
            for from in peers.indices {
                for to in peers.indices where side[from] != side[to] { cut.insert(from * 16 + to) }
            }
        case 1:
            let alone = draw(peers.count)
            for other in peers.indices where other != alone { cut.formUnion([alone * 16 + other, other * 16 + alone]) }
        case 2:
            // One way only.
            let from = draw(peers.count)
            let to = draw(peers.count)
            if from != to { cut.insert(from * 16 + to) }
        default:
            // Two halves that one peer bridges.
            let side = (0..<peers.count).map { _ in draw(2) }
            let bridge = draw(peers.count)
            for from in peers.indices where from != bridge {
                for to in peers.indices where to != bridge && side[from] != side[to] { cut.insert(from * 16 + to) }
            }
        }
        for pair in cut.subtracting(before).sorted() { announceLoss(of: pair / 16, to: pair % 16) }
    }

    func heal() {
        let before = cut.sorted()
        cut = []
        for pair in before { announceReturn(of: pair / 16, to: pair % 16) }
    }

    func announceLoss(of place: Int, to other: Int) {
        guard weather.announcesLosses, chance(80), peers[other].raft != nil else { return }
        peers[other].raft?.lost(World.id(place), at: now)
        settle(other)
    }

    func announceReturn(of place: Int, to other: Int) {
        guard weather.announcesLosses, chance(80), peers[other].raft != nil else { return }
        peers[other].raft?.regained(World.id(place), at: now)
        settle(other)
    }

    /// Everyone who believes to lead: there may be several.
    private func someLeader() -> Int? {
        let leaders = peers.indices.filter { peers[$0].raft?.role == .leader }
        return leaders.isEmpty ? nil : leaders[draw(leaders.count)]
    }

    private func askForTransfer() {
        guard let leader = someLeader(), let voters = peers[leader].raft?.voters.voters else { return }
        let target = voters[draw(voters.count)]
        if peers[leader].raft!.transfer(to: target, at: now) { count("transfer") }
        settle(leader)
    }

    private func askForVoters() {
        guard let leader = someLeader() else { return }
        var voters: [PeerID] = []
        var learners: [PeerID] = []
        for peer in peers {
            switch draw(3) {
            case 0: voters.append(peer.id)
            case 1: learners.append(peer.id)
            default: break
            }
        }
        if voters.isEmpty { voters = [peers[draw(peers.count)].id] }
        if chance(30) { voters = peers[leader].raft!.voters.voters }
        if case .appended = peers[leader].raft!.changeVoters(to: (voters, learners), at: now) { count("voter change") }
        settle(leader)
    }

    private func compactSomebody() {
        let place = draw(peers.count)
        guard peers[place].raft != nil else { return }
        let state = peers[place].state
        peers[place].raft?.compact(through: state.index, state: state.bytes)
        count("compaction")
        settle(place)
    }

    func askSomething() {
        guard let leader = someLeader() else { return }
        for _ in 0..<(1 + draw(3)) {
            nextCommand += 1
            let command =
                withUnsafeBytes(of: nextCommand.bigEndian) { Array($0) } + [UInt8](repeating: 0, count: draw(40))
            if case .appended = peers[leader].raft!.propose(command, at: now) { count("proposal") }
        }
        settle(leader)
        if chance(50), let reader = someLeader() {
            nextRead += 1
            readFloors[ReadID(nextRead)] = checks.decidedThrough
            peers[reader].raft!.read(ReadID(nextRead), at: now)
            settle(reader)
        }
    }

    func countLeader(_ raft: Raft) {
        count("leader")
        if raft.voters.isJoint { count("joint set recovered by a new leader") }
        if !raft.voters.isVoter(World.id(0)) { count("the first peer replaced") }
        if raft.commit < raft.lastIndex.previous { count("undecided entries recovered by a new leader") }
    }

    /// Equal where two worlds went the same way: each step draws.
    package var fingerprint: [UInt64] { [random.next(), now.nanoseconds.magnitude] + peers.map(\.state.hash) }

    // MARK: The end

    /// Everything works from here on; what fails must recover.
    func calmDown() {
        isCalm = true
        cut = []
        for place in peers.indices where peers[place].raft == nil { start(place) }
        guard weather.announcesLosses else { return }
        for place in peers.indices {
            for other in peers.indices where other != place { announceReturn(of: place, to: other) }
        }
    }

    /// One leader whom all members follow, no change half done, and a new command applied by everyone.
    func converge() -> Broken? { unsettled().map { Broken(invariant: "convergence", what: $0) } }

    private func unsettled() -> String? {
        let leaders = peers.filter { $0.raft?.role == .leader }
        guard let leader = leaders.max(by: { $0.raft!.term < $1.raft!.term })?.raft else {
            return "nobody leads long after the faults"
        }
        guard !leader.voters.isJoint else { return "a change of voters is still half done" }
        for member in leader.voters.everyone {
            let raft = peers[places[member]!].raft!
            if raft.term != leader.term {
                return "\(member.name) is at term \(raft.term), the leader at \(leader.term)"
            }
            if raft.commit.value + 8 < leader.commit.value {
                return "\(member.name) has committed \(raft.commit), the leader \(leader.commit)"
            }
        }
        guard leader.lastIndex.value < leader.commit.value + 8, leader.hasCommittedOwnTerm else {
            return "the leader has \(leader.lastIndex) and committed only \(leader.commit)"
        }
        return nil
    }
}

extension PeerID {
    /// A, B, C ...
    package var name: String { String(UnicodeScalar(64 + bytes[31])) }
}
