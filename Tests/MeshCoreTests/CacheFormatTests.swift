import Chain
import Identity
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct CacheFormatTests {
    /// Until every machine knows of it.
    private func setCacheFormat(_ home: Home, _ format: CacheFormat, by host: Int) {
        let policy = NetworkPolicy(maxVoters: 7, voterGrace: 60, cacheFormat: format)
        let id = home.world.request(host, .change(home.network, .setPolicy(policy)))
        guard case .changed? = home.world.answer(id) else { return #expect(Bool(false), "the policy was not set") }
        let isKnown = home.world.run(within: .seconds(5)) {
            home.world.hosts.allSatisfy { $0.core?.networks[home.network]?.config.policy.cacheFormat == format }
        }
        #expect(isKnown)
    }

    @Test(
        "An answer keeps the cache format that it began with, the next turn takes the policy's, also with fewer stages")
    func cacheFormatChanges() throws {
        let home = try Home(seed: 4)
        let world = home.world
        let long = home.chat(1, [1, 2, 3], maxNewTokens: 1000)
        world.run(within: .seconds(5)) { world.tokens(long).count > 20 }
        setCacheFormat(home, .q8_0, by: 0)
        let told = world.tokens(long).count
        #expect(told < 1000)
        world.crash(2)
        world.answer(long)
        #expect(home.outcome(long)?.reroutes ?? 0 > 0)
        let first = home.expected([1, 2, 3], maxNewTokens: 1000)
        #expect(world.tokens(long) == first)
        let longer = [1, 2, 3] + first + [7]
        let second = home.chat(1, longer)
        world.answer(second)
        #expect(home.expected(longer, format: .q8_0) != home.expected(longer))
        #expect(world.tokens(second) == home.expected(longer, format: .q8_0))
        #expect(home.outcome(second)?.promptTokens == longer.count)
        home.expectSound()
    }

    @Test("A stage goes by the format that the route names, whatever policy it knows of")
    func cacheFormatOfRoute() throws {
        let home = try Home(seed: 5, hosts: 2, memory: [900])
        let world = home.world
        setCacheFormat(home, .q8_0, by: 0)
        var core = try #require(world.hosts[1].core)
        #expect(core.networks[home.network]?.config.policy.cacheFormat == .q8_0)
        let model = home.model.manifest
        let now = world.time(of: world.hosts[1]).instant
        let driver = world.hosts[0].peer
        // Its driver has not heard of the change yet.
        let open = RouteOpen(
            network: home.network, model: model.digest(), session: SessionID(high: 9, low: 1), epoch: .first,
            stages: [RouteStage(peer: world.hosts[1].peer, blocks: model.allBlocks)], stage: 0,
            task: .sampling(Home.sampling), answerStart: .zero, awaiting: nil, cacheFormat: .f16)
        let before = core.effects.count
        core.receiveChain(.routeOpen(open), from: driver, at: now)
        let tokens = Tokens(session: open.session, epoch: .first, first: .zero, tokens: [1, 2], sample: true)
        core.receiveChain(.tokens(tokens), from: driver, at: now)
        let formats = core.effects.dropFirst(before).compactMap { effect in
            if case .compute(let work) = effect { work.cacheFormat } else { nil }
        }
        #expect(formats == [.f16])
        home.expectSound()
    }
}
