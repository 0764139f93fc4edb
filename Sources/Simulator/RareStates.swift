import Identity
import MeshCore
import Wire

/// Notices what seldom happens, for the coverage.
struct RareStates {
    private var roles: [Int: Bool] = [:]
    private var voters: [NetworkID: [PeerID]] = [:]
    /// By observer, then by subject.
    private var believedDead: [[Bool]] = []
    /// How many each observer believes dead.
    private var dead: [Int: Int] = [:]
    private var counts: [PeerID: Incarnation] = [:]
    private var commits: [Int: LogIndex] = [:]
    private var generations: [NetworkID: UInt64] = [:]
    /// When leaders died.
    private var leaderDeaths: [Instant] = []
    /// When the first of those died whom nobody has followed in office yet.
    private var vacantSince: Instant?
    /// From a leader's death until the next one, each time.
    private(set) var vacancies: [Interval] = []

    mutating func elected(_ host: Host, _ group: GroupID, log: RaftState?, in world: World) {
        if let since = vacantSince { vacancies.append(world.now.since(since)) }
        vacantSince = nil
        guard let log else { return }
        for entry in log.entries.reversed() {
            if case .voters(let set) = entry.body {
                if set.isJoint { world.coverage.reached("joint config recovered by a new leader") }
                return
            }
        }
    }

    mutating func said(_ message: GossipMessage, by host: Host, in world: World) {
        let before = counts[host.peer]
        counts[host.peer] = message.incarnation
        if let before, before.epoch == message.incarnation.epoch, message.incarnation.count > before.count {
            world.coverage.reached("suspicion refuted")
        }
    }

    /// `before` is what the disk was given until now.
    mutating func wrote(_ change: RaftWrite, after before: RaftState?, in world: World) {
        if change.snapshot != nil, change.entries.isEmpty { world.coverage.reached("snapshot installed") }
        guard let first = change.entries.first, let last = before?.entries.last else { return }
        if first.index <= last.index { world.coverage.reached("log suffix replaced") }
    }

    mutating func ended(_ host: Host, in world: World) {
        guard roles[host.index] == true else { return }
        roles[host.index] = false
        leaderDeaths.append(world.now)
        vacantSince = vacantSince ?? world.now
        world.coverage.reached("leader killed")
        for store in host.disk.written.values {
            guard let raft = store.raft, let last = raft.state.entries.last?.index else { continue }
            if let commit = commits[host.index], last > commit {
                world.coverage.reached("leader killed with entries uncommitted")
            }
        }
    }

    mutating func looked(at host: Host, _ seen: NetworkInspection, in world: World) {
        roles[host.index] = seen.role == .leader
        commits[host.index] = seen.commit
        if let before = voters[seen.network], seen.role == .leader, before != seen.voters.voters, !seen.voters.isJoint {
            world.coverage.reached("voter replaced")
        }
        if seen.role == .leader, !seen.voters.isJoint { voters[seen.network] = seen.voters.voters }
        if seen.generation > (generations[seen.network] ?? 0) {
            generations[seen.network] = seen.generation
            world.coverage.reached("network recovered")
        }
    }

    func believesAnyDead(_ observer: Int) -> Bool { dead[observer] ?? 0 > 0 }

    mutating func believes(_ host: Host, _ liveness: Liveness, of subject: Int, in world: World) {
        let (observer, isDead) = (host.index, liveness == .dead)
        let isKnown = observer < believedDead.count && subject < believedDead[observer].count
        guard (isKnown && believedDead[observer][subject]) != isDead else { return }
        while believedDead.count <= observer { believedDead.append([]) }
        while believedDead[observer].count <= subject { believedDead[observer].append(false) }
        believedDead[observer][subject] = isDead
        dead[observer, default: 0] += isDead ? 1 : -1
        world.coverage.reached(isDead ? "member believed dead" : "dead member returned")
    }

    mutating func changed(_ id: RequestID, asked: Answers.Asked?, in world: World) {
        guard let asked else { return }
        if leaderDeaths.contains(where: { $0 > asked.at }) {
            world.coverage.reached("proposal answered after its leader died")
        }
    }
}
