import Identity
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

/// What sessions keep of their positions is counted by what the manifest says of it.
@Suite struct CacheMemoryTests {
    /// Nine blocks, and two sessions of 101 positions that were computed: 100 of the prompt, and one of two tokens of the answer.
    private static let sessions = 2
    /// Memory is taken for 64 positions at a time.
    private static let positions = 9 * 128
    private static let known = 9 * 101
    private static let all = ModelManifest.Cache(f16: 10, q8_0: 5)
    private static let some = ModelManifest.Cache(f16: 10, q8_0: 5, positions: 20)

    @Test("What is kept in 8-bit numbers counts with what that takes", arguments: [(0, 2), (1, 1)])
    func bytes(less: Int, left: Int) throws {
        let limit = Self.sessions * Self.positions * 5 - less
        let home = try Home(seed: 1, hosts: 1, memory: [900], model: FakeModel(cache: Self.all)) { world in
            world.hosts[0].settings.cacheBytesMin = limit
        }
        let policy = NetworkPolicy(maxVoters: 7, voterGrace: 60, cacheFormat: .q8_0)
        home.world.answer(home.world.request(0, .change(home.network, .setPolicy(policy))))
        converse(home)
        #expect(home.world.hosts[0].caches.count == left)
        home.expectSound()
    }

    /// All sessions, and a rest that is long enough to miss the memory.
    private func converse(_ home: Home) {
        for number in 1...UInt64(Self.sessions) {
            let prompt = (0..<100).map { Int32($0) + Int32(number) }
            home.world.answer(home.chat(0, prompt, maxNewTokens: 2, conversation: number))
        }
        home.world.run(for: .seconds(15))
    }

    @Test(
        "Sessions that rest are freed where they come to more than the peer lends, and not before",
        arguments: [
            (all, sessions * positions * 10, 2), (all, sessions * positions * 10 - 1, 1), (all, positions * 10 - 1, 0),
            // Blocks with a window stop growing.
            (some, sessions * 9 * 20 * 10, 2), (some, sessions * 9 * 20 * 10 - 1, 1),
            // Nothing is known: key and value of the model's width, which is 2, in single precision.
            (nil, sessions * known * 16, 2), (nil, sessions * known * 16 - 1, 1),
        ])
    func frees(cache: ModelManifest.Cache?, limit: Int, left: Int) throws {
        let home = try Home(seed: 1, hosts: 1, memory: [900], model: FakeModel(cache: cache)) { world in
            world.hosts[0].settings.cacheBytesMin = limit
        }
        converse(home)
        #expect(home.world.hosts[0].caches.count == left)
        home.expectSound()
    }
}
