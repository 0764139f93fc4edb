import Chain
import Identity
import MeshCore
import NetworkConfig
import Wire

/// All checkers over one world, fed by what its cores take and do. After each input just what it may have changed is looked at; the
/// whole world a few times a second.
final class Checks {
    var election = Election()
    var log = CommittedLog()
    var durable = Durable()
    var monotone = Monotone()
    var certificate = Certificates()
    var authority = Authority()
    var answers = Answers()
    var tokens = Tokens()
    var view: View
    /// Whether beliefs about who is there are judged now: not while packets are lost or late more than a LAN does.
    var judgesView = false
    var networks: [NetworkID] = []
    /// How often the whole world is looked at.
    var period = Interval.milliseconds(250)
    /// What one peer's answer is, were it alone with the model.
    var model: FakeModel?

    var commands: [NetworkID: [KnownCommand]] = [:]
    /// A disk that was set back was trusted, since too few others were there who knew better, or two machines with one identity have
    /// promised twice: what docs/threat-model.md says that Raft cannot withstand. Nothing that comes after it is judged.
    private(set) var isMoot = false
    private var looks = 0
    private var learnt: Set<LogEntry.Body> = []
    var rare = RareStates()
    private var records = Records()

    init(viewBound: Interval) { view = View(bound: viewBound) }

    /// Begins to look at the whole world now and then.
    func start(in world: World) {
        world.checks = self
        again(in: world)
    }

    private func again(in world: World) {
        world.after(period) { [self, unowned world] in
            lookAround(in: world)
            again(in: world)
        }
    }

    // MARK: Inputs and effects

    func after(_ input: Input, _ effects: [Effect], on host: Host, in world: World) {
        guard host.isOn else { return }
        if host.wasSetBack { learns(host, effects, in: world) }
        if effects.contains(where: { if case .log(.votesGivenUp) = $0 { true } else { false } }) {
            for network in networks { monotone.gaveUpVotes(host.index, network) }
        }
        if case .persisted = input { return look(at: host, in: world) }
        for effect in effects {
            switch effect {
            case .persistRaft, .persistLedger: return look(at: host, in: world)
            default: break
            }
        }
    }

    /// Whether a machine whose disk was set back has been told what it has forgotten, or goes by what it has.
    private func learns(_ host: Host, _ effects: [Effect], in world: World) {
        func moot() {
            world.coverage.reached("old disk trusted")
            isMoot = true
        }
        // Said once, be it that it still waits for entries that the few who answered know of.
        if effects.contains(where: { if case .log(.diskTrusted) = $0 { true } else { false } }) { moot() }
        for network in networks {
            guard let seen = host.inspect(network), seen.takesPart else { return }
            // One that was alone when its disk was like that knows nobody to ask.
            if seen.config.members.count == 1 { moot() }
        }
        // A copy that has spoken is heard of by and by only: then the machine begins a later life than the copy's.
        if host.cloneOf == nil, !host.twins.contains(where: { world.hosts[$0].epoch >= host.epoch }) {
            host.wasSetBack = false
        }
    }

    func sent(_ frame: Frame, from host: Host, to other: Host, in world: World) {
        guard let (network, generation, message) = frame.raft, !host.isMalicious else { return }
        if !host.twins.isEmpty { judgeTwins(of: host, message, to: other, network, generation, in: world) }
        guard host.cloneOf == nil else { return }
        let group = GroupID(network: network, generation: generation)
        let disk = host.disk.synced[network]?.state(of: generation)
        switch message.kind {
        case .voteReply(granted: true):
            report(
                "durable", durable.grants(other.peer, message.term, by: host.peer, disk: disk, in: group),
                [host, other], world)
        case .appended(let match, _):
            report("durable", durable.acknowledges(match, by: host.peer, disk: disk), [host, other], world)
        case .append, .snapshot:
            lead(host, message.term, disk: disk, in: group, world)
        case .timeoutNow: world.coverage.reached("leadership handed over")
        case .voteReply(granted: false): world.coverage.reached("vote refused")
        case .preVoteReply(granted: false): world.coverage.reached("prevote refused")
        default: break
        }
    }

    /// What two machines of one identity promise against each other is what docs/threat-model.md says that Raft cannot withstand.
    private func judgeTwins(
        of host: Host, _ message: RaftMessage, to other: Host, _ network: NetworkID, _ generation: UInt64,
        in world: World
    ) {
        guard let own = host.disk.written[network]?.state(of: generation) else { return }
        for index in host.twins {
            guard let twin = world.hosts[index].disk.written[network]?.state(of: generation),
                Twins.contradicts(message, to: other.peer, by: own, twin: twin)
            else { continue }
            world.coverage.reached("twins promised twice")
            isMoot = true
        }
    }

