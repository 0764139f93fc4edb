import Chain
import Identity
import Testing
import Wire

/// Some peers, a driver on the first, ordered links between all of them, and a clock that moves only when nothing else can. Which
/// of the things that could happen next does happen is drawn from a seed.
final class World {
    enum ShellJob {
        case compute(StageWork)
        case truncate(StageKey, Int)
        case reset(StageKey, BlockRange)
        case drop(StageKey)
        case load(StageKey, BlockRange)
    }

    struct Happening {
        var duplicates = 0
        var replays = 0
        var lostResults = 0
        var lostFrames = 0
    }

    static let network = NetworkID(digest: Digest(value: Bytes32((0..<32).map { _ in 7 })!))
    static let model = Digest.of([7])
    static let session = SessionID(high: 1, low: 2)
    static let task = HeadTask.sampling(sampling)
    static let sampling = SamplingSettings(temperature: 0, topK: 0, topP: 1, seed: 42)
    static func peer(_ number: Int) -> PeerID { PeerID((0..<32).map { $0 == 0 ? UInt8(number) : 0 })! }

    let count: Int
    let blockCount: Int
    let holders: [RoutePlanner.Holder]
    let settings: ChainSettings
    /// In percent, for each frame or computation.
    var happening = Happening()
    var random: SeededGenerator

    var driver: Driver
    var stages: [Stages]
    private(set) var caches: [[StageKey: FakeCache]]
    private(set) var jobs: [[ShellJob]]
    private(set) var links: [[[Frame]]]
    private(set) var isUp: [[Bool]]
    private(set) var isAlive: [Bool]
    private(set) var now = Instant.zero
    private(set) var steps = 0
    private(set) var answer: [Int32] = []
    private(set) var embeddings: [Payload] = []
    private(set) var finished: Driver.Finish?
    private(set) var framesSent: [(frame: Frame, from: Int, to: Int)] = []
    /// Positions computed, replays included.
    private(set) var computed = 0
    private(set) var largestQueue = 0
    /// Encode and decode each frame on its way.
    var checksWire = false
    var refusesBlocks: Set<Int> = []
    /// Where caches can be cut (`FakeCache`), and how often that left less than a stage had asked for.
    var cacheGrain = 1
    private(set) var fellShort = 0
    /// Peers that take frames and never answer.
    var isHung: [Bool]

    init(
        peers: Int, blockCount: Int, holders: [RoutePlanner.Holder], seed: UInt64, settings: ChainSettings = .small
    ) {
        count = peers
        self.blockCount = blockCount
        self.holders = holders
        self.settings = settings
        random = SeededGenerator(seed)
        driver = Driver(
            network: World.network, model: World.model, session: World.session, peer: World.peer(0),
            blockCount: blockCount,
            task: World.task, settings: settings)
        stages = (0..<peers).map { Stages(peer: World.peer($0), settings: settings) }
        caches = Array(repeating: [:], count: peers)
        jobs = Array(repeating: [], count: peers)
        links = Array(repeating: Array(repeating: [], count: peers), count: peers)
        isUp = Array(repeating: Array(repeating: true, count: peers), count: peers)
        isAlive = Array(repeating: true, count: peers)
        isHung = Array(repeating: false, count: peers)
    }

    private func number(_ peer: PeerID) -> Int { Int(peer.bytes[0]) }

    // MARK: What the shell does

    func drive(_ input: Driver.Input) {
        for effect in driver.handle(input, at: now) {
            switch effect {
            case .send(let frame, let peer): send(frame, from: 0, to: number(peer))
            case .routeWanted(let avoiding, let keeping): drive(.rerouted(plan(avoiding, keeping)))
            case .token(let token, let position):
                #expect(driver.tokens[position.value] == token.token)
                answer.append(token.token)
            case .embedding(let payload): embeddings.append(payload)
            case .finished(let reason): finished = reason
            }
        }
    }

    func plan(_ avoiding: [PeerID] = [], _ keeping: [RouteStage] = []) -> [RouteStage]? {
        let reachable = holders.filter { isAlive[number($0.peer)] && isUp[0][number($0.peer)] }
        return RoutePlanner.route(blockCount: blockCount, holders: reachable, keeping: keeping, avoiding: avoiding)
    }

    private func stage(_ index: Int, _ input: Stages.Input) {
        for effect in stages[index].handle(input, at: now) {
            switch effect {
            case .send(let frame, let peer): send(frame, from: index, to: number(peer))
            case .compute(let work): jobs[index].append(.compute(work))
            case .truncateCache(let key, let position): jobs[index].append(.truncate(key, position.value))
            case .resetCache(let key, let blocks): jobs[index].append(.reset(key, blocks))
            case .dropCache(let key): jobs[index].append(.drop(key))
            case .needBlocks(let key, _, let blocks): jobs[index].append(.load(key, blocks))
            }
        }
    }

