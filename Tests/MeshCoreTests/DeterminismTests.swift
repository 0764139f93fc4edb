import Identity
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct DeterminismTests {
    /// Everything that can be decided, in one run: founding, joining, fetching, chatting, deaths, returns, leaving.
    static func trace(seed: UInt64) throws -> UInt64 {
        let home = try Home(seed: seed, hosts: 4, memory: [450]) { world in
            world.tracesBytes = true
            world.times.jitter = .milliseconds(1)
            world.datagramLoss = 10
        }
        let world = home.world
        let first = home.chat(0, [1, 2, 3], conversation: 1)
        let second = home.chat(1, [4, 5, 6], conversation: 2)
        world.run(for: .milliseconds(6))
        world.crash(2)
        world.answer(first)
        world.answer(second)
        world.start(2)
        world.run(for: .seconds(2))
        world.answer(world.request(3, .leave(home.network)))
        world.answer(world.request(1, .discover))
        world.run(for: .seconds(1))
        return world.traceHash
    }

    @Test(
        "One seed gives one run: the effects of all cores are the same, byte for byte", arguments: [1, 2] as [UInt64])
    func sameSeedSameTrace(seed: UInt64) throws {
        #expect(try Self.trace(seed: seed) == Self.trace(seed: seed))
    }

    @Test("Another seed gives another run")
    func otherSeedOtherTrace() throws {
        #expect(try Self.trace(seed: 3) != Self.trace(seed: 4))
    }

    @Test("Another process, whose hash tables are salted anew, gives the same run")
    func sameInAnotherProcess() async throws {
        let here = String(try Self.trace(seed: 5), radix: 16) + ";"
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            print("trace:" + String(try Self.trace(seed: 5), radix: 16) + ";")
        }
        let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
        #expect(text.contains("trace:" + here))
    }
}
