import Chain
import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct SurvivalTests {
    private static let prompt: [Int32] = [11, 12, 13, 14, 15, 16, 17]

    /// A chat on a host, run until so many tokens have come and some microseconds more.
    private func chatting(
        _ home: Home, driver: Int, tokens: Int, microseconds: Int64, maxNewTokens: Int = 30
    ) -> RequestID {
        let id = home.chat(driver, Self.prompt, maxNewTokens: maxNewTokens)
        home.world.run(within: .seconds(5)) { home.world.tokens(id).count >= tokens }
        home.world.run(for: Interval(nanoseconds: microseconds * 1000))
        return id
    }

    private func expectWhole(
        _ home: Home, _ id: RequestID, maxNewTokens: Int = 30, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        home.world.answer(id, within: .seconds(60))
        let expected = home.expected(Self.prompt, maxNewTokens: maxNewTokens)
        #expect(home.world.tokens(id) == expected, sourceLocation: sourceLocation)
        #expect(home.outcome(id)?.reason == .length, sourceLocation: sourceLocation)
        home.expectSound(sourceLocation: sourceLocation)
    }

    @Test("Any stage but the driver dies at any moment of an answer, and the answer is the same", arguments: 0..<36)
    func stageDies(round: Int) throws {
        let home = try Home(seed: UInt64(100 + round)) { $0.times.jitter = Interval(nanoseconds: 150_000) }
        let driver = round % 3
        let victim = (driver + 1 + (round / 3) % 2) % 3
        let id = chatting(home, driver: driver, tokens: round % 8 * 4, microseconds: Int64(round * 37 % 500))
        home.world.crash(victim)
        let began = home.world.now
        expectWhole(home, id)
        #expect(home.world.now.since(began) < .seconds(3), "the answer goes on soon")
        #expect(home.outcome(id)?.route.contains { $0.peer == home.world.hosts[victim].peer } == false)
    }

    @Test("A stage's cable is pulled, and the answer goes on over the others", arguments: 0..<8)
    func cableIsPulled(round: Int) throws {
        let home = try Home(seed: UInt64(200 + round))
        let driver = round % 3
        let victim = (driver + 1 + round % 2) % 3
        let id = chatting(home, driver: driver, tokens: 3 + round, microseconds: Int64(round * 61))
        home.world.cut(victim)
        expectWhole(home, id)
    }

    @Test("A stage dies and returns, then the other one dies, and the answer is the same", arguments: 0..<6)
    func twoDieInTurn(round: Int) throws {
        let home = try Home(seed: UInt64(300 + round)) { $0.times.position = .milliseconds(1) }
        let world = home.world
        let id = chatting(home, driver: 0, tokens: 2 + round, microseconds: Int64(round * 53), maxNewTokens: 420)
        world.crash(1)
        world.run(for: .milliseconds(300))
        world.start(1)
        home.waitUntilReady()
        #expect(world.outcome(id) == nil, "the answer is still under way")
        world.crash(2)
        expectWhole(home, id, maxNewTokens: 420)
    }

    @Test("Two of three die: the answer waits, is told why, and goes on when one returns", arguments: 0..<4)
    func twoDie(round: Int) throws {
        let home = try Home(seed: UInt64(400 + round))
        let world = home.world
        let id = chatting(home, driver: 0, tokens: 4, microseconds: Int64(round * 91))
        world.crash(1)
        world.run(for: .milliseconds(Int64(round)))
        world.crash(2)
        world.run(for: .seconds(3))
        #expect(world.responses[id]?.contains { if case .waiting = $0 { true } else { false } } == true)
        world.start(1 + round % 2)
        expectWhole(home, id)
    }

    @Test(
        "Links break and come back between any two peers at any moment, and the answer is the same", arguments: 0..<24)
    func linkFlaps(round: Int) throws {
        let home = try Home(seed: UInt64(500 + round)) { $0.times.jitter = Interval(nanoseconds: 100_000) }
        let world = home.world
        let pairs = [(0, 1), (0, 2), (1, 2)]
        let id = chatting(home, driver: 0, tokens: round % 6, microseconds: Int64(round * 29 % 400), maxNewTokens: 60)
        for flap in 0..<3 {
            let (one, other) = pairs[(round + flap) % 3]
            world.flap(one, other)
            world.run(for: .milliseconds(Int64(1 + flap * 5)))
        }
        let began = world.now
        expectWhole(home, id, maxNewTokens: 60)
        #expect(world.now.since(began) < .seconds(5), "the answer goes on soon")
    }

    @Test("A short silence of the wire loses nothing and moves nothing", arguments: 0..<3)
    func shortSilence(host: Int) throws {
        let home = try Home(seed: UInt64(600 + host))
        let id = chatting(home, driver: 0, tokens: 5, microseconds: 100)
        home.world.cut(host)
        home.world.run(for: .milliseconds(700))
        home.world.heal(host)
        expectWhole(home, id)
        #expect(home.outcome(id)?.reroutes == 0)
    }

    @Test("A stage that takes frames and never answers is replaced")
    func hungStage() throws {
        let home = try Home(seed: 700)
        let id = chatting(home, driver: 0, tokens: 5, microseconds: 100)
        home.world.hosts[1].isHung = true
        expectWhole(home, id)
    }

    @Test("The driver's links all break at once, and the answer is the same")
    func driverIsCutOff() throws {
        for round in 0..<4 as Range<Int64> {
            let home = try Home(seed: UInt64(800 + round))
            let id = chatting(home, driver: 0, tokens: 5, microseconds: round * 70)
            home.world.cut(0)
            home.world.run(for: .seconds(4))
            home.world.heal(0)
            expectWhole(home, id)
        }
    }

    @Test(
        "A storm: peers other than the driver die, return, and links break, and every answer is right", arguments: 0..<8
    )
    func storm(seed: Int) throws {
        let home = try Home(seed: UInt64(900 + seed), hosts: 4, memory: [450]) { world in
            world.times.jitter = .milliseconds(1)
            world.times.position = .milliseconds(1)
        }
        let world = home.world
        let prompts: [[Int32]] = [[1, 2, 3], [4, 5], [6, 7, 8, 9]]
        let ids = prompts.enumerated().map { home.chat(0, $1, maxNewTokens: 120, conversation: UInt64($0)) }
        for _ in 0..<12 {
            world.run(for: .milliseconds(Int64(world.random.next() % 400)))
            let victim = 1 + Int(world.random.next() % 3)
            switch world.random.next() % 3 {
            case 0: if world.hosts[victim].isOn { world.crash(victim) }
            case 1: world.flap(Int(world.random.next() % 4), victim)
            default: for host in 1..<4 where !world.hosts[host].isOn { world.start(host) }
            }
        }
        for host in 1..<4 where !world.hosts[host].isOn { world.start(host) }
        for (id, prompt) in zip(ids, prompts) {
            world.answer(id, within: .seconds(90))
            #expect(world.tokens(id) == home.expected(prompt, maxNewTokens: 120))
        }
        home.waitUntilReady()
        home.expectSound()
    }

    @Test("Sessions whose driver died do not keep others from computing where memory is short")
    func deadDriversGiveWay() throws {
        let home = try Home(seed: 1100)
        let world = home.world
        // While host 0 is away, host 2 chats over host 1 and itself, and dies.
        world.crash(0)
        world.run(for: .seconds(1))
        let lost = home.chat(2, [3, 2, 1], maxNewTokens: 400)
        world.run(within: .seconds(5)) { world.tokens(lost).count > 5 }
        world.crash(2)
        world.run(for: .seconds(3))
        world.start(0)
        world.run(within: .seconds(10)) { world.links(between: 0, 1) == 1 }
        world.run(for: .seconds(1))
        let id = home.chat(0, Self.prompt, maxNewTokens: 30)
        expectWhole(home, id)
    }

    @Test("A resting conversation whose blocks had to leave memory gets them back before it computes")
    func restingBlocks() throws {
        let home = try Home(seed: 1300)
        let world = home.world
        // Host 1 is away: copies serve. Then host 2 is away: other copies serve another conversation.
        world.crash(1)
        world.run(for: .seconds(1))
        let first = home.chat(0, Self.prompt, maxNewTokens: 5, conversation: 1)
        world.answer(first)
        world.start(1)
        home.waitUntilReady()
        world.run(within: .seconds(5)) { world.links(between: 0, 1) == 1 }
        world.separate(0, 2)
        world.run(for: .seconds(5))
        let other = home.chat(0, [8, 8], maxNewTokens: 5, conversation: 2)
        world.answer(other)
        #expect(world.tokens(other) == home.expected([8, 8], maxNewTokens: 5))
        world.rejoin(0, 2)
        world.run(for: .seconds(10))
        let longer = Self.prompt + world.tokens(first) + [1]
        let second = home.chat(0, longer, maxNewTokens: 5, conversation: 1)
        world.answer(second)
        #expect(world.tokens(second) == home.expected(longer, maxNewTokens: 5))
        home.expectSound()
    }

    @Test("A conversation whose stages gave way to another one goes on, computed anew")
    func evictedConversationGoesOn() throws {
        let home = try Home(seed: 1200)
        let world = home.world
        let first = home.chat(0, Self.prompt, maxNewTokens: 5)
        world.answer(first)
        for host in world.hosts {
            let session = world.hosts[0].core!.drivers.keys[0]
            world.feed(host, .woke)
            #expect(host.core?.stages.stages.contains { $0.key.session == session } == true)
        }
        // Host 1 alone frees it, as it would for another session's blocks.
        let session = world.hosts[0].core!.drivers.keys[0]
        world.evict(session, on: 1)
        let longer = Self.prompt + world.tokens(first) + [1]
        let began = world.now
        let second = home.chat(0, longer, maxNewTokens: 5)
        world.answer(second)
        #expect(world.tokens(second) == home.expected(longer, maxNewTokens: 5))
        #expect(world.now.since(began) < .seconds(3))
    }

    @Test("After everything has calmed down nobody keeps a cache of a conversation that was ended")
    func nothingIsLeftBehind() throws {
        let home = try Home(seed: 1000)
        let world = home.world
        let id = chatting(home, driver: 0, tokens: 5, microseconds: 0)
        world.crash(1)
        expectWhole(home, id)
        world.start(1)
        home.waitUntilReady()
        // Another beginning ends the first session.
        let other = home.chat(0, [900], maxNewTokens: 2)
        world.answer(other)
        world.run(for: .seconds(1))
        for host in world.hosts { #expect(Set(host.caches.keys.map(\.session)).count <= 1) }
        world.run(for: .seconds(700))
        for host in world.hosts {
            #expect(host.caches.isEmpty)
            #expect(host.core?.stages.stages.isEmpty == true)
            #expect(host.core?.pinnedBlocks(in: home.network) == [])
        }
        home.expectSound()
    }
}
