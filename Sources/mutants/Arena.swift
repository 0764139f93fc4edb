import ConfigWorld
import GossipWorld
import RaftWorld
import Simulator

/// Where a mutant is tried: a scenario of whole peers, or a world of one core only, whose seeds cost next to nothing
/// and reach what whole peers reach once in a thousand seeds.
enum Arena {
    case raft
    case gossip
    case config
    case scenario(Scenario)

    /// A world of one core by its name, or a scenario.
    init(_ name: String) throws {
        switch name {
        case "raft": self = .raft
        case "gossip": self = .gossip
        case "config": self = .config
        default: self = .scenario(try ScenarioLibrary.find(name).scenario)
        }
    }

    var name: String {
        switch self {
        case .raft: "raft"
        case .gossip: "gossip"
        case .config: "config"
        case .scenario(let scenario): scenario.name
        }
    }

    /// Whether a world of one core only.
    var isOneCore: Bool { if case .scenario = self { false } else { true } }

    enum Outcome {
        /// Nil where everything held.
        case ran(broken: String?)
        case late
    }

    func run(seed: UInt64, until end: ContinuousClock.Instant) -> Outcome {
        if ContinuousClock.now >= end { return .late }
        switch self {
        case .raft: return .ran(broken: RaftWorld.World(seed: seed).run()?.invariant)
        case .gossip: return .ran(broken: Storm(seed: seed).run()?.invariant)
        case .config: return .ran(broken: ConfigWorld(seed: seed).run()?.invariant)
        case .scenario(let scenario):
            var engine = Simulation(scenario: scenario, seed: seed, keepsTrace: false)
            var isLate = false
            let result = engine.run(
                shouldStop: {
                    if ContinuousClock.now >= end { isLate = true }
                    return isLate
                }, progress: { _ in })
            return isLate ? .late : .ran(broken: result.violation?.invariant)
        }
    }
}
