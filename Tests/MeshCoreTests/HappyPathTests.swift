import Chain
import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore

@Suite struct HappyPathTests {
    @Test("Three peers make a network and chat, and the answer is that of one peer alone")
    func threePeersChat() throws {
        let home = try Home(seed: 1)
        let id = home.chat(0, [1, 2, 3, 4, 5])
        home.world.answer(id)
        #expect(home.outcome(id)?.reason == .length)
        #expect(home.outcome(id)?.reroutes == 0)
        #expect(Set(home.outcome(id)?.route.map(\.peer) ?? []).count == 3)
        #expect(home.world.tokens(id) == home.expected([1, 2, 3, 4, 5]))
        home.expectSound()
        print(home.world.summary, home.world.handled, home.world.now)
    }
}
