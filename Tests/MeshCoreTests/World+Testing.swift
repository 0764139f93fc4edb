import Chain
import Identity
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

// What these tests look at inside of cores, in the simulator's world.

extension World {
    /// In percent.
    var datagramLoss: Int {
        get { Int((loss * 100).rounded()) }
        set { loss = Double(newValue) / 100 }
    }

    /// Lets a host free a session, as it does where memory is short.
    func evict(_ session: SessionID, on index: Int) {
        let now = time(of: hosts[index]).instant
        _ = hosts[index].withCore { $0.runStages(.evicted(session), at: now) }
        feed(hosts[index], .woke)
    }
}

extension Home {
    /// The hosts of the stages of a route that a driver would open now.
    func stageHosts(of driver: Int) -> [Int] {
        guard let core = world.hosts[driver].core, let state = core.drivers.values.last?.driver else { return [] }
        return state.route.compactMap { stage in world.hosts.firstIndex { $0.peer == stage.peer } }
    }

    func waitUntilReady(within limit: Interval = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation) {
        let isReady = becomesReady(within: limit)
        #expect(isReady, "the network is ready: \(whatLacks ?? "")", sourceLocation: sourceLocation)
    }

    /// Runs until everyone's config names that many voters: members get their seats a while after they have joined.
    func settleVoters(_ count: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let settled = world.run(within: .seconds(20)) {
            world.hosts.allSatisfy { $0.inspect(network).map { $0.config.voters.count == count } ?? true }
        }
        #expect(settled, "\(count) vote", sourceLocation: sourceLocation)
        // The old voters are done with it, too.
        world.run(for: .seconds(1))
    }

    /// Who leads those of the voters that are on; runs until somebody does.
    func leader(sourceLocation: SourceLocation = #_sourceLocation) throws -> Int {
        func current() -> Int? {
            world.hosts.firstIndex { $0.inspect(network)?.role == .leader && $0.core?.status.first?.canChange == true }
        }
        world.run(within: .seconds(20)) { current() != nil }
        return try #require(current(), "somebody leads", sourceLocation: sourceLocation)
    }

    /// Nothing that the world watches for has happened.
    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(world.violations == [], sourceLocation: sourceLocation)
    }
}