    private func send(_ frame: Frame, from: Int, to: Int) {
        framesSent.append((frame, from, to))
        guard isUp[from][to], isAlive[to] else { return }
        if checksWire {
            do {
                #expect(try Frame(frame.encoded()) == frame)
            } catch {
                Issue.record("\(frame) cannot be read: \(error)")
            }
        }
        if from != to && random.chance(happening.lostFrames) { return }
        links[from][to].append(frame)
        if random.chance(happening.duplicates) { links[from][to].append(frame) }
        if happening.replays > 0 && random.chance(happening.replays) {
            let old = framesSent[random.below(framesSent.count)]
            if isUp[old.from][old.to] && isAlive[old.from] { links[old.from][old.to].append(old.frame) }
        }
    }

    private func perform(_ index: Int) {
        switch jobs[index].removeFirst() {
        case .truncate(let key, let position): caches[index][key]?.truncate(to: position)
        case .reset(let key, let blocks): caches[index][key] = FakeCache(blocks: blocks, grain: cacheGrain)
        case .drop(let key): caches[index][key] = nil
        case .load(let key, let blocks):
            if refusesBlocks.contains(index) {
                stage(index, .blocksRefused(key, blocks, reason: "the disk is full"))
            } else {
                stage(index, .blocksReady(key, blocks))
            }
        case .compute(let work):
            guard var cache = caches[index][work.key] else {
                Issue.record("work without a cache: \(work.key)")
                return
            }
            #expect(cache.blocks == work.blocks)
            if cache.count < work.first.value, cache.fellShort {
                fellShort += 1
                return stage(index, .computed(work.key, work.ticket, .missing(from: Position(cache.count))))
            }
            #expect(cache.count == work.first.value, "the cache must hold exactly the positions below the work")
            #expect(work.count <= settings.positionsPerCompute)
            computed += work.count
            let outputs =
                switch work.input {
                case .tokens(let tokens): tokens.map { cache.apply(UInt64($0), token: $0) }
                case .hidden(let payload, let tokens):
                    zip(FakeModel.values(payload), tokens).map { cache.apply($0, token: $1) }
                }
            caches[index][work.key] = cache
            if random.chance(happening.lostResults) { return }
            switch work.output {
            case .hidden: stage(index, .computed(work.key, work.ticket, .hidden(FakeModel.payload(outputs))))
            case .nothing, .states: stage(index, .computed(work.key, work.ticket, .cached))
            case .token(let settings, _, let answerStart):
                let token = FakeModel.sample(
                    outputs.last!, settings, answerStart: answerStart.value, heard: cache.heard)
                stage(index, .computed(work.key, work.ticket, .token(TokenChoice(token: token))))
            case .embedding:
                let embedding = FakeModel.payload([FakeModel.mix(outputs.last!, cache.heard)])
                stage(index, .computed(work.key, work.ticket, .embedding(embedding)))
            }
        }
    }

    // MARK: Time

    /// What could happen next: a frame arrives from one peer at another, or a peer's shell does its next job.
    private var ways: [(Int, Int?)] {
        var ways: [(Int, Int?)] = []
        for from in 0..<count {
            for to in 0..<count where !links[from][to].isEmpty && !isHung[to] { ways.append((from, to)) }
            if !jobs[from].isEmpty && !isHung[from] { ways.append((from, nil)) }
        }
        return ways
    }

    /// Whether nothing happens before the clock moves.
    var isQuiet: Bool { ways.isEmpty }

    /// Lets one thing happen. False where nothing can.
    func step() -> Bool {
        let ways = ways
        guard !ways.isEmpty else { return false }
        steps += 1
        let (from, to) = ways[random.below(ways.count)]
        if let to {
            let frame = links[from][to].removeFirst()
            if to == 0 { drive(.received(frame, from: World.peer(from))) }
            stage(to, .received(frame, from: World.peer(from)))
            for one in stages[to].stages { largestQueue = max(largestQueue, one.positionsWaiting) }
        } else {
            perform(from)
        }
        return true
    }

    /// Moves the clock to the next deadline. False where there is none.
    func wait() -> Bool {
        let deadlines =
            (isHung.indices.filter { !isHung[$0] }.compactMap { stages[$0].nextDeadline })
            + [driver.nextDeadline].compactMap { $0 }
        guard let deadline = deadlines.min() else { return false }
        now = max(now, deadline)
        drive(.tick)
        for index in 0..<count where !isHung[index] { stage(index, .tick) }
        return true
    }

