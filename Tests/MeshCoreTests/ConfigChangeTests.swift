import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

/// Changes of the agreed config among complete peers, with leaders that come and go.
@Suite struct ConfigChangeTests {
    /// A network in which everyone that may vote does.
    private func settled(seed: UInt64, hosts: Int, voters: Int) throws -> Home {
        let home = try Home(seed: seed, hosts: hosts)
        let done = home.world.run(within: .seconds(20)) {
            home.world.hosts.allSatisfy { $0.core?.inspect(home.network)?.config.voters.count == voters }
        }
        #expect(done, "\(voters) of \(hosts) vote")
        return home
    }

    private func leader(of home: Home) throws -> Int {
        let found = home.world.run(within: .seconds(20)) { current(of: home) != nil }
        #expect(found, "somebody leads")
        return try #require(current(of: home))
    }

    private func current(of home: Home) -> Int? {
        home.world.hosts.firstIndex { host in
            host.core?.inspect(home.network)?.role == .leader && host.core?.status.first?.canChange == true
        }
    }

    private func grant(_ home: Home, _ host: Int, _ memory: UInt64) -> ConfigCommand.Change {
        .grant(
            peer: home.world.hosts[host].peer, memory: memory, name: "host\(host)",
            addresses: [World.endpoint(of: host)])
    }

    private func promote(_ host: Int, in home: Home) {
        let change = ConfigCommand.Change.setRole(home.world.hosts[host].peer, .admin)
        let answer = home.world.answer(home.world.request(0, .change(home.network, change)))
        guard case .changed? = answer else {
            Issue.record("host \(host) did not become an admin: \(String(describing: answer))")
            return
        }
    }

    @Test("A change is answered once it is certified, by whichever peer it was asked for", arguments: 0..<5)
    func fromAnyPeer(host: Int) throws {
        let home = try settled(seed: 1, hosts: 5, voters: 5)
        let id = home.world.request(host, .change(home.network, grant(home, host, 700 + UInt64(host))))
        guard case .changed(let revision)? = home.world.answer(id) else {
            Issue.record("it was not changed: \(String(describing: home.world.outcome(id)))")
            return
        }
        let seen = try #require(home.world.hosts[host].core?.inspect(home.network))
        #expect(seen.version.revision >= revision)
        #expect(home.world.violations == [])
    }

    @Test("A change that is under way when the leader dies is made once, and answered once", arguments: 0..<24)
    func leaderDiesUnderneath(moment: Int) throws {
        let home = try settled(seed: 2, hosts: 5, voters: 5)
        let world = home.world
        let old = try leader(of: home)
        let asked = (old + 1) % 5
        promote(asked, in: home)
        world.run(for: .seconds(1))
        let before = try #require(world.hosts[asked].core?.inspect(home.network)?.version.revision)
        let policy = NetworkPolicy(maxVoters: 7, voterGrace: 77)
        let id = world.request(asked, .change(home.network, .setPolicy(policy)))
        world.run(for: Interval(nanoseconds: Int64(moment) * 400_000))
        world.crash(old)
        let answer = world.answer(id)
        guard case .changed? = answer else {
            Issue.record("it was not changed: \(String(describing: answer))")
            return
        }
        world.start(old)
        world.run(for: .seconds(5))
        for host in world.hosts {
            let seen = try #require(host.core?.inspect(home.network))
            #expect(seen.config.policy == policy)
            #expect(seen.version.revision == before.next, "made once")
        }
        #expect(world.violations == [])
    }

    @Test("Of two admins who change the same thing at once one wins, and the other is told what it is now")
    func twoAdmins() throws {
        let home = try settled(seed: 3, hosts: 3, voters: 3)
        promote(1, in: home)
        home.world.run(for: .seconds(1))
        let policies = [NetworkPolicy(maxVoters: 3, voterGrace: 60), NetworkPolicy(maxVoters: 3, voterGrace: 90)]
        let ids = [0, 1].map { home.world.request($0, .change(home.network, .setPolicy(policies[$0]))) }
        let answers = ids.map { home.world.answer($0) }
        let winners = answers.count { if case .changed? = $0 { true } else { false } }
        #expect(winners == 1)
        let refusals = answers.compactMap { if case .refused(let sentence)? = $0 { sentence } else { nil } }
        #expect(refusals.count == 1)
        let policy = try #require(home.world.hosts[0].core?.inspect(home.network)?.config.policy)
        #expect(refusals.first?.contains("meanwhile") == true, "\(refusals)")
        #expect(policies.contains(policy))
        #expect(home.world.violations == [])
    }

