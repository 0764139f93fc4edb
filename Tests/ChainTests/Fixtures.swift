import Chain
import Identity
import Wire

// Short ways to write frames and read effects.

let driverPeer = World.peer(0)
let session = World.session

func peer(_ number: Int) -> PeerID { World.peer(number) }

func stage(_ peer: Int, _ blocks: ClosedRange<Int>) -> RouteStage {
    RouteStage(peer: World.peer(peer), blocks: BlockRange(blocks))
}

/// Nine blocks over peers 1, 2 and 3.
let threeStages = [stage(1, 0...2), stage(2, 3...5), stage(3, 6...8)]

func routeOpen(
    _ epoch: UInt64, stage: Int, stages: [RouteStage] = threeStages, awaiting: Int? = nil, seed: UInt64 = 42,
    start: Int? = nil, task: HeadTask? = nil, cut: TextCut? = nil,
    format: CacheFormat = .f16
) -> RouteOpen {
    RouteOpen(
        network: World.network, model: World.model, session: session, epoch: RouteEpoch(epoch), stages: stages,
        stage: stage,
        task: task ?? .sampling(SamplingSettings(temperature: 0, topK: 0, topP: 1, seed: seed)),
        answerStart: Position(start ?? awaiting ?? 0),
        awaiting: awaiting.map { Position($0) }, cut: cut, cacheFormat: format)
}

/// The text that begins with this epoch.
func cut(_ epoch: UInt64, since: UInt64, kept: Int) -> TextCut {
    TextCut(epoch: RouteEpoch(epoch), since: RouteEpoch(since), kept: Position(kept))
}

func resume(_ epoch: UInt64, stage: Int, next: Int) -> Frame {
    .resume(Resume(session: session, epoch: RouteEpoch(epoch), stage: stage, next: Position(next)))
}

func progress(_ epoch: UInt64, stage: Int, next: Int) -> Frame {
    .stageProgress(Resume(session: session, epoch: RouteEpoch(epoch), stage: stage, next: Position(next)))
}

func tokens(_ epoch: UInt64, at first: Int, _ tokens: [Int32], sample: Bool = false) -> Frame {
    .tokens(Tokens(session: session, epoch: RouteEpoch(epoch), first: Position(first), tokens: tokens, sample: sample))
}

func activation(_ epoch: UInt64, stage: Int, at first: Int, _ values: [UInt64], sample: Bool = false) -> Frame {
    .activation(
        Activation(
            session: session, epoch: RouteEpoch(epoch), stage: stage, first: Position(first),
            tokens: values.indices.map { Int32(first + $0) }, sample: sample, payload: FakeModel.payload(values)))
}

func sampled(_ epoch: UInt64, at position: Int, _ token: Int32) -> Frame {
    .sampled(
        Sampled(
            session: session, epoch: RouteEpoch(epoch), position: Position(position), choice: TokenChoice(token: token))
    )
}

func embedded(_ epoch: UInt64, at position: Int, _ value: UInt64) -> Frame {
    .embedded(
        Embedded(
            session: session, epoch: RouteEpoch(epoch), position: Position(position),
            payload: FakeModel.payload([value])))
}

func told(_ token: Int32, at position: Int) -> Driver.Effect {
    .token(TokenChoice(token: token), at: Position(position))
}

func failed(_ epoch: UInt64, stage: Int, _ reason: String) -> Frame {
    .stageFailed(StageFailed(session: session, epoch: RouteEpoch(epoch), stage: stage, reason: reason))
}

extension [StageEffect] {
    var frames: [Frame] { compactMap { if case .send(let frame, _) = $0 { frame } else { nil } } }
    var works: [StageWork] { compactMap { if case .compute(let work) = $0 { work } else { nil } } }
    var truncations: [Int] {
        compactMap { if case .truncateCache(_, let position) = $0 { position.value } else { nil } }
    }
    var resets: [BlockRange] { compactMap { if case .resetCache(_, let blocks) = $0 { blocks } else { nil } } }
    func frames(to peer: PeerID) -> [Frame] {
        compactMap { if case .send(let frame, peer) = $0 { frame } else { nil } }
    }
}

extension [Driver.Effect] {
    func frames(to peer: PeerID) -> [Frame] {
        compactMap { if case .send(let frame, peer) = $0 { frame } else { nil } }
    }
    var finish: Driver.Finish? {
        for case .finished(let finish) in self { return finish }
        return nil
    }
    var wish: Driver.RouteWish? {
        for case .routeWanted(let avoiding, let keeping) in self {
            return Driver.RouteWish(avoiding: avoiding, keeping: keeping)
        }
        return nil
    }
    var told: [Int32] { compactMap { if case .token(let choice, _) = $0 { choice.token } else { nil } } }
}

/// One stage with a shell that answers at will.
final class StageBench {
    var stage: Stage
    var now = Instant.zero

    /// Peer 2 computing blocks 3-5, between peers 1 and 3; or, with `index`, another of the three.
    init(index: Int = 1, settings: ChainSettings = .small) {
        let key = StageKey(session: session, firstBlock: index * 3)
        stage = Stage(key: key, peer: World.peer(index + 1), incarnation: 1, settings: settings)
    }

    func handle(_ input: Stage.Input) -> [StageEffect] { stage.handle(input, at: now) }
    func receive(_ frame: Frame, from peer: Int) -> [StageEffect] {
        handle(.received(frame, from: World.peer(peer)))
    }

    /// Opens a route and loads the blocks; all effects of both.
    @discardableResult
    func open(_ route: RouteOpen) -> [StageEffect] {
        handle(.opened(route, from: driverPeer)) + handle(.blocksReady(route.stages[route.stage].blocks))
    }

    /// Answers computations as the fake model would not care to, until there are none; all effects.
    @discardableResult
    func finish(_ effects: [StageEffect], token: Int32 = 7) -> [StageEffect] {
        var all = effects
        var pending = effects.works
        while !pending.isEmpty {
            let work = pending.removeFirst()
            let result: StageResult =
                switch work.output {
                case .hidden: .hidden(FakeModel.payload((0..<work.count).map { UInt64(1000 + work.first.value + $0) }))
                case .nothing, .states: .cached
                case .token: .token(TokenChoice(token: token))
                case .embedding: .embedding(FakeModel.payload([UInt64(token)]))
                }
            let more = handle(.computed(work.ticket, result))
            all += more
            pending += more.works
        }
        return all
    }
}

/// The stages of peer 2.
final class StagesBench {
    private(set) var stages: Stages

    init(settings: ChainSettings = .small) { stages = Stages(peer: World.peer(2), settings: settings) }

    @discardableResult
    func handle(_ input: Stages.Input) -> [StageEffect] { stages.handle(input, at: .zero) }
    @discardableResult
    func receive(_ frame: Frame, from peer: Int) -> [StageEffect] { handle(.received(frame, from: World.peer(peer))) }
    /// Opens a route of its driver and loads the blocks.
    func open(_ route: RouteOpen) {
        let blocks = route.stages[route.stage].blocks
        receive(.routeOpen(route), from: 0)
        handle(.blocksReady(StageKey(session: route.session, firstBlock: blocks.first), blocks))
    }
}