    private func lead(_ host: Host, _ term: Term, disk: RaftState?, in group: GroupID, _ world: World) {
        noteLeader(host, term, in: group, world)
        guard durable.isFirstWord(of: host.peer, term, in: group) else { return }
        report("durable", durable.leads(host.peer, term, disk: disk, in: group), [host], world)
    }

    /// Somebody leads, or speaks as a leader does, whichever shows first.
    private func noteLeader(_ host: Host, _ term: Term, in group: GroupID, _ world: World) {
        let isNew = election.leader(of: term, in: group) == nil
        report("election", election.leads(host.peer, term, in: group), [host], world)
        guard isNew else { return }
        world.coverage.reached("leader elected")
        rare.elected(host, group, log: host.disk.written[group.network]?.raft?.state, in: world)
    }

    func said(_ message: GossipMessage, by host: Host, in world: World) { rare.said(message, by: host, in: world) }

    /// Before the disk has it.
    func writes(_ write: Disk.Write, on host: Host, in world: World) {
        switch write {
        case .ledger(let network, let ledger):
            let (news, wrong) = certificate.wrote(ledger, of: network)
            report("certificate", wrong, [host], world)
            if let last = ledger.chain.last, !last.vouches.contains(where: { $0.voter == host.peer }) {
                world.coverage.reached("certificate from another member")
            }
            guard let news, let config = certificate.config(news.version, of: network) else { return }
            judge(news.version, config, of: network, by: host, world)
        case .raft(let network, _, let change):
            // Signed by whoever wished it: who wrote it down does not matter.
            for entry in change.entries { learn(entry, of: network) }
            rare.wrote(change, after: host.disk.written[network]?.raft?.state, in: world)
        case .forget(let network): monotone.forgot(host.index, network)
        case .epoch: break
        }
    }

    private func judge(
        _ version: ConfigVersion, _ config: NetworkConfig, of network: NetworkID, by host: Host, _ world: World
    ) {
        let known = commands[network] ?? []
        guard !known.isEmpty, version.generation == 0 || version.revision > .first else { return }
        let before = ConfigVersion(generation: version.generation, revision: Revision(version.revision.value - 1))
        let after = ConfigVersion(generation: version.generation, revision: version.revision.next)
        if let earlier = certificate.config(before, of: network) {
            noteChange(from: earlier, to: config, world)
            report("authority", authority.judge(earlier, config, commands: known), [host], world)
            report("answer", Conflicts.judge(earlier, config, commands: known), [host], world)
        }
        if let later = certificate.config(after, of: network) {
            report("authority", authority.judge(config, later, commands: known), [host], world)
            report("answer", Conflicts.judge(config, later, commands: known), [host], world)
        }
    }

    private func noteChange(from before: NetworkConfig, to after: NetworkConfig, _ world: World) {
        if before.model != after.model { world.coverage.reached("model changed") }
        for member in after.members {
            guard let old = before.member(member.peer) else { continue }
            if old.role != member.role { world.coverage.reached("role changed") }
            if old.grantedMemory != member.grantedMemory { world.coverage.reached("grant changed") }
        }
    }

    // MARK: Machines

    func started(_ host: Host, with stored: [Disk.StoredFile], in world: World) {
        for file in stored {
            let version = file.ledger.version
            // What is there of an earlier generation of the network is not taken up again.
            let raft = file.raft.flatMap { $0.generation == version.generation ? $0.state : nil }
            monotone.restarted(host.index, file.ledger.network, version: version, term: raft?.hard.term ?? .zero)
        }
        log.restarted(host.peer)
    }

    func ended(_ host: Host, in world: World) {
        answers.ended(host.index)
        rare.ended(host, in: world)
    }

    /// It goes on with another disk than it had: an older one, or none.
    func lostDisk(_ host: Host) {
        records.forgot(host.peer)
        for network in networks { monotone.forgot(host.index, network) }
        log.restarted(host.peer)
    }

    // MARK: Requests

    func requested(_ id: RequestID, _ request: Request, on host: Host, in world: World) {
        let kind = RequestKind(request)
        answers.asked(
            id,
            Answers.Asked(
                host: host.index, life: host.life, at: world.now, isChat: kind == .chat, isChange: kind == .change))
        guard case .chat(let input) = request, case .sampling(let settings) = input.task, let model else { return }
        tokens.asked(
            id,
            expecting: model.answer(
                to: input.tokens, maxNewTokens: input.maxNewTokens, stop: input.stopTokens, sampling: settings))
    }

