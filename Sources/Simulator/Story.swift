import Identity
import MeshCore
import NetworkConfig
import Wire

/// One world on its way through a scenario.
final class Story {
    /// Between two looks at whether it is time to stop, in simulated time.
    static let stride = Interval.milliseconds(50)
    /// Until the network stands, before the story begins.
    static let openingMax = Interval.seconds(180)

    let scenario: Scenario
    let seed: UInt64
    let world: World
    let checks: Checks
    let drawn: Drawn
    let model: FakeModel
    var draw: Draw
    var faultDraw: SeededGenerator
    var network = NetworkID(digest: Digest.of([]))
    /// Ends nothing by itself: says that no new chat, change or fault is begun.
    var isOver = false
    private var storyBegan = Instant.zero

    /// Faults that are not over, in the order in which they began.
    var undos: [(number: Int, undo: World.Undo)] = []
    var lastFault = 0
    /// Newcomers' and others' wishes.
    var lastConversation: UInt64 = 0
    var conversations: [Conversation] = []
    var chats: [RequestID: Conversation] = [:]
    var lastPolicy = 0
    /// Whom an invitation has let in.
    var invited: [String: Int] = [:]
    var pendingJoins: [RequestID: String] = [:]
    var invitations: [RequestID: Int] = [:]
    var leaving: [RequestID: Int] = [:]
    var removing: [RequestID: Int] = [:]
    var lastModel: UInt64 = 0
    /// Whether whoever tells a token next is killed.
    var killsNextDriver = false
    /// Newcomers that are being invited or let in.
    var joining: Set<Int> = []
    /// Who was given a copy of somebody's invitation.
    var doubles: [Int: Int] = [:]
    /// Machines that have left, or never were in.
    var outside: Set<Int> = []

    /// Machines that keep the world from being well.
    var lackers: [Int] = []
    /// The change that shows that changes go through again.
    var probe: RequestID?
    /// Whether packets are neither lost nor late, so that everyone can know who is there.
    var isSteady = true

    private var wasStopped = false

    init(scenario: Scenario, seed: UInt64) {
        self.scenario = scenario
        self.seed = seed
        var draw = Draw(SeededGenerator(seed: FakeModel.mix(seed, 0x5354_4F52_59)))
        var times = World.Times()
        drawn = Drawn(scenario, world: &times, draw: &draw)
        self.draw = draw
        faultDraw = SeededGenerator(seed: FakeModel.mix(seed, 0x4641_554C_54))
        model = FakeModel(
            blocks: scenario.model.blocks, memory: scenario.model.blockMemory, pieceBytes: scenario.model.pieceBytes)
        world = World(seed: FakeModel.mix(seed, 0x574F_524C_44), hosts: drawn.peers, memory: drawn.memory)
        // With one seed in three, models whose caches go back to certain places only, as such that convolve.
        world.cacheGrain = seed % 3 == 0 ? 8 : 1
        world.times = times
        world.codedShare = 0.02
        world.keepsEvents = false
        world.trace.keeps = true
        checks = Checks(viewBound: Story.viewBound(peers: drawn.peers))
        checks.model = model
        for host in world.hosts { host.clockOffset = Int64(draw.next() % 1_000_000_000_000) }
        world.responded = { [unowned self] id, response, host in responded(id, response, host) }
    }

    /// How long it may take until a death, or a life, is believed by all: the longest suspicion at the longest interval, the rounds until
    /// somebody looks, and the spreading of the news.
    static func viewBound(peers: Int) -> Interval {
        let decades = max(1, Logarithm.natural(Double(max(peers, 2))) / Logarithm.natural(10))
        return Interval(seconds: 8 + 12 * decades)
    }

    // MARK: Running

    func run(shouldStop: () -> Bool, progress: (Double) -> Void) {
        let whole = drawn.lasts.seconds + scenario.recoversWithin / 4
        func goes(_ share: Double) -> Bool {
            progress(min(share, 1))
            if shouldStop() { wasStopped = true }
            return !wasStopped && world.firstViolation == nil && !checks.isMoot
        }
        guard open({ goes(0) }) else { return }
        storyBegan = world.now
        let end = world.now.advanced(by: drawn.lasts)
        beginStory()
        while world.now < end {
            guard goes(world.now.since(storyBegan).seconds / whole) else { return }
            world.run(for: Story.stride)
        }
        isOver = true
        recover { goes(world.now.since(storyBegan).seconds / whole) }
        progress(1)
    }

