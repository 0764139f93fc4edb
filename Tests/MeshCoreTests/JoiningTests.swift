import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct JoiningTests {
    /// Host 0 has founded; host 1 is a member; the rest are strangers.
    private func pair(seed: UInt64, hosts: Int = 3, prepare: (World) -> Void = { _ in }) throws -> (World, NetworkID) {
        let world = World(seed: seed, hosts: hosts, memory: [540])
        prepare(world)
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        let network = try world.found(model, on: 0)
        let joined = world.answer(world.request(1, .join(try world.invite(from: 0, to: network))))
        #expect(joined == .joined(network))
        world.run(within: .seconds(5)) { world.links(between: 0, 1) == 1 }
        return (world, network)
    }

    private func text(_ invitation: String, at hosts: [Host]) -> String {
        let original = Invitation(text: invitation)!
        return Invitation(network: original.network, secret: original.secret, endpoints: hosts.map(\.endpoint)).text
    }

    private func sentence(_ response: Response?) -> String? {
        if case .refused(let why)? = response { return why }
        return nil
    }

    @Test("A newcomer is admitted by way of a member that is not the founder")
    func joinThroughMember() throws {
        let (world, network) = try pair(seed: 1)
        let invitation = text(try world.invite(from: 0, to: network), at: [world.hosts[1]])
        world.separate(0, 2)
        #expect(world.answer(world.request(2, .join(invitation))) == .joined(network))
        #expect(world.hosts[2].config(of: network)?.isMember(world.hosts[2].peer) == true)
        #expect(world.violations == [])
    }

    @Test("Everyone ends with the same config, and it verifies from nothing but the network's id")
    func sameConfigEverywhere() throws {
        let home = try Home(seed: 2, hosts: 4)
        let ledgers = home.world.hosts.compactMap { $0.core?.networks[home.network]?.ledger }
        #expect(ledgers.count == 4)
        for ledger in ledgers {
            #expect(ledger.headerDigest == ledgers[0].headerDigest)
            let verified = try ConfigLedger(network: home.network, certified: ledger.certified)
            #expect(verified.config.members.count == 4)
            #expect(verified.config.invitations.isEmpty)
        }
        #expect(Digest.of(ledgers[0].certified.chain[0].bytes) == home.network.digest)
        home.expectSound()
    }

    @Test(
        "An invitation that was used, has expired, was mistyped or was never made is refused with one sentence"
    )
    func refusedInvitations() throws {
        let (world, network) = try pair(seed: 3, hosts: 5)
        let once = try world.invite(from: 0, to: network)
        #expect(world.answer(world.request(2, .join(once))) == .joined(network))
        let used = sentence(world.answer(world.request(3, .join(once))))
        #expect(used == "this invitation is not known or was used already; ask a member for a new one")

        let short = try world.invite(from: 0, to: network, seconds: 60)
        world.wallClock += 61
        let expired = sentence(world.answer(world.request(3, .join(short))))
        #expect(expired == "this invitation has expired; ask a member for a new one")

        let good = try world.invite(from: 0, to: network)
        var letters = Array(good)
        letters[30] = letters[30] == "a" ? "b" : "a"
        #expect(
            sentence(world.answer(world.request(3, .join(String(letters)))))
                == "this invitation was cut or mistyped; copy the whole of it again")
        #expect(sentence(world.answer(world.request(3, .join("please")))) != nil)

        let invented = Invitation(
            network: network, secret: Array(repeating: 3, count: 16), endpoints: [world.hosts[0].endpoint])
        #expect(
            sentence(world.answer(world.request(3, .join(invented.text))))
                == "this invitation is not known or was used already; ask a member for a new one")

        // The good one still serves.
        #expect(world.answer(world.request(3, .join(good))) == .joined(network))
        #expect(sentence(world.answer(world.request(3, .join(good)))) == "this peer is in the network home already")
        #expect(world.violations == [])
    }

    @Test("An invitation to a network that the peer asked is not in is refused at once, with one sentence")
    func otherNetwork() throws {
        let (world, network) = try pair(seed: 3)
        let good = Invitation(text: try world.invite(from: 0, to: network))!
        let elsewhere = Invitation(
            network: NetworkID(digest: Digest.of([7])), secret: good.secret, endpoints: [world.hosts[0].endpoint])
        let why = sentence(world.answer(world.request(2, .join(elsewhere.text))))
        #expect(why == "this peer is not in that network")
        #expect(world.violations == [])
    }

    @Test("A stranger's member link is refused, and so is its part in anything but admission")
    func strangersAreRefused() throws {
        let (world, network) = try pair(seed: 4)
        let stranger = world.hosts[2]
        for member in world.hosts[0...1] {
            #expect(member.core?.accepts(stranger.peer, purpose: .member) == false)
            #expect(member.core?.accepts(stranger.peer, purpose: .admission) == true)
            #expect(member.core?.accepts(member.peer, purpose: .member) == false)
        }
        world.connectDirectly(2, to: 0, purpose: .admission)
        let link = world.hosts[0].core!.links.pairs.first { $1.info.peer == stranger.peer }!.0
        let piece = FakeModel().manifest.metadata
        var core = world.hosts[0].core!
        for frame: Frame in [
            .pieceRequest(PieceRequest(digest: piece.digest, offset: 0, length: 40)),
            .configRequest(network: network, known: .none),
            .raft(
                network: network, generation: 0,
                RaftMessage(term: Term(9), kind: .vote(lastIndex: LogIndex(99), lastTerm: Term(8), isTransfer: true))),
            .vouch(
                network: network, version: .first, header: piece.digest,
                Vouch(voter: stranger.peer, signature: Array(repeating: 0, count: 64))),
            .gossip(
                network: network,
                GossipMessage(kind: .ping(sequence: 1), incarnation: Incarnation(epoch: 1, count: 0))),
            .configOffer(network: network, version: .first),
        ] {
            for effect in core.handle(.received(frame, on: link), at: Time(instant: world.now, wallClock: 0)) {
                switch effect {
                case .readPart: Issue.record("a piece is read for a stranger")
                case .send(_, let on): #expect(on != link, "a stranger is answered")
                default: break
                }
            }
        }
        world.run(for: .milliseconds(50))
        #expect(stranger.core?.networks.isEmpty == true)
        #expect(world.violations == [])
    }

    @Test("A join goes on to the next member where the first one is switched off")
    func firstMemberIsOff() throws {
        let (world, network) = try pair(seed: 5, hosts: 4)
        world.multicastWorks = false
        world.crash(3)
        let invitation = text(try world.invite(from: 0, to: network), at: [world.hosts[3], world.hosts[1]])
        #expect(world.answer(world.request(2, .join(invitation)), within: .seconds(10)) == .joined(network))
        #expect(world.violations == [])
    }

    @Test("A join goes on to the next member where the first one takes the link and never answers")
    func firstMemberHangs() throws {
        let (world, network) = try pair(seed: 6, hosts: 4)
        world.answer(world.request(3, .join(try world.invite(from: 0, to: network))))
        let invitation = text(try world.invite(from: 0, to: network), at: [world.hosts[3], world.hosts[1]])
        world.hosts[3].isHung = true
        #expect(world.answer(world.request(2, .join(invitation)), within: .seconds(12)) == .joined(network))
        #expect(world.violations == [])
    }

    @Test("A join that reaches nobody is refused with one sentence in the end")
    func nobodyThere() throws {
        let (world, network) = try pair(seed: 7)
        let invitation = try world.invite(from: 0, to: network)
        world.crash(0)
        world.crash(1)
        let id = world.request(2, .join(invitation))
        let why = sentence(world.answer(id, within: .seconds(12)))
        #expect(why?.contains("could be reached") == true)
        #expect(world.violations == [])
    }

    @Test("With the majority of the voters away nobody is admitted, and the newcomer is told so", arguments: 0..<2)
    func majorityIsAway(away: Int) throws {
        let (world, network) = try pair(seed: 8)
        Home(world: world, network: network, model: FakeModel()).settleVoters(2)
        let invitation = try world.invite(from: 0, to: network)
        world.crash(away)
        world.run(for: .seconds(5))
        let why = sentence(world.answer(world.request(2, .join(invitation)), within: .seconds(12)))
        #expect(why == "no leader is known here just now; try again")
        #expect(world.hosts[2].core?.networks.isEmpty == true)
        world.start(away)
        world.run(for: .seconds(5))
        #expect(world.answer(world.request(2, .join(invitation)), within: .seconds(12)) == .joined(network))
        #expect(world.violations == [])
    }

    @Test("Two newcomers with one invitation: just one of them enters")
    func oneInvitationTwoNewcomers() throws {
        for seed in 20..<26 as Range<UInt64> {
            let (world, network) = try pair(seed: seed, hosts: 4) { $0.times.jitter = .milliseconds(2) }
            let invitation = try world.invite(from: 0, to: network)
            let first = world.request(2, .join(invitation))
            let second = world.request(3, .join(text(invitation, at: [world.hosts[1]])))
            world.answer(first)
            world.answer(second)
            let outcomes = [world.outcome(first), world.outcome(second)]
            #expect(outcomes.count { $0 == .joined(network) } == 1)
            #expect(outcomes.count { sentence($0) != nil } == 1)
            #expect(world.hosts[0].config(of: network)?.members.count == 3)
            #expect(world.violations == [])
        }
    }

    @Test("Whoever was told that it has joined is still a member after a loss of power at that very moment")
    func joinedMeansOnDisk() throws {
        let (world, network) = try pair(seed: 9)
        let id = world.request(2, .join(try world.invite(from: 0, to: network)))
        #expect(world.answer(id) == .joined(network))
        world.crash(2)
        world.start(2)
        #expect(world.hosts[2].config(of: network)?.isMember(world.hosts[2].peer) == true)
        #expect(world.run(within: .seconds(10)) { world.links(between: 0, 2) == 1 })
    }

    @Test("A newcomer that lost its power while it was being admitted enters with the same invitation")
    func admittedTwice() throws {
        for delay in stride(from: Int64(1), to: 16, by: 1) {
            let (world, network) = try pair(seed: 10)
            let invitation = try world.invite(from: 0, to: network)
            let lost = world.request(2, .join(invitation))
            world.run(for: .milliseconds(delay))
            let wasAnswered = world.outcome(lost) != nil
            world.crash(2)
            world.run(for: .milliseconds(300))
            world.start(2)
            let again = world.answer(world.request(2, .join(invitation)), within: .seconds(12))
            if wasAnswered {
                #expect(sentence(again)?.contains("already") == true)
            } else {
                #expect(
                    again == .joined(network) || sentence(again)?.contains("already") == true,
                    "after \(delay) ms: \(again as Any)")
            }
            #expect(world.hosts[2].config(of: network)?.isMember(world.hosts[2].peer) == true)
            #expect(world.run(within: .seconds(10)) { world.links(between: 0, 2) == 1 })
            #expect(world.violations == [])
        }
    }

    @Test("A join that was given up is not answered, and nothing of it stays")
    func cancelledJoin() throws {
        let (world, network) = try pair(seed: 11)
        let invitation = try world.invite(from: 0, to: network)
        world.cut(2)
        let id = world.request(2, .join(invitation))
        world.run(for: .seconds(1))
        world.cancel(2, id)
        world.heal(2)
        world.run(for: .seconds(15))
        #expect(world.responses[id]?.isEmpty == true)
        #expect(world.hosts[2].core?.joins.isEmpty == true)
        #expect(world.hosts[2].core?.networks.isEmpty == true)
    }

    @Test("A member that leaves is gone from every config and keeps no link; its pieces stay")
    func leave() throws {
        let home = try Home(seed: 12)
        let world = home.world
        let pieces = world.hosts[2].pieces.count
        #expect(world.answer(world.request(2, .leave(home.network))) == .left)
        let gone = world.run(within: .seconds(5)) {
            world.hosts[0...1].allSatisfy { $0.config(of: home.network)?.members.count == 2 }
                && world.links(between: 0, 2) == 0 && world.links(between: 1, 2) == 0
        }
        #expect(gone)
        #expect(world.hosts[2].core?.networks.isEmpty == true)
        world.run(for: .milliseconds(100))
        #expect(world.hosts[2].disk.synced[home.network] == nil)
        #expect(world.hosts[2].pieces.count == pieces)
        // Left by itself, it may come back.
        let again = world.answer(world.request(2, .join(try world.invite(from: 0, to: home.network))))
        #expect(again == .joined(home.network))
        home.waitUntilReady()
        home.expectSound()
    }

    @Test("The last admin cannot leave while others are members, and then leaves at once", arguments: [1, 2])
    func lastAdminLeaves(voters: Int) throws {
        let home = try Home(seed: 13, hosts: 2, memory: [900])
        let world = home.world
        if voters == 2 { home.settleVoters(2) }
        #expect(sentence(world.answer(world.request(0, .leave(home.network))))?.contains("last admin") == true)
        #expect(world.answer(world.request(1, .leave(home.network))) == .left)
        #expect(world.answer(world.request(0, .leave(home.network))) == .left)
        #expect(world.hosts.allSatisfy { $0.core?.networks.isEmpty == true })
        world.run(for: .milliseconds(100))
        #expect(world.hosts.allSatisfy { $0.disk.synced[home.network] == nil })
        home.expectSound()
    }

    @Test("Changes that wait while a lone member leaves are answered")
    func requestsOfALoneMemberThatLeaves() throws {
        let world = World(seed: 14, hosts: 1, memory: [900])
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        let network = try world.found(model, on: 0)
        let invites = (0..<3).map { number in
            world.request(
                0,
                .invite(
                    network: network, role: .worker, validSeconds: 60,
                    secret: Array(repeating: UInt8(number), count: 16)))
        }
        #expect(world.answer(world.request(0, .leave(network))) == .left)
        world.run(for: .seconds(20))
        for id in invites { #expect(world.outcome(id) != nil, "\(id) is answered") }
        #expect(world.violations == [])
    }

    @Test("One name names one network, also when two are founded at once")
    func namesAreUnique() throws {
        let world = World(seed: 15, hosts: 1, memory: [900])
        let model = FakeModel()
        world.startAll()
        let first = world.request(0, .createNetwork(name: "home", model: model.manifest))
        let second = world.request(0, .createNetwork(name: "home", model: model.manifest))
        world.answer(first)
        world.answer(second)
        #expect([world.outcome(first), world.outcome(second)].count { sentence($0) != nil } == 1)
        #expect(world.hosts[0].core?.networks.count == 1)
    }

    @Test("A change of the model is told by the revision that it became")
    func modelSet() throws {
        let home = try Home(seed: 16, hosts: 2, memory: [900])
        home.settleVoters(2)
        let world = home.world
        let other = FakeModel(name: "other", seed: 5)
        world.give(other, to: 0)
        let invite = world.request(
            0, .invite(network: home.network, role: .worker, validSeconds: 60, secret: Array(repeating: 1, count: 16)))
        let set = world.request(0, .setModel(home.network, other.manifest))
        world.answer(invite)
        world.answer(set)
        #expect(world.outcome(set) == .modelSet(world.hosts[0].revision(of: home.network)!))
        home.waitUntilReady()
        #expect(world.hosts[1].pieces[other.manifest.metadata.digest] != nil)
        home.expectSound()
    }
}
