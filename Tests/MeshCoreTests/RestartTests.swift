import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore

@Suite struct RestartTests {
    @Test("A peer that restarts comes back as itself, with its blocks, and fetches nothing again", arguments: 0..<3)
    func comesBack(victim: Int) throws {
        let home = try Home(seed: 1)
        let world = home.world
        let written = world.hosts[victim].partBytesWritten
        let revision = world.hosts[victim].revision(of: home.network)
        world.crash(victim)
        world.run(for: .seconds(4))
        world.start(victim)
        home.waitUntilReady()
        #expect(world.hosts[victim].partBytesWritten == written)
        #expect(world.hosts[victim].revision(of: home.network) == revision)
        let linked = world.run(within: .seconds(5)) {
            (0..<3).allSatisfy { $0 == victim || world.links(between: victim, $0) == 1 }
        }
        #expect(linked)
        let id = home.chat((victim + 1) % 3, [5, 6, 7])
        world.answer(id)
        #expect(world.tokens(id) == home.expected([5, 6, 7]))
        #expect(home.outcome(id)?.reroutes == 0)
        home.expectSound()
    }

    @Test("A grant that was changed before a restart is told and becomes part of the config")
    func newGrant() throws {
        let home = try Home(seed: 2)
        let world = home.world
        world.crash(2)
        world.hosts[2].settings.sharedMemory = 900
        world.start(2)
        let told = world.run(within: .seconds(10)) {
            world.hosts.allSatisfy { $0.config(of: home.network)?.member(world.hosts[2].peer)?.grantedMemory == 900 }
        }
        #expect(told)
        home.waitUntilReady()
        home.expectSound()
    }

    @Test("The founder's own grant is told as well")
    func newGrantOfTheFounder() throws {
        let home = try Home(seed: 3)
        let world = home.world
        world.crash(0)
        world.hosts[0].settings.sharedMemory = 900
        world.start(0)
        // It tells it to itself as soon as anything moves.
        let told = world.run(within: .seconds(10)) {
            world.hosts.allSatisfy { $0.config(of: home.network)?.member(world.hosts[0].peer)?.grantedMemory == 900 }
        }
        #expect(told)
    }

    @Test("A new grant gets told though the link to the founder breaks just when it is on its way", arguments: 0..<12)
    func newGrantOverABrokenLink(moment: Int) throws {
        let home = try Home(seed: 4)
        let world = home.world
        world.crash(2)
        world.hosts[2].settings.sharedMemory = 800
        world.start(2)
        world.run(within: .seconds(5)) { world.hosts[2].core?.proposals.isEmpty == false }
        world.run(for: Interval(nanoseconds: Int64(moment) * 300_000))
        world.flap(0, 2)
        world.crash(0)
        world.run(for: .seconds(1))
        world.start(0)
        let told = world.run(within: .seconds(30)) {
            world.hosts.allSatisfy { $0.config(of: home.network)?.member(world.hosts[2].peer)?.grantedMemory == 800 }
        }
        #expect(told)
        #expect(world.violations == [])
    }

    @Test("A founder that loses power around the writing of a revision never signs another one under its number")
    func noFork() throws {
        for tenth in stride(from: Int64(0), through: 40, by: 2) {
            let home = try Home(seed: 5, hosts: 2, memory: [900])
            let world = home.world
            let before = world.hosts[0].revision(of: home.network)!
            let secret: [UInt8] = Array(repeating: 8, count: 16)
            let id = world.request(0, .invite(network: home.network, role: .worker, validSeconds: 60, secret: secret))
            world.run(for: Interval(nanoseconds: tenth * 100_000))
            let wasAnswered = world.outcome(id) != nil
            world.crash(0)
            world.run(for: .milliseconds(50))
            world.start(0)
            if wasAnswered {
                #expect(world.hosts[0].revision(of: home.network)! > before, "what was answered is on disk")
            }
            // Another change, under whatever number comes next.
            _ = try world.invite(from: 0, to: home.network, role: .member)
            #expect(
                world.run(within: .seconds(10)) {
                    world.hosts[1].revision(of: home.network) == world.hosts[0].revision(of: home.network)
                })
            #expect(world.hosts[1].config(of: home.network) == world.hosts[0].config(of: home.network))
            #expect(world.violations == [])
        }
    }

    @Test("A revision is told to nobody before it is on the founder's disk")
    func persistBeforeSend() throws {
        let home = try Home(seed: 6, hosts: 2, memory: [900])
        let world = home.world
        world.times.persist = .seconds(3)
        let before = world.hosts[0].revision(of: home.network)!
        let id = world.request(
            0, .invite(network: home.network, role: .worker, validSeconds: 60, secret: Array(repeating: 8, count: 16)))
        world.run(for: .milliseconds(2900))
        #expect(world.outcome(id) == nil)
        #expect(world.hosts[1].revision(of: home.network) == before)
        world.run(for: .milliseconds(200))
        #expect(world.outcome(id) != nil)
        #expect(world.hosts[1].revision(of: home.network) == before.next)
    }

    @Test("A member that was away learns the newest revision from another member, without the founder")
    func revisionFromAnotherMember() throws {
        let home = try Home(seed: 7)
        let world = home.world
        world.crash(2)
        world.run(for: .milliseconds(100))
        _ = try world.invite(from: 0, to: home.network)
        let newest = world.hosts[0].revision(of: home.network)!
        #expect(world.run(within: .seconds(5)) { world.hosts[1].revision(of: home.network) == newest })
        world.crash(0)
        world.run(for: .milliseconds(100))
        world.start(2)
        #expect(world.run(within: .seconds(10)) { world.hosts[2].revision(of: home.network) == newest })
        home.expectSound()
    }

    @Test("A restarted peer's records replace those of its former life, and old ones never come back")
    func recordsOfTwoLives() throws {
        let home = try Home(seed: 8)
        let world = home.world
        let old = world.hosts[1].core!.networks[home.network]!.records.delta(for: [])
            .first { $0.signer == world.hosts[2].peer }!
        world.crash(2)
        world.run(for: .seconds(2))
        world.start(2)
        home.waitUntilReady()
        let link = world.hosts[1].core!.memberLink(to: world.hosts[0].peer)!.info.id
        let version = world.hosts[1].core!.networks[home.network]!.records.record(of: world.hosts[2].peer)!.version
        #expect(version.epoch == 2)
        world.feed(world.hosts[1], .received(.records(network: home.network, records: [old]), on: link))
        #expect(
            world.hosts[1].core!.networks[home.network]!.records.record(of: world.hosts[2].peer)!.version >= version)
    }

    @Test("A peer that was removed on its own disk only starts without that network")
    func startsOutsideOfANetworkItLeft() throws {
        let home = try Home(seed: 9, hosts: 2, memory: [900])
        let world = home.world
        let founder = world.hosts[0]
        // The revision without it is on its disk, and power failed before the network was forgotten.
        var ledger = founder.core!.networks[home.network]!.ledger
        var config = ledger.config
        config.members.removeAll { $0.peer == world.hosts[1].peer }
        config.assignment = []
        try ledger.advance(to: config, by: founder.key)
        world.crash(1)
        world.hosts[1].revisions[home.network]?[ledger.config.revision] = ledger.latest
        world.start(1)
        #expect(world.hosts[1].core?.accepts(founder.peer, purpose: .member) == false)
        world.run(for: .seconds(3))
        #expect(world.violations.filter { !$0.contains("two different") } == [])
    }
}
