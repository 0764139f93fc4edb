import Identity
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct DiscoveryTests {
    @Test("Three peers that are switched on see each other by their beacons at once")
    func threePeersSeeEachOther() {
        let world = World(seed: 1, hosts: 3, memory: [540])
        world.startAll()
        let all = world.run(within: .milliseconds(150)) {
            world.hosts.allSatisfy { $0.core?.seen.count == 2 }
        }
        #expect(all)
        #expect(world.violations == [])
    }

    @Test(
        "A peer that is switched on late is seen by everyone, and sees everyone, without waiting for the next round of beacons"
    )
    func latecomerIsSeenAtOnce() {
        let world = World(seed: 2, hosts: 3, memory: [540])
        world.start(0)
        world.start(1)
        world.run(for: .milliseconds(2500))
        world.start(2)
        #expect(world.run(within: .milliseconds(200)) { world.hosts.allSatisfy { $0.core?.seen.count == 2 } })
    }

    @Test("Of many peers just a few answer a newcomer, and it sees them within a second")
    func fewAnswerInACrowd() {
        let world = World(seed: 7, hosts: 41, memory: [540])
        for host in 0..<40 { world.start(host) }
        world.run(for: .seconds(15))
        let before = world.multicasts
        world.start(40)
        world.run(for: .seconds(1))
        let seen = world.hosts[40].core?.seen.count ?? 0
        #expect(seen >= 8)
        #expect(world.multicasts - before < 20)
    }

    @Test("What all peers together call out does not grow with their number")
    func beaconsThinOut() {
        func calledOut(by count: Int) -> Int {
            let world = World(seed: 8, hosts: count, memory: [540])
            world.startAll()
            world.run(for: .seconds(15))
            let before = world.multicasts
            world.run(for: .seconds(30))
            return world.multicasts - before
        }
        #expect(calledOut(by: 40) <= calledOut(by: 10) * 3 / 2)
    }

    @Test("A member's beacon that says the same again counts as heard, and a copy with another signature does not")
    func repeatedBeacon() throws {
        let home = try Home(seed: 9, hosts: 2, memory: [900])
        let (world, other) = (home.world, home.world.hosts[1].peer)
        let signed = world.hosts[1].core!.beacon(asks: false).signed(by: world.hosts[1].key)
        func heardAt() -> Instant? { world.hosts[0].core?.seen[other]?.heardAt }
        func feed(_ signed: Signed) {
            world.feed(world.hosts[0], .datagramReceived(signed.encoded(), host: world.hosts[1].endpoint.host))
        }
        feed(signed)
        #expect(world.hosts[0].core?.seen[other]?.said == signed)
        let first = heardAt()
        world.run(for: .milliseconds(1))
        feed(signed)
        let second = heardAt()
        #expect(second != first)
        world.run(for: .milliseconds(1))
        var signature = signed.signature
        signature[3] ^= 1
        feed(Signed(payload: signed.payload, signer: other, signature: signature))
        #expect(heardAt() == second)
    }

    @Test("Peers find each other though half of all beacons are lost")
    func lostBeacons() {
        let world = World(seed: 3, hosts: 5, memory: [540])
        world.datagramLoss = 50
        world.startAll()
        #expect(world.run(within: .seconds(12)) { world.hosts.allSatisfy { $0.core?.seen.count == 4 } })
    }

    @Test("Discover lists a network with the addresses of all its members within two seconds")
    func discover() throws {
        let world = World(seed: 4, hosts: 4, memory: [540])
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        let network = try world.found(model, on: 0)
        for host in 1...2 { world.answer(world.request(host, .join(try world.invite(from: 0, to: network)))) }
        world.run(for: .milliseconds(1500))
        let before = world.now
        guard case .discovered(let found)? = world.answer(world.request(3, .discover)) else {
            Issue.record("no answer")
            return
        }
        #expect(world.now.since(before) < .seconds(2))
        #expect(found.map(\.id) == [network])
        #expect(found.first?.name == "home")
        #expect(found.first?.model == "fake")
        #expect(
            found.first?.members.map(\.address)
                == world.hosts[0...2].sorted { $0.peer < $1.peer }.map(\.endpoint))
        #expect(world.violations == [])
    }

    @Test("A peer that was switched off is not listed any more after a while")
    func silentPeerIsForgotten() throws {
        let world = World(seed: 5, hosts: 2, memory: [900])
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        _ = try world.found(model, on: 0)
        world.run(for: .seconds(2))
        world.crash(0)
        world.run(for: world.hosts[1].settings.beaconLifetime)
        #expect(world.answer(world.request(1, .discover)) == .discovered([]))
    }

    @Test("A seed takes the place of multicast: the network is found, joined and used")
    func seedsInsteadOfMulticast() throws {
        let world = World(seed: 6, hosts: 3, memory: [540])
        for host in 1...2 { world.hosts[host].settings.seeds = [world.hosts[host - 1].endpoint] }
        world.multicastWorks = false
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        let network = try world.found(model, on: 0)
        world.run(for: .seconds(5))
        guard case .discovered(let found)? = world.answer(world.request(1, .discover)) else {
            Issue.record("no answer")
            return
        }
        #expect(found.map(\.id) == [network])
        for host in 1...2 {
            #expect(
                world.answer(world.request(host, .join(try world.invite(from: 0, to: network)))) == .joined(network))
        }
        let linked = world.run(within: .seconds(10)) {
            world.links(between: 0, 1) == 1 && world.links(between: 1, 2) == 1 && world.links(between: 0, 2) == 1
        }
        #expect(linked)
        #expect(world.violations == [])
    }

    @Test("A thousand strangers' beacons do not keep a peer from seeing its own members")
    func floodOfStrangers() throws {
        let home = try Home(seed: 7, hosts: 2, memory: [900])
        let world = home.world
        var flooded = world.hosts[1].core!
        for number in 0..<MeshLimits.seenPeers + 50 {
            let key = SigningKey(seed: Digest.of([UInt8(number & 255), UInt8(number >> 8)]).bytes)!
            let beacon = Beacon(linkPort: 1, addresses: [], name: "x", networks: [], asks: false)
            let datagram = beacon.datagram(by: key)
            _ = flooded.handle(
                .datagramReceived(datagram, host: "10.9.9.9"), at: Time(instant: world.now, wallClock: 0))
        }
        #expect(flooded.seen.count <= MeshLimits.seenPeers)
        #expect(flooded.seen[world.hosts[0].peer] != nil, "a member stays")
        // One that is not known yet finds room as well.
        let late = SigningKey(seed: Digest.of([9, 9, 9]).bytes)!
        _ = flooded.handle(
            .datagramReceived(
                Beacon(linkPort: 1, addresses: [], name: "late", networks: [], asks: false).datagram(by: late),
                host: "10.0.0.77"), at: Time(instant: world.now, wallClock: 0))
        #expect(flooded.seen[late.peer] != nil)
        #expect(flooded.seen.count <= MeshLimits.seenPeers)
    }

    @Test("A beacon that tells of a thousand members over a link costs no more than one that fits a datagram")
    func longBeacon() throws {
        let world = World(seed: 8, hosts: 2, memory: [900])
        world.startAll()
        world.run(for: .milliseconds(100))
        world.connectDirectly(1, to: 0, purpose: .admission)
        let members = (0..<1000).map { number in
            Beacon.Member(
                peer: PeerID(Digest.of([UInt8(number & 255), UInt8(number >> 8)]).bytes)!,
                address: Endpoint(host: "10.1.1.1", port: 1 + number)!)
        }
        let network = Beacon.Network(
            id: NetworkID(digest: Digest.of([1])), name: "big", model: "m", revision: .first, members: members)
        let beacon = Beacon(linkPort: 7420, addresses: [], name: "loud", networks: [network], asks: false)
        let link = world.hosts[0].core!.links.keys.last!
        world.feed(world.hosts[0], .received(.beacon(beacon.signed(by: world.hosts[1].key)), on: link))
        #expect((world.hosts[0].core?.seen[world.hosts[1].peer]?.networks.first?.members.count ?? 0) <= 64)
    }

    @Test("Garbage on the discovery port changes nothing")
    func garbageDatagrams() {
        let world = World(seed: 9, hosts: 2, memory: [900])
        world.startAll()
        world.run(for: .milliseconds(500))
        let genuine = world.hosts[1].core!.beacon(asks: true).datagram(by: world.hosts[1].key)
        let seen = world.hosts[0].core!.seen.count
        for round in 0..<2000 {
            var bytes = genuine
            switch round % 3 {
            case 0: bytes[Int(world.random.next() % UInt64(bytes.count))] ^= UInt8(1 + world.random.next() % 255)
            case 1: bytes = Array(bytes.prefix(Int(world.random.next() % UInt64(bytes.count))))
            default:
                bytes = (0..<Int(world.random.next() % 1600)).map { _ in UInt8(truncatingIfNeeded: world.random.next())
                }
            }
            world.feed(world.hosts[0], .datagramReceived(bytes, host: round % 2 == 0 ? "10.0.0.2" : ""))
        }
        #expect(world.hosts[0].core!.seen.count == seen)
        #expect(world.violations == [])
    }
}
