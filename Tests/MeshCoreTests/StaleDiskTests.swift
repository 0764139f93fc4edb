import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct StaleDiskTests {
    /// What is on the disk of host 0 now, were the power to fail.
    private func disk(of world: World) -> Disk {
        var disk = world.hosts[0].disk
        disk.losePower(keeping: 0)
        return disk
    }

    private func comesBack(_ world: World, with disk: Disk) {
        if world.hosts[0].isOn { world.crash(0) }
        world.hosts[0].disk = disk
        world.checks?.lostDisk(world.hosts[0])
        world.start(0)
    }

    private func watch(_ home: Home) -> Checks {
        let checks = Checks(viewBound: .seconds(60))
        checks.networks = [home.network]
        checks.start(in: home.world)
        return checks
    }

    private func expectWell(_ home: Home, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let world = home.world
        let agreed = world.run(within: .seconds(30)) {
            let seen = world.hosts.filter(\.isOn).compactMap { $0.inspect(home.network) }
            return seen.filter { $0.role == .leader }.count == 1 && Set(seen.map(\.version)).count == 1
                && seen.allSatisfy(\.takesPart)
        }
        #expect(agreed, "one leads, and all go by the same", sourceLocation: sourceLocation)
        home.waitUntilReady(sourceLocation: sourceLocation)
    }

    @Test("A machine with the disk of the time when only it voted leads no term that another leads", arguments: 0..<4)
    func onlyVoterOfOld(round: Int) throws {
        let home = try Home(seed: UInt64(700 + round))
        let world = home.world
        let old = disk(of: world)
        #expect(world.hosts[0].config(of: home.network)?.voters == [world.hosts[0].peer])
        home.settleVoters(3)
        let checks = watch(home)
        world.crash(0)
        _ = try home.leader()
        world.run(for: .milliseconds(Int64(200 * round)))
        comesBack(world, with: old)
        try expectWell(home)
        #expect(!checks.isMoot)
        home.expectSound()
    }

    @Test("A machine that hears of a later life of its own goes on under an epoch that is later still")
    func laterLife() throws {
        let home = try Home(seed: 711)
        let world = home.world
        home.settleVoters(3)
        let old = disk(of: world)
        for _ in 0..<3 {
            world.crash(0)
            world.start(0)
            home.waitUntilReady()
        }
        let last = world.hosts[0].epoch
        comesBack(world, with: old)
        #expect(world.hosts[0].epoch < last)
        try expectWell(home)
        #expect(world.hosts[0].epoch > last)
        #expect(world.saw(0) { if case .votesGivenUp = $0 { true } else { false } })
    }

    @Test("Whoever hears of a machine's new life has the record that proves it")
    func newLifeIsProven() throws {
        let home = try Home(seed: 711)
        let world = home.world
        home.settleVoters(3)
        let old = disk(of: world)
        for _ in 0..<3 {
            world.crash(0)
            world.start(0)
            home.waitUntilReady()
        }
        comesBack(world, with: old)
        let host = world.hosts[0]
        #expect(world.run(within: .seconds(30)) { host.core?.newLife != nil })
        var core = try #require(host.core)
        let life = try #require(core.newLife)
        var proven: Set<PeerID> = []
        var heard = 0
        var input = Input.persisted(life.ticket)
        var now = world.time(of: host)
        for _ in 0..<50 {
            for effect in core.handle(input, at: now) {
                guard let (message, recipient) = gossip(effect, of: core) else { continue }
                if message.records.contains(where: { isRecord($0, of: host, in: life.epoch) }) {
                    proven.insert(recipient)
                }
                guard message.incarnation.epoch == life.epoch else { continue }
                heard += 1
                #expect(proven.contains(recipient), "message \(heard) of the new life comes without its record")
            }
            now = Time(instant: core.nextWake(after: now.instant), wallClock: now.wallClock)
            input = .woke
        }
        #expect(heard > 0)
    }

    private func gossip(_ effect: Effect, of core: MeshCore) -> (GossipMessage, PeerID)? {
        switch effect {
        case .gossip(_, let message, let recipient, _): return (message, recipient)
        case .send(.gossip(_, let message), let link): return core.links[link].map { (message, $0.info.peer) }
        default: return nil
        }
    }

    private func isRecord(_ signed: Signed, of host: Host, in epoch: UInt64) -> Bool {
        signed.signer == host.peer && (try? PeerRecord.verified(signed))?.version.epoch == epoch
    }

    @Test("When a copy of a machine is gone, the others believe the machine again, however often the copy lived anew")
    func copyIsGone() throws {
        let home = try Home(seed: 716)
        let world = home.world
        home.settleVoters(3)
        var random = SeededGenerator(seed: 1)
        let undo = try #require(world.begin(.clone, on: [2], random: &random))
        world.run(for: .seconds(9))
        undo()
        world.run(for: .seconds(20))
        let revision = try #require(world.hosts[2].config(of: home.network)?.revision)
        let told = world.hosts[0].core?.networks[home.network]?.gossip.record(of: world.hosts[2].peer)
        #expect(told?.version.epoch == world.hosts[2].epoch)
        #expect(told?.applied.revision == revision)
    }

    @Test("A machine with the disk of the time before anyone had joined hears of the others, and follows them")
    func aloneOfOld() throws {
        let world = World(seed: 712, hosts: 3, memory: [540])
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        let network = try world.found(model, on: 0)
        world.run(for: .seconds(1))
        let old = disk(of: world)
        for host in 1...2 {
            let invitation = try world.invite(from: 0, to: network)
            #expect(world.answer(world.request(host, .join(invitation))) == .joined(network))
        }
        let home = Home(world: world, network: network, model: model)
        home.waitUntilReady()
        home.settleVoters(3)
        world.crash(0)
        _ = try home.leader()
        comesBack(world, with: old)
        #expect(world.hosts[0].config(of: network)?.members.count == 1)
        let learnt = world.run(within: .seconds(20)) { world.hosts[0].config(of: network)?.members.count == 3 }
        #expect(learnt)
        try expectWell(home)
    }

    @Test("Where one is gone for good, the others agree again some seconds after a power cut")
    func oneIsGone() throws {
        let home = try Home(seed: 713)
        let world = home.world
        home.settleVoters(3)
        for host in 0..<3 { world.end(world.hosts[host], .powerLost) }
        world.start(0)
        world.start(1)
        world.run(within: .seconds(20)) { (0..<2).contains { world.hosts[$0].inspect(home.network)?.role == .leader } }
        _ = try home.leader()
        home.expectSound()
    }

    @Test("A machine that is alone in its network leads it at once when it comes back")
    func alone() throws {
        let home = try Home(seed: 714, hosts: 1, memory: [900])
        home.world.crash(0)
        home.world.start(0)
        home.world.run(for: .milliseconds(100))
        #expect(home.world.hosts[0].inspect(home.network)?.role == .leader)
    }

    @Test("Voters that come back while all others are there take part before a second has passed")
    func atOnce() throws {
        let home = try Home(seed: 715)
        let world = home.world
        home.settleVoters(3)
        world.crash(1)
        world.run(for: .seconds(1))
        world.start(1)
        #expect(world.run(within: .seconds(1)) { world.hosts[1].inspect(home.network)?.takesPart == true })
    }

    @Test("Voters that lack what they were told of, and ask again by turns, get together to elect")
    func shortByTurns() throws {
        let home = try Home(seed: 720, hosts: 5, memory: [300])
        let world = home.world
        home.settleVoters(5)
        let old = world.hosts.map { host in
            var disk = host.disk
            disk.losePower(keeping: 0)
            return disk
        }
        let policy = NetworkPolicy(maxVoters: 7, voterGrace: 60)
        guard case .changed? = world.answer(world.request(0, .change(home.network, .setPolicy(policy)))) else {
            Issue.record("nothing was changed")
            return
        }
        home.waitUntilReady()
        for index in 0..<5 { world.crash(index) }
        // Two are gone for good; one has all of the log, and needs the votes of the two that have less.
        world.hosts[1].disk = old[1]
        world.hosts[2].disk = old[2]
        world.start(0)
        world.start(1)
        world.run(for: .seconds(10))
        world.start(2)
        let leads = world.run(within: .seconds(40)) {
            world.hosts.contains { $0.inspect(home.network)?.role == .leader }
        }
        #expect(leads, "somebody leads")
    }
}
