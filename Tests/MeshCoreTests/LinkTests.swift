import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct LinkTests {
    private func linkEvents(_ world: World, since: Instant) -> Int {
        world.events.count { entry in
            guard entry.time >= since else { return false }
            switch entry.event {
            case .linkOpened, .linkClosed: return true
            default: return false
            }
        }
    }

    @Test("Two peers that dial each other at once keep exactly one link on both sides, and it stays", arguments: 0..<16)
    func simultaneousDials(seed: Int) throws {
        let home = try Home(seed: UInt64(seed), hosts: 2, memory: [900]) {
            $0.times.jitter = Interval(nanoseconds: 900_000)
        }
        let world = home.world
        world.flap(0, 1)
        let (one, other) = seed % 2 == 0 ? (0, 1) : (1, 0)
        world.connectDirectly(one, to: other, purpose: .member)
        world.run(for: Interval(nanoseconds: Int64(seed) * 50_000))
        world.connectDirectly(other, to: one, purpose: .member)
        world.run(for: .seconds(4))
        #expect(world.links(between: 0, 1) == 1)
        for host in world.hosts { #expect(host.core?.links.count == 1) }
        let settled = world.now
        world.run(for: .seconds(20))
        #expect(linkEvents(world, since: settled) == 0, "nothing is opened or closed any more")
        let id = home.chat(1, [1, 2, 3])
        world.answer(id)
        #expect(world.tokens(id) == home.expected([1, 2, 3]))
        home.expectSound()
    }

    @Test("Every pair of members has one link a moment after the network is made, and it stays")
    func onePerPair() throws {
        let home = try Home(seed: 2, hosts: 6, memory: [300])
        let world = home.world
        world.run(for: .seconds(4))
        for one in 0..<6 { for other in one + 1..<6 { #expect(world.links(between: one, other) == 1) } }
        let settled = world.now
        world.run(for: .seconds(30))
        #expect(linkEvents(world, since: settled) == 0)
        home.expectSound()
    }

    @Test("A member that cannot be reached is dialled again, patiently and without a busy loop, until it can")
    func unreachableMember() throws {
        let home = try Home(seed: 3)
        let world = home.world
        world.cut(2)
        world.run(for: .seconds(40))
        #expect(world.links(between: 0, 2) == 0)
        world.heal(2)
        #expect(world.run(within: .seconds(8)) { world.links(between: 0, 2) == 1 && world.links(between: 1, 2) == 1 })
        home.waitUntilReady()
        home.expectSound()
    }

    @Test("Between two members that cannot reach each other the rest goes on")
    func wallBetweenTwo() throws {
        let home = try Home(seed: 4)
        let world = home.world
        world.separate(1, 2)
        world.run(for: .seconds(10))
        _ = try world.invite(from: 0, to: home.network)
        let newest = world.hosts[0].revision(of: home.network)!
        #expect(world.run(within: .seconds(2)) { world.hosts.allSatisfy { $0.revision(of: home.network) == newest } })
        #expect(world.links(between: 1, 2) == 0)
        home.expectSound()
    }

    @Test("Records spread to members that have no link with their owner")
    func recordsSpreadByOthers() throws {
        let home = try Home(seed: 5)
        let world = home.world
        world.separate(1, 2)
        world.run(for: .seconds(3))
        world.crash(2)
        world.hosts[2].settings.name = "renamed"
        world.start(2)
        let known = world.run(within: .seconds(10)) {
            world.hosts[1].core?.networks[home.network]?.gossip.record(of: world.hosts[2].peer)?.name == "renamed"
        }
        #expect(known)
        home.expectSound()
    }

    @Test("A peer whose machine was restarted unnoticed takes the place of its former link at once", arguments: 0..<6)
    func staleLinkIsReplaced(seed: Int) throws {
        let home = try Home(seed: UInt64(seed))
        let world = home.world
        let prompt: [Int32] = [9, 8, 7]
        world.times.position = .milliseconds(2)
        let id = home.chat(0, prompt, maxNewTokens: 60)
        world.run(within: .seconds(5)) { world.tokens(id).count == 10 }
        // Cut, crashed, started and plugged in again before anyone has noticed the silence.
        world.cut(1)
        world.crash(1)
        world.heal(1)
        world.start(1)
        let began = world.now
        world.answer(id)
        #expect(world.tokens(id) == home.expected(prompt, maxNewTokens: 60))
        #expect(world.now.since(began) < .seconds(4), "the answer goes on soon")
        home.expectSound()
    }

    @Test("A member that leaves the network loses its links, also with members that it never spoke to")
    func linksOfALeaver() throws {
        let home = try Home(seed: 7, hosts: 4)
        let world = home.world
        world.answer(world.request(3, .leave(home.network)))
        world.run(for: .seconds(3))
        for other in 0..<3 { #expect(world.links(between: 3, other) == 0) }
        for other in 0..<3 { #expect(world.hosts[other].core?.accepts(world.hosts[3].peer, purpose: .member) == false) }
        world.run(for: .seconds(10))
        for other in 0..<3 { #expect(world.links(between: 3, other) == 0) }
        home.expectSound()
    }
}