    func answered(_ id: RequestID, _ response: Response, on host: Host, in world: World) {
        switch response {
        case .token(let choice): report("tokens", tokens.told(choice.token, to: id), [host], world)
        case .embedding, .waiting: break
        default:
            let revision = response.changedRevision
            let generation = revision == nil ? 0 : networks.first.flatMap { host.inspect($0)?.generation } ?? 0
            report(
                "answer", answers.answered(id, revision: revision, generation: generation, at: world.now), [host], world
            )
            if case .chatFinished(let outcome) = response {
                report("tokens", tokens.finished(id, outcome.reason), [host], world)
                if outcome.reroutes > 0 { world.coverage.reached("route changed in an answer") }
                if outcome.reroutes > 1 { world.coverage.reached("replay interrupted by a second failure") }
            } else {
                tokens.ended(id)
                if case .refused = response, let asked = answers.request(id), asked.isChange {
                    world.coverage.reached("change refused")
                }
            }
            if revision != nil { rare.changed(id, asked: answers.request(id), in: world) }
        }
    }

    // MARK: Looking

    private func look(at host: Host, in world: World) {
        for network in networks { look(at: host, network, in: world) }
    }

    @discardableResult
    private func look(at host: Host, _ network: NetworkID, in world: World) -> NetworkInspection? {
        guard let seen = host.inspect(network), !host.isMalicious, host.cloneOf == nil else { return nil }
        let group = GroupID(network: network, generation: seen.generation)
        if seen.role == .leader {
            noteLeader(host, seen.term, in: group, world)
        }
        report("certificate", certificate.certified(seen.version, as: seen.headerDigest, in: network), [host], world)
        report(
            "monotone",
            monotone.saw(
                Monotone.Standing(
                    version: seen.version, generation: seen.generation, term: seen.term, commit: seen.commit,
                    applied: seen.applied), of: host.index, in: network), [host], world)
        if seen.commit > seen.lastIndex {
            report("log", "machine \(host.index) takes more for committed than its log holds", [host], world)
        }
        if let raft = host.disk.written[network]?.raft, raft.generation == seen.generation {
            report("log", log.saw(raft.state, commit: seen.commit, of: host.peer, in: group), [host], world)
        }
        rare.looked(at: host, seen, in: world)
        return seen
    }

    private func learn(_ entry: LogEntry, of network: NetworkID) {
        guard case .command = entry.body, learnt.insert(entry.body).inserted, let command = entry.command else {
            return
        }
        commands[network, default: []].append(command)
    }

    private func lookAround(in world: World) {
        looks += 1
        for host in world.hosts where !host.isPuppet {
            let isReached = world.isInReach(host)
            view.saw(
                host: host.index, isWell: host.isWell && isReached && host.cloneOf == nil && !host.isGone,
                isOff: !host.isOn, at: world.now)
        }
        for host in world.hosts where host.isOn && !host.isPuppet {
            for network in networks {
                guard let seen = look(at: host, network, in: world) else { continue }
                believe(seen, host, in: world)
                // What is held as its own may be a copy's, or of a later life than this one, where its disk was set back.
                if host.twins.isEmpty, let told = seen.record(of: host.peer)?.version, told.epoch == seen.epoch,
                    let signed = seen.signed(of: host.peer)
                {
                    report("monotone", records.signs(signed, told, in: network), [host], world)
                }
                if world.isRecording, let wrong = records.saw(seen, of: host) {
                    report(wrong.invariant, wrong.what, [host], world)
                }
            }
            // Tables take seconds to overflow, and counting them costs more than all else here.
            guard looks % 8 == 0 else { continue }
            report("bounds", Bounds.exceeded(host.withCore { $0.tableSizes } ?? []), [host], world)
        }
    }

    private func believe(_ seen: NetworkInspection, _ host: Host, in world: World) {
        // Most of the time everybody lives and is believed to: then there is nothing to judge.
        let isCalm = !view.isAnyOff && !rare.believesAnyDead(host.index)
        for (peer, liveness) in seen.liveness where liveness == .dead || !isCalm {
            guard let subject = world.index(of: peer) else { continue }
            rare.believes(host, liveness, of: subject, in: world)
            guard judgesView, let wrong = view.believes(host.index, liveness, of: subject, at: world.now) else {
                continue
            }
            report("view", wrong, [host, world.hosts[subject]], world)
        }
    }

    func report(_ invariant: String, _ wrong: String?, _ hosts: [Host], _ world: World) {
        if let wrong, !isMoot { world.violated(invariant, wrong, hosts.map(\.index)) }
    }
}

/// Tables stay within what they promise.
enum Bounds {
    static func exceeded(_ tables: [(String, Int, Int)]) -> String? {
        tables.first { $0.1 > $0.2 }.map { "a peer keeps \($0.1) \($0.0), more than \($0.2)" }
    }
}

enum RequestKind {
    case chat
    case change
    case other

    init(_ request: Request) {
        switch request {
        case .chat: self = .chat
        case .discover, .createNetwork, .join: self = .other
        case .leave, .invite, .setModel, .change, .recover: self = .change
        }
    }
}