    @Test("Without a majority the config is frozen, says so, and chats go on; then it changes again")
    func frozen() throws {
        let home = try Home(seed: 4, hosts: 2, memory: [1200])
        let world = home.world
        #expect(
            world.run(within: .seconds(20)) {
                world.hosts.allSatisfy { $0.core?.inspect(home.network)?.config.voters.count == 2 }
            })
        for away in [0, 1] {
            let left = 1 - away
            world.crash(away)
            let noticed = world.run(within: .seconds(10)) { world.hosts[left].core?.status.first?.canChange == false }
            #expect(noticed)
            let id = world.request(left, .change(home.network, grant(home, left, 1300 + UInt64(away))))
            guard case .refused(let sentence)? = world.answer(id) else {
                Issue.record("a change without a majority was answered \(String(describing: world.outcome(id)))")
                return
            }
            #expect(sentence.contains("frozen"))
            let chat = home.chat(left, [5, 6, 7], conversation: UInt64(away + 1))
            world.answer(chat)
            #expect(world.tokens(chat) == home.expected([5, 6, 7]))
            world.start(away)
            let thawed = world.run(within: .seconds(10)) {
                world.hosts.allSatisfy { $0.core?.status.first?.canChange == true }
            }
            #expect(thawed)
        }
        let id = world.request(1, .change(home.network, grant(home, 1, 1500)))
        guard case .changed? = world.answer(id) else {
            Issue.record("nothing changes any more: \(String(describing: world.outcome(id)))")
            return
        }
        #expect(world.violations == [])
    }

    @Test("A peer joins through any member while the founder is switched off", arguments: [1, 2])
    func joinsWithoutTheFounder(through: Int) throws {
        let home = try settled(seed: 5, hosts: 3, voters: 3)
        let world = home.world
        promote(through, in: home)
        world.run(for: .seconds(1))
        let guest = world.addHost(key: World.key(name: "guest", seed: 5), name: "guest", memory: 600)
        world.crash(0)
        world.start(guest.index)
        let invitation = try world.invite(from: through, to: home.network)
        #expect(world.answer(world.request(guest.index, .join(invitation))) == .joined(home.network))
        #expect(world.violations == [])
    }

    @Test("A voter that leaves is replaced first, and so is the leader", arguments: 0..<3)
    func votersLeave(host: Int) throws {
        let home = try settled(seed: 6, hosts: 4, voters: 3)
        promote(1, in: home)
        promote(2, in: home)
        let world = home.world
        #expect(world.answer(world.request(host, .leave(home.network))) == .left)
        let settled = world.run(within: .seconds(20)) {
            world.hosts.allSatisfy { other in
                guard other.index != host else { return other.core?.inspect(home.network) == nil }
                guard let seen = other.core?.inspect(home.network) else { return false }
                return seen.config.members.count == 3 && seen.config.voters.count == 3
            }
        }
        #expect(settled)
        #expect(world.violations == [])
    }

    @Test("A peer that was removed while it was away learns so when it comes back")
    func removedWhileAway() throws {
        let home = try settled(seed: 7, hosts: 4, voters: 3)
        let world = home.world
        world.crash(3)
        let gone = world.hosts[3].peer
        let answer = world.answer(world.request(0, .change(home.network, .remove(gone))))
        guard case .changed? = answer else {
            Issue.record("it was not removed: \(String(describing: answer))")
            return
        }
        world.run(for: .seconds(5))
        world.start(3)
        #expect(world.run(within: .seconds(20)) { world.hosts[3].core?.inspect(home.network) == nil })
        #expect(world.run(within: .seconds(10)) { (0..<3).allSatisfy { world.links(between: $0, 3) == 0 } })
        #expect(world.violations == [])
    }

    @Test("A voter that is away for longer than the grace is replaced, and gets its seat back")
    func seatsAreGivenBack() throws {
        let home = try settled(seed: 8, hosts: 4, voters: 3)
        let world = home.world
        let policy = NetworkPolicy(maxVoters: 7, voterGrace: 20)
        _ = world.answer(world.request(0, .change(home.network, .setPolicy(policy))))
        func voters() -> [PeerID] { world.hosts[1].core?.inspect(home.network)?.config.voters ?? [] }
        let away = try #require(world.hosts.indices.last { voters().contains(world.hosts[$0].peer) && $0 != 1 })
        world.crash(away)
        #expect(world.run(within: .seconds(60)) { !voters().contains(world.hosts[away].peer) && voters().count == 3 })
        world.start(away)
        #expect(world.run(within: .seconds(90)) { voters().contains(world.hosts[away].peer) })
        #expect(world.violations == [])
    }

    @Test("A network whose majority is lost for good is recovered, and the lost follow it when they come back")
    func recovery() throws {
        let home = try settled(seed: 9, hosts: 3, voters: 3)
        let world = home.world
        promote(2, in: home)
        world.run(for: .seconds(1))
        #expect(
            {
                if case .refused? = world.answer(world.request(2, .recover(home.network))) { true } else { false }
            }(), "there is nothing to recover from")
        world.crash(0)
        world.crash(1)
        #expect(world.run(within: .seconds(10)) { world.hosts[2].core?.status.first?.canChange == false })
        guard case .recovered(let revision)? = world.answer(world.request(2, .recover(home.network))) else {
            Issue.record("it was not recovered")
            return
        }
        let id = world.request(2, .change(home.network, grant(home, 2, 900)))
        guard case .changed? = world.answer(id) else {
            Issue.record("nothing changes after the recovery: \(String(describing: world.outcome(id)))")
            return
        }
        world.start(0)
        world.start(1)
        let followed = world.run(within: .seconds(30)) {
            world.hosts.allSatisfy { host in
                guard let seen = host.core?.inspect(home.network) else { return false }
                return seen.version.recoveries == 1 && seen.version.revision > revision && seen.config.voters.count == 3
            }
        }
        #expect(followed)
        #expect(world.violations == [])
    }

    @Test("Everyone restarts at once, and nothing that was certified is lost")
    func allRestart() throws {
        let home = try settled(seed: 10, hosts: 5, voters: 5)
        let world = home.world
        let before = try #require(world.hosts[0].core?.inspect(home.network)?.version)
        for host in 0..<5 { world.crash(host) }
        for host in 0..<5 { world.start(host) }
        _ = try leader(of: home)
        let id = world.request(3, .change(home.network, grant(home, 3, 888)))
        guard case .changed(let revision)? = world.answer(id) else {
            Issue.record("nothing changes after a restart of all")
            return
        }
        #expect(revision > before.revision)
        home.waitUntilReady()
        #expect(world.violations == [])
    }

    @Test("A log that has grown is cut, and a voter that slept through it is brought up by a snapshot")
    func snapshot() throws {
        let home = try settled(seed: 11, hosts: 3, voters: 3)
        let world = home.world
        let sleeper = try #require((0..<3).first { world.hosts[$0].core?.inspect(home.network)?.role != .leader })
        world.crash(sleeper)
        let asked = try leader(of: home)
        for round in 0..<100 {
            let id = world.request(asked, .change(home.network, grant(home, asked, 1000 + UInt64(round))))
            guard case .changed? = world.answer(id) else {
                Issue.record("round \(round): \(String(describing: world.outcome(id)))")
                return
            }
        }
        world.start(sleeper)
        #expect(
            world.run(within: .seconds(10)) {
                guard let mine = world.hosts[sleeper].core?.inspect(home.network),
                    let theirs = world.hosts[asked].core?.inspect(home.network)
                else { return false }
                return mine.applied == theirs.applied && mine.machineHeader == theirs.machineHeader
            })
        #expect(world.saw(sleeper) { if case .snapshotRestored = $0 { true } else { false } })
        #expect(world.violations == [])
    }
}
