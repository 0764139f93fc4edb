import Testing
import Wire

@testable import MeshCore
@testable import Simulator

/// What sessions leave in memory is bounded, and whoever goes on with one that was freed does not notice.
@Suite struct TrimmingTests {
    private static let prompt = (0..<30).map { Int32($0) }

    /// A conversation on machine 0, with an answer, that has then rested for longer than sessions at work do.
    private func rested(seed: UInt64, _ change: @escaping (inout MeshSettings) -> Void) throws -> (Home, [Int32]) {
        let home = try Home(seed: seed) { world in
            for host in world.hosts { change(&host.settings) }
        }
        let first = home.chat(0, Self.prompt)
        home.world.answer(first)
        home.world.run(for: .seconds(15))
        return (home, Self.prompt + home.world.tokens(first) + [7])
    }

    private func goesOn(_ home: Home, with tokens: [Int32], sourceLocation: SourceLocation = #_sourceLocation) {
        let second = home.chat(0, tokens)
        home.world.answer(second)
        #expect(home.world.tokens(second) == home.expected(tokens), sourceLocation: sourceLocation)
        home.expectSound(sourceLocation: sourceLocation)
    }

    @Test(
        "A session that rests gives up its KV caches where all of them take more than is lent",
        arguments: [0, 64 << 20])
    func caches(bytesMin: Int) throws {
        let (home, tokens) = try rested(seed: 51) { $0.cacheBytesMin = bytesMin }
        #expect(home.world.hosts.allSatisfy(\.caches.isEmpty) == (bytesMin == 0))
        goesOn(home, with: tokens)
    }

    @Test(
        "Logs are dropped where all of them take too much, and a stage that dies is replaced all the same",
        arguments: [0, 1 << 20])
    func logs(bytesMax: Int) throws {
        let (home, tokens) = try rested(seed: 52) { $0.hopLogBytes = bytesMax }
        let world = home.world
        #expect(world.hosts.allSatisfy { $0.core?.stages.logBytes == 0 } == (bytesMax == 0))
        let stage = try #require(home.stageHosts(of: 0).first { $0 != 0 })
        world.crash(stage)
        goesOn(home, with: tokens)
    }
}
