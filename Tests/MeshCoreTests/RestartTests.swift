import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct RestartTests {
    @Test("A peer that restarts comes back as itself, with its blocks, and fetches nothing again", arguments: 0..<3)
    func comesBack(victim: Int) throws {
        let home = try Home(seed: 1)
        home.settleVoters(3)
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

    @Test("A new grant gets told though the leader dies just when it is on its way", arguments: 0..<12)
    func newGrantOverABrokenLink(moment: Int) throws {
        let home = try Home(seed: 4)
        home.settleVoters(3)
        let world = home.world
        world.crash(2)
        let leader = try home.leader()
        world.hosts[2].settings.sharedMemory = 800
        world.start(2)
        #expect(world.run(within: .seconds(5)) { world.hosts[2].core?.proposals.isEmpty == false })
        world.run(for: Interval(nanoseconds: Int64(moment) * 300_000))
        world.flap(leader, 2)
        world.crash(leader)
        world.run(for: .seconds(1))
        world.start(leader)
        let told = world.run(within: .seconds(30)) {
            world.hosts.allSatisfy { $0.config(of: home.network)?.member(world.hosts[2].peer)?.grantedMemory == 800 }
        }
        #expect(told)
        #expect(world.violations == [])
    }

    @Test(
        "A voter that loses power around a write neither loses what was answered nor certifies a number twice",
        arguments: [1, 2])
    func noFork(voters: Int) throws {
        for tenth in stride(from: Int64(0), through: 120, by: 6) {
            let home = try Home(seed: 5, hosts: 2, memory: [900])
            let world = home.world
            let checks = Checks(viewBound: .seconds(60))
            checks.networks = [home.network]
            world.checks = checks
            if voters == 2 { home.settleVoters(2) }
            let secret: [UInt8] = Array(repeating: 8, count: 16)
            let key = Invitation(network: home.network, secret: secret, endpoints: []).key.peer
            let id = world.request(0, .invite(network: home.network, role: .worker, validSeconds: 60, secret: secret))
            world.run(for: Interval(nanoseconds: tenth * 100_000))
            let wasAnswered = world.outcome(id) != nil
            world.end(world.hosts[0], .powerLost)
            world.run(for: .milliseconds(50))
            world.start(0)
            // Another change, under whatever number comes next.
            _ = try world.invite(from: 0, to: home.network, role: .member)
            if wasAnswered {
                let invitations = world.hosts[0].config(of: home.network)!.invitations
                #expect(invitations.contains { $0.key == key }, "what was answered is still so")
            }
            #expect(
                world.run(within: .seconds(10)) {
                    world.hosts[1].revision(of: home.network) == world.hosts[0].revision(of: home.network)
                })
            #expect(world.hosts[1].config(of: home.network) == world.hosts[0].config(of: home.network))
            #expect(world.violations == [])
        }
    }

    @Test("A change counts for nobody before it is on the disks of a majority of the voters", arguments: 0..<3)
    func persistBeforeSend(slow: Int) throws {
        // Of two voters both must have it; of three any two.
        let hosts = slow == 0 ? 2 : 3
        let home = try Home(seed: 6, hosts: hosts, memory: [900])
        home.settleVoters(hosts)
        let world = home.world
        let leader = try home.leader()
        let follower = (leader + 1) % hosts
        let slowOnes = [[follower], [follower], [follower, (leader + 2) % hosts]][slow]
        for host in slowOnes { world.hosts[host].writeDelay = .seconds(3) }
        let before = world.hosts[0].revision(of: home.network)!
        let moved = ConfigCommand.Change.grant(
            peer: world.hosts[follower].peer, memory: 900, name: world.hosts[follower].name,
            addresses: [World.endpoint(of: 77)])
        let id = world.request(follower, .change(home.network, moved))
        world.run(for: .milliseconds(2900))
        let mayCount = slow == 1
        #expect((world.outcome(id) != nil) == mayCount)
        for host in world.hosts { #expect(host.revision(of: home.network) == (mayCount ? before.next : before)) }
        world.run(for: .milliseconds(300))
        #expect(world.outcome(id) != nil)
        for host in world.hosts { #expect(host.revision(of: home.network) == before.next) }
        home.expectSound()
    }

    @Test("A leader whose disk is slow decides its own changes in its time, and stays the leader")
    func leaderWithASlowDisk() throws {
        let home = try Home(seed: 6, hosts: 2, memory: [900])
        home.settleVoters(2)
        let world = home.world
        world.hosts[0].writeDelay = .seconds(3)
        #expect(try home.leader() == 0)
        let id = world.request(
            0, .invite(network: home.network, role: .worker, validSeconds: 60, secret: Array(repeating: 8, count: 16)))
        world.run(for: .milliseconds(3500))
        #expect(world.outcome(id) != nil)
        #expect(world.hosts[0].inspect(home.network)?.role == .leader)
        home.expectSound()
    }

    @Test("A config that was asked for of a member that does not give it is asked for of another one")
    func configOfAMemberThatHasNone() throws {
        let home = try Home(seed: 10, hosts: 4)
        home.settleVoters(3)
        let world = home.world
        let learner = try #require(
            world.hosts.first { $0.inspect(home.network)?.config.voters.contains($0.peer) == false })
        let liar = world.hosts[learner.index - 1]
        let link = learner.core!.memberLink(to: liar.peer)!.info.id
        let ahead = ConfigVersion(generation: 0, revision: Revision(1000))
        world.feed(learner, .received(.configOffer(network: home.network, version: ahead), on: link))
        _ = try world.invite(from: 0, to: home.network)
        let newest = world.hosts[0].revision(of: home.network)
        #expect(world.run(within: .seconds(30)) { learner.revision(of: home.network) == newest })
    }

    @Test("A member that was away learns the newest revision from any other member")
    func revisionFromAnotherMember() throws {
        let home = try Home(seed: 7)
        home.settleVoters(3)
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
        let old = world.hosts[1].core!.networks[home.network]!.gossip.store.signed(of: world.hosts[2].peer)!
        world.crash(2)
        world.run(for: .seconds(2))
        world.start(2)
        home.waitUntilReady()
        let link = world.hosts[1].core!.memberLink(to: world.hosts[0].peer)!.info.id
        let version = world.hosts[1].core!.networks[home.network]!.gossip.record(of: world.hosts[2].peer)!.version
        #expect(version.epoch == 2)
        world.feed(
            world.hosts[1],
            .received(
                .gossip(
                    network: home.network,
                    GossipMessage(kind: .news, incarnation: Incarnation(epoch: 1, count: 0), records: [old])), on: link)
        )
        #expect(
            world.hosts[1].core!.networks[home.network]!.gossip.record(of: world.hosts[2].peer)!.version >= version)
    }

    @Test("A peer that was removed on its own disk only starts without that network")
    func startsOutsideOfANetworkItLeft() throws {
        let home = try Home(seed: 9, hosts: 2, memory: [900])
        let world = home.world
        let founder = world.hosts[0]
        world.crash(1)
        #expect(
            world.answer(world.request(0, .change(home.network, .remove(world.hosts[1].peer)))).map { response in
                if case .changed = response { true } else { false }
            } == true)
        // The revision without it is on its disk, and power failed before the network was forgotten.
        world.hosts[1].disk.put(founder.core!.networks[home.network]!.ledger.certified, of: home.network)
        world.start(1)
        #expect(world.hosts[1].core?.networks.isEmpty == true)
        world.run(for: .seconds(3))
        #expect(world.violations == [])
    }
}
