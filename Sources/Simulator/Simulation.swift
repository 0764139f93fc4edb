import Identity
import MeshCore
import NetworkConfig
import Wire

/// One scenario with one seed: a world is drawn from it, lives through workload and faults with all checkers watching, is mended, and must
/// come to rest with everything as it should be.
///
/// Everything is drawn from the seed: how many machines there are, what they lend, how good the network is, which kinds of faults
/// come at all, and when. The same seed gives the same world, event by event.
public struct Simulation {
    public let scenario: Scenario
    public let seed: UInt64
    private let keepsTrace: Bool
    /// Everything that happened, a line each; empty unless it was to be kept.
    public private(set) var traceLines: [String] = []

    public init(scenario: Scenario, seed: UInt64, keepsTrace: Bool = false) {
        self.scenario = scenario
        self.seed = seed
        self.keepsTrace = keepsTrace
    }

    /// Runs to the end, or until `shouldStop` says true. `progress` is told the share that is done.
    public mutating func run(shouldStop: () -> Bool = { false }, progress: (Double) -> Void = { _ in })
        -> SimulationResult
    {
        let story = Story(scenario: scenario, seed: seed)
        let lines = LineList()
        if keepsTrace { story.world.trace.printer = { lines.lines.append($0) } }
        story.run(shouldStop: shouldStop, progress: progress)
        traceLines = lines.lines
        return story.result
    }

    private final class LineList {
        var lines: [String] = []
    }
}

/// What a seed makes of a scenario.
struct Drawn {
    let peers: Int
    /// Bytes that each machine lends.
    let memory: [UInt64]
    let lasts: Interval
    let chats: Double
    let changes: Double
    let joins: Double
    let leaves: Double
    let chaosRate: Double
    let chaosKinds: [Fault.Kind]
    /// Machines that never come back are chosen when all else is mended.
    let freezes: Bool
    /// Whether people remove others.
    let removes: Bool
    /// Whether most voters are lost for good on the way.
    let losesMajority: Bool

    init(_ scenario: Scenario, world: inout World.Times, draw: inout Draw) {
        peers = draw.number(in: scenario.peers)
        let total = Double(scenario.model.blockMemory) * Double(scenario.model.blocks)
        var lent = (0..<peers).map { _ in draw.number(in: scenario.lends) * total }
        // Together they hold the model, or there would be nothing to talk about.
        let sum = lent.reduce(0, +)
        if sum < total * 1.1 { lent = lent.map { $0 * total * 1.1 / max(sum, 1) + Double(scenario.model.blockMemory) } }
        memory = lent.map { UInt64($0) }
        lasts = Interval(seconds: draw.number(in: scenario.lasts))
        chats = draw.number(in: scenario.workload.chats)
        changes = draw.number(in: scenario.workload.changes)
        joins = draw.number(in: scenario.workload.joins)
        leaves = draw.number(in: scenario.workload.leaves)
        chaosRate = scenario.chaos.map { draw.number(in: $0.rate) } ?? 0
        var kinds: [Fault.Kind] = []
        if let chaos = scenario.chaos { for kind in chaos.kinds where draw.chance(chaos.each) { kinds.append(kind) } }
        chaosKinds = kinds
        freezes = draw.chance(0.3)
        removes = scenario.workload.leaves.upperBound > 0
        losesMajority = kinds.contains(.kill) && kinds.contains(.wipedDisk) && draw.chance(0.5)
        let write = draw.number(in: scenario.disk.write) * 1e6
        world.frame = Interval(nanoseconds: Int64(draw.number(in: scenario.network.latency) * 1e6))
        world.jitter = Interval(nanoseconds: Int64(draw.number(in: scenario.network.jitter) * 1e6))
        world.dial = Interval(nanoseconds: world.frame.nanoseconds * 4 + 300_000)
        world.persist = Interval(nanoseconds: Int64(write / 2))
        world.persistSpread = Interval(nanoseconds: Int64(write))
        world.persistAnswer = Interval(nanoseconds: 50_000)
        world.silenceSpread = .milliseconds(250)
    }
}

extension Interval {
    init(seconds: Double) { self.init(nanoseconds: Int64(seconds * 1e9)) }
    var seconds: Double { Double(nanoseconds) / 1e9 }
}