    /// Runs until a condition holds, looked at now and then. False where it did not in time, or the run is to end.
    func wait(_ limit: Interval, every stride: Interval = Story.stride, goes: () -> Bool, until condition: () -> Bool)
        -> Bool
    {
        let end = world.now.advanced(by: limit)
        while world.now < end {
            if condition() { return true }
            guard goes() else { return false }
            world.run(for: stride)
        }
        return condition()
    }

    var result: SimulationResult {
        var result = SimulationResult(scenario: scenario.name, seed: seed)
        result.simulatedSeconds = Double(world.now.nanoseconds) / 1e9
        result.events = world.handled
        result.coverage = world.coverage.counts
        result.vacancies = checks.rare.vacancies.map(\.seconds)
        result.traceHash = world.traceHash
        if let violation = world.firstViolation {
            result.violation = SimulationResult.Violation(
                invariant: violation.invariant, what: violation.what, at: Double(violation.at.nanoseconds) / 1e9,
                diagram: world.diagram)
        }
        return result
    }

    // MARK: Opening

    private func open(_ goes: () -> Bool) -> Bool {
        world.give(model, to: 0)
        world.start(0)
        let founding = world.request(0, .createNetwork(name: "home", model: model.manifest))
        guard wait(.seconds(20), goes: goes, until: { world.outcome(founding) != nil }) else {
            return lacks("no network was founded", goes)
        }
        guard case .created(let id)? = world.outcome(founding) else {
            return lacks("no network was founded: \(String(describing: world.outcome(founding)))", goes)
        }
        network = id
        checks.networks = [id]
        checks.start(in: world)
        switch scenario.opening {
        case .ready:
            for host in world.hosts.dropFirst() { world.start(host.index) }
            guard letIn(Array(1..<drawn.peers), goes) else { return false }
            let home = Home(world: world, network: network, model: model)
            var lack: String?
            let isReady = wait(Story.openingMax, every: .milliseconds(200), goes: goes) {
                lack = home.whatLacks ?? votersLack
                return lack == nil
            }
            return isReady || lacks("the network was never ready: \(lack ?? "")", goes)
        case .arrivals(let within):
            let span = draw.number(in: within)
            for host in world.hosts.dropFirst() {
                outside.insert(host.index)
                world.after(Interval(seconds: draw.share() * span)) { [self] in
                    if !host.isOn { world.start(host.index) }
                    invite(host.index)
                }
            }
            return true
        }
    }

    private func lacks(_ what: String, _ goes: () -> Bool) -> Bool {
        if goes() { world.violated("convergence", what, world.hosts.map(\.index)) }
        return false
    }

    /// All of them join, some at a time, before anything goes wrong.
    private func letIn(_ newcomers: [Int], _ goes: () -> Bool) -> Bool {
        var waiting = newcomers
        for newcomer in newcomers { outside.insert(newcomer) }
        let atOnce = max(8, newcomers.count / 4)
        while !waiting.isEmpty {
            let now = Array(waiting.prefix(atOnce))
            waiting.removeFirst(now.count)
            for newcomer in now { invite(newcomer) }
            let areIn = wait(Story.openingMax, goes: goes) {
                for newcomer in now where outside.contains(newcomer) && !isJoining(newcomer) { invite(newcomer) }
                return now.allSatisfy { !outside.contains($0) }
            }
            guard areIn else { return lacks("machines \(now) could not join an undisturbed network", goes) }
        }
        return true
    }

    private var votersLack: String? {
        guard let seen = world.hosts[0].inspect(network) else { return "the founder is not in its network" }
        let wanted = min(7, drawn.peers % 2 == 0 ? drawn.peers - 1 : drawn.peers)
        let count = seen.config.voters.count
        return count >= min(wanted, 3) || drawn.peers < 3 ? nil : "there are \(count) voters"
    }
}
