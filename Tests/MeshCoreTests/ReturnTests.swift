import Identity
import Membership
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

/// A member that leaves and comes back while its process goes on running.
@Suite struct ReturnTests {
    /// Host 4 has left and is back, and host 3, without its cable, has not heard that it was away.
    private func cameBackUnseen(seed: UInt64, before: (World) -> Void = { _ in }) throws -> Home {
        let home = try Home(seed: seed, hosts: 5)
        let world = home.world
        home.settleVoters(5)
        before(world)
        world.cut(3)
        #expect(world.answer(world.request(4, .leave(home.network)), within: .seconds(20)) == .left)
        // Voters change in steps, of which one waits until it is certain that host 3 is away.
        let invitation = try world.invite(from: 0, to: home.network)
        #expect(world.answer(world.request(4, .join(invitation)), within: .seconds(20)) == .joined(home.network))
        world.run(for: .seconds(1))
        #expect(world.hosts[3].config(of: home.network)?.isMember(world.hosts[4].peer) == true)
        world.heal(3)
        return home
    }

    private func version(of subject: Int, known host: Int, in home: Home) -> RecordVersion? {
        home.world.hosts[host].inspect(home.network)?.record(of: home.world.hosts[subject].peer)?.version
    }

    @Test("A member that comes back goes on numbering its records, for those who did not see it leave")
    func recordsGoOn() throws {
        var last: RecordVersion?
        let home = try cameBackUnseen(seed: 31) { world in
            last = world.hosts[4].core?.networks.values.first?.gossip.record(of: world.hosts[4].peer)?.version
        }
        let world = home.world
        let epoch = world.hosts[4].epoch
        #expect(try #require(version(of: 4, known: 4, in: home)) > #require(last))
        home.waitUntilReady()
        #expect(version(of: 4, known: 3, in: home) == version(of: 4, known: 4, in: home))
        #expect(world.hosts[4].epoch == epoch, "the same life goes on")
        #expect(!world.saw { if case .equivocationSeen = $0 { true } else { false } })
        #expect(!world.saw { $0 == .ownIdentityElsewhere })
        home.expectSound()
    }

    @Test("A member that comes back is believed alive by those who did not see it leave, whatever was said before")
    func incarnationsGoOn() throws {
        let home = try cameBackUnseen(seed: 32) { world in
            // Thought dead for a while, it has refuted that.
            world.cut(4)
            world.run(for: .seconds(12))
            world.heal(4)
            world.run(for: .seconds(5))
        }
        let world = home.world
        func believed(by host: Int) -> (Incarnation, Liveness)? {
            let gossip = world.hosts[host].core?.networks[home.network]?.gossip
            return gossip.map { ($0.incarnation(of: world.hosts[4].peer), $0.liveness(of: world.hosts[4].peer)) }
        }
        let own = try #require(believed(by: 4)).0
        let known = try #require(believed(by: 3)).0
        #expect(known.count > 0, "it was doubted before")
        #expect(own > known, "what it says of itself is news to whoever did not see it leave")
        home.waitUntilReady()
        let isBelieved = world.run(within: .seconds(5)) { believed(by: 3)?.1 == .alive }
        #expect(isBelieved)
        home.expectSound()
    }

    @Test("A member of two networks leaves one of them and comes back, and nothing happens to it in the other")
    func otherNetwork() throws {
        let home = try Home(seed: 33, hosts: 4)
        let world = home.world
        let other = try world.found(home.model, on: 3, name: "other")
        world.run(for: .seconds(2))
        let before = try #require(world.hosts[3].inspect(other)?.record(of: world.hosts[3].peer)?.version)
        #expect(world.answer(world.request(3, .leave(home.network)), within: .seconds(20)) == .left)
        let invitation = try world.invite(from: 0, to: home.network)
        #expect(world.answer(world.request(3, .join(invitation)), within: .seconds(20)) == .joined(home.network))
        home.waitUntilReady()
        let after = try #require(world.hosts[3].inspect(other)?.record(of: world.hosts[3].peer)?.version)
        #expect(after >= before && after.epoch == before.epoch)
        #expect(!world.saw(3) { if case .votesGivenUp = $0 { true } else { false } })
        home.expectSound()
    }

    @Test("A copy of a peer is noticed in one of its networks, however many records the peer told in another")
    func copyInOneNetwork() throws {
        let home = try Home(seed: 33, hosts: 4)
        let world = home.world
        _ = try world.found(home.model, on: 3, name: "other")
        world.run(for: .seconds(5))
        var core = try #require(world.hosts[3].core)
        // Of two networks one was told of earlier: its next number is no greater than the last one of all.
        let told = try #require(core.networks.values.compactMap(\.told).min { $0.version < $1.version })
        let next = RecordVersion(epoch: told.version.epoch, sequence: told.version.sequence + 1)
        try #require(next.sequence <= core.records)
        let copy = PeerRecord(
            network: told.network, version: next, name: "copy", addresses: told.addresses,
            grantedMemory: told.grantedMemory, held: told.held, loaded: told.loaded, applied: told.applied
        ).signed(by: core.signer)
        let time = Time(instant: world.now, wallClock: 0)
        core.networks.update(told.network) { $0.gossip.publish(copy, at: time.instant) }
        core.ownEpochExceeded(in: told.network, at: time)
        #expect(core.newLife != nil)
    }
}