    /// Runs until the turn has ended. `disturb` is called before each step.
    func run(limit: Int = 60_000, disturb: (World) -> Void = { _ in }) {
        let end = steps + limit
        var waits = 0
        while finished == nil && steps < end && waits < 3000 {
            disturb(self)
            if step() { continue }
            waits += 1
            if !wait() { break }
        }
        if finished == nil {
            Issue.record("no end after \(steps) steps and \(waits) waits: \(driver.state(of: stages))")
        }
    }

    func say(_ turn: Turn, keeping: Int? = nil) {
        answer = []
        finished = nil
        drive(
            .append(
                tokens: turn.prompt, keeping: keeping, maxNewTokens: turn.maxNewTokens, stop: turn.stop,
                task: turn.settings.map { .sampling($0) } ?? World.task))
    }

    func embed(_ tokens: [Int32]) {
        finished = nil
        drive(.append(tokens: tokens, maxNewTokens: 1, stop: [], task: .embedding))
    }

    // MARK: What goes wrong

    /// The peer's process dies with all its memory; it starts anew by `restart`.
    func kill(_ index: Int) {
        isAlive[index] = false
        for other in 0..<count {
            links[index][other] = []
            links[other][index] = []
        }
        jobs[index] = []
        caches[index] = [:]
        stages[index] = Stages(peer: World.peer(index), settings: settings)
        drive(.stageLost(World.peer(index)))
    }

    func restart(_ index: Int) {
        isAlive[index] = true
        for other in 0..<count where other != index && isAlive[other] && isUp[index][other] {
            stage(other, .linked(World.peer(index)))
        }
        if isUp[0][index] { drive(.linked(World.peer(index))) }
        worldChanged()
    }

    func cut(_ one: Int, _ other: Int) {
        isUp[one][other] = false
        isUp[other][one] = false
        links[one][other] = []
        links[other][one] = []
        if one == 0 { drive(.stageLost(World.peer(other))) }
        if other == 0 { drive(.stageLost(World.peer(one))) }
    }

    func join(_ one: Int, _ other: Int) {
        isUp[one][other] = true
        isUp[other][one] = true
        stage(one, .linked(World.peer(other)))
        stage(other, .linked(World.peer(one)))
        if one == 0 { drive(.linked(World.peer(other))) }
        if other == 0 { drive(.linked(World.peer(one))) }
        worldChanged()
    }

    private func worldChanged() {
        guard let wish = driver.routeWish else { return }
        if let route = plan(wish.avoiding, wish.keeping) { drive(.rerouted(route)) }
    }

    func inject(_ frame: Frame, from: Int, to: Int) { links[from][to].append(frame) }
    func evict(_ index: Int) { stage(index, .evicted(World.session)) }
    func dropLogs() {
        for index in 0..<count { for one in stages[index].stages { stages[index].dropLog(one.key) } }
    }
}

extension Driver {
    func state(of stages: [Stages]) -> String {
        var lines = ["driver at \(tokens.count), epoch \(epoch), wish \(String(describing: routeWish))"]
        for peer in stages {
            for stage in peer.stages {
                lines.append(
                    "\(peer.peer.short) blocks \(String(describing: stage.blocks)) epoch \(stage.epoch) next \(stage.next)"
                )
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension ChainSettings {
    /// Small enough that a short conversation meets every limit.
    static var small: ChainSettings {
        var settings = ChainSettings()
        settings.positionsPerFrame = 4
        settings.positionsPerCompute = 3
        settings.window = 8
        settings.failures = 1000
        return settings
    }
}

extension World {
    static func holder(_ peer: Int, _ ranges: ClosedRange<Int>..., rank: Int = 0) -> RoutePlanner.Holder {
        RoutePlanner.Holder(peer: self.peer(peer), ranges: ranges.map { BlockRange($0) }, rank: rank)
    }

    /// Three peers of which any two hold all nine blocks. The driver's peer holds a part too.
    static func trio(seed: UInt64, settings: ChainSettings = .small) -> World {
        World(
            peers: 3, blockCount: 9,
            holders: [
                holder(0, 0...2), holder(1, 3...5), holder(2, 6...8),
                holder(1, 0...2, rank: 1), holder(2, 3...5, rank: 1), holder(0, 6...8, rank: 1),
            ], seed: seed, settings: settings)
    }

    /// A driver without blocks and five peers; any two may go. Ranges overlap unevenly, so that routes change shape.
    static func six(seed: UInt64, settings: ChainSettings = .small) -> World {
        World(
            peers: 6, blockCount: 12,
            holders: [
                holder(1, 0...4), holder(2, 5...8), holder(3, 9...11),
                holder(4, 0...6, rank: 1), holder(5, 7...11, rank: 1),
                holder(1, 0...11, rank: 2), holder(2, 0...11, rank: 2), holder(3, 0...11, rank: 2),
            ], seed: seed, settings: settings)
    }
}

extension Stage {
    var positionsWaiting: Int { queuedPositions }
}
