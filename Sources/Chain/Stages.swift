import Identity
import Wire

/// All stages that one peer computes, in all sessions and networks: gives each frame to the stage that it is for.
///
/// Stages of a route open at different times, so a stage may say `Resume` before the stage that feeds it has heard of the route at
/// all. Such a frame is kept until the `RouteOpen` comes. It is the only kind that can be early: everything else along the chain
/// answers a frame that this peer sent in that epoch.
public struct Stages: Sendable {
    public enum Input: Hashable, Sendable {
        /// Any frame of the chain. What is for the driver of a session is ignored here.
        case received(Frame, from: PeerID)
        case computed(StageKey, StageTicket, StageResult)
        case blocksReady(StageKey, BlockRange)
        case blocksRefused(StageKey, BlockRange, reason: String)
        case blocksLost(StageKey, BlockRange, reason: String)
        /// A link to this peer is up (again).
        case linked(PeerID)
        /// Free this session's stages; their driver is told.
        case evicted(SessionID)
        case tick
    }

    private struct EarlyResume: Sendable {
        let resume: Resume
        let sender: PeerID
    }

    /// Resumes kept until their route is opened. One for each stage that waits for another peer to hear of a route.
    static let earlyResumes = 256

    public let peer: PeerID
    let settings: ChainSettings
    /// Ascending by key.
    public private(set) var stages: [Stage] = []
    private var early: [EarlyResume] = []
    private var incarnations: UInt64 = 0

    public init(peer: PeerID, settings: ChainSettings = .standard) {
        self.peer = peer
        self.settings = settings
    }

    public subscript(key: StageKey) -> Stage? { stages.first { $0.key == key } }
    public var logBytes: Int { stages.reduce(0) { $0 + $1.logBytes } }
    /// When `tick` must come at the latest.
    public var nextDeadline: Instant? { stages.compactMap(\.nextDeadline).min() }

    public mutating func dropLog(_ key: StageKey) {
        guard let index = stages.firstIndex(where: { $0.key == key }) else { return }
        stages[index].dropLog()
    }

    public mutating func handle(_ input: Input, at now: Instant) -> [StageEffect] {
        switch input {
        case .received(let frame, let sender): return received(frame, from: sender, now)
        case .computed(let key, let ticket, let result): return pass(.computed(ticket, result), to: key, now)
        case .blocksReady(let key, let range): return pass(.blocksReady(range), to: key, now)
        case .blocksRefused(let key, let range, let reason):
            return pass(.blocksRefused(range, reason: reason), to: key, now)
        case .blocksLost(let key, let range, let reason):
            return pass(.blocksLost(range, reason: reason), to: key, now)
        case .linked(let peer): return passToAll(.linked(peer), now)
        case .evicted(let session): return end(.evicted, now) { $0.key.session == session }
        case .tick: return passToAll(.tick, now)
        }
    }

    private mutating func received(_ frame: Frame, from sender: PeerID, _ now: Instant) -> [StageEffect] {
        switch frame {
        case .routeOpen(let open): return opened(open, from: sender, now)
        case .tokens(let tokens): return pass(frame, from: sender, tokens.session, tokens.epoch, stage: 0, now)
        case .activation(let activation):
            return pass(frame, from: sender, activation.session, activation.epoch, stage: activation.stage, now)
        case .stageProgress(let progress):
            return pass(frame, from: sender, progress.session, progress.epoch, stage: progress.stage - 1, now)
        case .resume(let resume):
            guard resume.stage > 0 else { return [] }
            if find(resume.session, resume.epoch, stage: resume.stage - 1) == nil { keep(resume, from: sender) }
            return pass(frame, from: sender, resume.session, resume.epoch, stage: resume.stage - 1, now)
        case .sessionClose(let session, let epoch):
            return end(.closed, now) { $0.key.session == session && $0.epoch <= epoch && $0.driver == sender }
        default: return []
        }
    }

    private mutating func opened(_ open: RouteOpen, from driver: PeerID, _ now: Instant) -> [StageEffect] {
        guard open.epoch >= newestEpoch(open.session), open.stages.indices.contains(open.stage),
            open.stages[open.stage].peer == peer
        else { return [] }
        // Stages of an older route that the new one has no place for on this peer.
        let places = open.stages.filter { $0.peer == peer }.map(\.blocks.first)
        var effects = end(.closed, now) { stage in
            stage.key.session == open.session && stage.epoch < open.epoch && !places.contains(stage.key.firstBlock)
        }
        let key = StageKey(session: open.session, firstBlock: open.stages[open.stage].blocks.first)
        let index = stages.firstIndex { $0.key >= key } ?? stages.count
        if index == stages.count || stages[index].key != key {
            guard stages.count < settings.stages else {
                let failed = StageFailed(
                    session: open.session, epoch: open.epoch, stage: open.stage,
                    reason: "the peer serves \(stages.count) stages already")
                effects.append(.send(.stageFailed(failed), to: driver))
                return effects
            }
            incarnations += 1
            stages.insert(Stage(key: key, peer: peer, incarnation: incarnations, settings: settings), at: index)
        }
        effects += stages[index].handle(.opened(open, from: driver), at: now)
        for entry in early where entry.resume.session == open.session && entry.resume.epoch == open.epoch {
            effects += stages[index].handle(.received(.resume(entry.resume), from: entry.sender), at: now)
        }
        early.removeAll {
            $0.resume.session == open.session
                && ($0.resume.epoch < open.epoch
                    || ($0.resume.epoch == open.epoch && $0.resume.stage == open.stage + 1))
        }
        return effects
    }

    /// The highest epoch in which this peer has a stage of the session.
    private func newestEpoch(_ session: SessionID) -> RouteEpoch {
        stages.reduce(RouteEpoch(0)) { $1.key.session == session ? max($0, $1.epoch) : $0 }
    }

    private mutating func keep(_ resume: Resume, from sender: PeerID) {
        guard resume.epoch >= newestEpoch(resume.session) else { return }
        early.removeAll {
            $0.resume.session == resume.session && $0.resume.stage == resume.stage && $0.sender == sender
        }
        if early.count >= Self.earlyResumes { early.removeFirst() }
        early.append(EarlyResume(resume: resume, sender: sender))
    }

    private func find(_ session: SessionID, _ epoch: RouteEpoch, stage: Int) -> Int? {
        stages.firstIndex { $0.key.session == session && $0.epoch == epoch && $0.index == stage }
    }

    private mutating func pass(
        _ frame: Frame, from sender: PeerID, _ session: SessionID, _ epoch: RouteEpoch, stage: Int, _ now: Instant
    ) -> [StageEffect] {
        guard let index = find(session, epoch, stage: stage) else { return [] }
        return stages[index].handle(.received(frame, from: sender), at: now)
    }

    private mutating func pass(_ input: Stage.Input, to key: StageKey, _ now: Instant) -> [StageEffect] {
        guard let index = stages.firstIndex(where: { $0.key == key }) else { return [] }
        return stages[index].handle(input, at: now)
    }

    private mutating func passToAll(_ input: Stage.Input, _ now: Instant) -> [StageEffect] {
        var effects: [StageEffect] = []
        for index in stages.indices { effects += stages[index].handle(input, at: now) }
        return effects
    }

    private mutating func end(_ input: Stage.Input, _ now: Instant, where condition: (Stage) -> Bool) -> [StageEffect] {
        var effects: [StageEffect] = []
        var kept: [Stage] = []
        for var stage in stages {
            if condition(stage) { effects += stage.handle(input, at: now) } else { kept.append(stage) }
        }
        stages = kept
        return effects
    }
}
