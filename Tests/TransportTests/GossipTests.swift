import Identity
import NIOCore
import NIOEmbedded
import Testing
import Wire

@testable import Transport

/// A service without a socket, on a clock that the test turns: datagrams are handed to it.
private struct PlayedGossip {
    let loop = EmbeddedEventLoop()
    let service: GossipService
    let witness: GossipWitness
    let own = SigningKey.random()
    let member = SigningKey.random()

    init(_ settings: GossipSettings = GossipSettings()) {
        service = GossipService(eventLoop: loop, key: own, epoch: 1, settings: settings)
        witness = GossipWitness(loop)
        witness.roster = [member.peer]
        service.delegate = witness
    }

    func sealed(
        _ bytes: [UInt8] = [1, 2, 3], by key: SigningKey? = nil, claiming: PeerID? = nil, epoch: UInt64 = 1,
        counter: UInt64 = 1
    ) -> [UInt8] {
        let key = key ?? member
        return GossipDatagram.sealed(
            bytes, by: claiming ?? key.peer, epoch: epoch, counter: counter, random: [UInt8](repeating: 0, count: 8),
            with: PairKey(key, with: own.peer)!)
    }

    func receive(_ datagram: [UInt8], from host: String = "192.0.2.7") {
        guard let address = try? SocketAddress(ipAddress: host, port: 7000) else {
            Issue.record("\(host) is no address")
            return
        }
        service.received(ByteBuffer(bytes: datagram), from: address)
    }

    var statistics: GossipStatistics { service.statistics }
}

@Suite("Sealed datagrams")
struct GossipTests {
    private func only(_ change: (inout GossipStatistics) -> Void) -> GossipStatistics {
        var statistics = GossipStatistics()
        change(&statistics)
        return statistics
    }

    @Test("a member's datagram is opened and passed on with its source")
    func opens() {
        let played = PlayedGossip()
        played.receive(played.sealed([7, 8]))
        #expect(
            played.witness.heard == [
                .init(bytes: [7, 8], peer: played.member.peer, source: Endpoint(host: "192.0.2.7", port: 7000)!)
            ])
        #expect(played.statistics == only { $0.received = 1 })
    }

    @Test("a datagram lies on the wire as version, sender, epoch, counter, random bytes, and what is sealed")
    func layout() throws {
        let played = PlayedGossip()
        let datagram = played.sealed([1, 2, 3], epoch: 0x0102, counter: 0x0304)
        #expect(datagram.count == 73 + 3 && GossipDatagram.overhead == 73)
        #expect(Array(datagram[0..<1]) == [1] && Array(datagram[1..<33]) == played.member.peer.bytes)
        #expect(
            Array(datagram[33..<57]) == [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4]
                + [UInt8](repeating: 0, count: 8))
        #expect(GossipService.bytesMax == 1327)
    }

    @Test("a datagram over the limit is dropped, one at the limit is heard")
    func tooLarge() {
        let played = PlayedGossip()
        let longest = [UInt8](repeating: 1, count: GossipService.bytesMax)
        played.receive(played.sealed(longest + [1]))
        #expect(played.statistics == only { $0.tooLarge = 1 })
        played.receive(played.sealed(longest))
        #expect(played.statistics.received == 1)
    }

    @Test("a datagram cut anywhere is dropped: as no datagram, or as not genuine")
    func truncated() {
        let played = PlayedGossip()
        let datagram = played.sealed()
        for count in datagram.indices {
            played.loop.advanceTime(by: .seconds(1))
            played.receive(Array(datagram.prefix(count)))
        }
        #expect(played.statistics == only { ($0.malformed, $0.forged) = (73, 3) })
    }

    @Test("a datagram of another version is dropped")
    func version() {
        let played = PlayedGossip()
        var datagram = played.sealed()
        datagram[0] = 2
        played.receive(datagram)
        #expect(played.statistics == only { $0.malformed = 1 })
    }

    @Test("a flipped bit anywhere is noticed")
    func flipped() {
        let played = PlayedGossip()
        let datagram = played.sealed()
        for index in datagram.indices {
            played.loop.advanceTime(by: .seconds(1))
            var changed = datagram
            changed[index] ^= 0x10
            played.receive(changed)
        }
        #expect(played.statistics == only { ($0.malformed, $0.stranger, $0.forged) = (1, 32, datagram.count - 33) })
        #expect(played.witness.heard.isEmpty)
    }

    @Test("who claims to be a member without its key is not heard, nor is a member heard for another peer")
    func forged() {
        let played = PlayedGossip()
        played.receive(played.sealed(by: .random(), claiming: played.member.peer))
        let third = SigningKey.random()
        let forThird = GossipDatagram.sealed(
            [1], by: played.member.peer, epoch: 1, counter: 1, random: [UInt8](repeating: 0, count: 8),
            with: PairKey(played.member, with: third.peer)!)
        played.receive(forThird)
        #expect(played.statistics == only { $0.forged = 2 })
    }

    @Test("one's own datagram, sent back, is a stranger's")
    func ownWords() {
        let played = PlayedGossip()
        played.witness.roster.insert(played.own.peer)
        let datagram = GossipDatagram.sealed(
            [1], by: played.own.peer, epoch: 1, counter: 1, random: [UInt8](repeating: 0, count: 8),
            with: PairKey(played.own, with: played.member.peer)!)
        played.receive(datagram)
        #expect(played.statistics == only { $0.stranger = 1 })
    }

    @Test("a member whose id is no key is not heard, and asked for its key once")
    func noKey() {
        let played = PlayedGossip()
        let nobody = PeerID([1] + [UInt8](repeating: 0, count: 31))!
        played.witness.roster.insert(nobody)
        for _ in 0..<10 { played.receive(played.sealed(claiming: nobody)) }
        #expect(played.statistics == only { $0.forged = 10 })
        #expect(played.service.partners.derived == 1)
    }

    @Test("a datagram that comes again is dropped, one that comes late is heard, one of an earlier life is dropped")
    func replayed() {
        let played = PlayedGossip()
        for counter in [10, 10, 9, 9, 100, 36, 37] as [UInt64] { played.receive(played.sealed(counter: counter)) }
        #expect(played.statistics == only { ($0.received, $0.replayed) = (4, 3) })
        played.receive(played.sealed(epoch: 2, counter: 1))
        played.receive(played.sealed(epoch: 1, counter: 101))
        #expect(played.statistics == only { ($0.received, $0.replayed) = (5, 4) })
    }

    @Test("a forgery does not move the window: the genuine one of that number is heard after it")
    func windowStays() {
        let played = PlayedGossip()
        played.receive(played.sealed(by: .random(), claiming: played.member.peer, epoch: 9, counter: 99))
        played.receive(played.sealed(epoch: 1, counter: 1))
        #expect(played.statistics == only { ($0.received, $0.forged) = (1, 1) })
    }

    @Test("who leaves the roster is a stranger at once, and its key is forgotten")
    func leaves() {
        let played = PlayedGossip()
        played.receive(played.sealed(counter: 1))
        #expect(played.service.partners.count == 1)
        played.witness.roster = []
        played.receive(played.sealed(counter: 2))
        #expect(played.statistics == only { ($0.received, $0.stranger) = (1, 1) })
        #expect(played.service.partners.count == 0)
    }
}

@Suite("Floods of datagrams")
struct GossipFloodTests {
    @Test("strangers cost a look at the roster: no key, no opened seal, nothing kept, and no member's turn")
    func strangers() {
        let played = PlayedGossip()
        let stranger = SigningKey.random()
        var datagram = played.sealed(by: stranger)
        for number in 0..<20_000 {
            // Another one each time, from another host.
            datagram[1 + number % 32] &+= 1
            played.receive(datagram, from: "10.\(number % 250).\(number / 250 % 250).9")
        }
        #expect(played.statistics.stranger == 20_000 && played.witness.asked == 20_000)
        #expect(played.service.partners.derived == 0 && played.service.partners.count == 0)
        #expect(played.service.knownSources == 0)
        played.receive(played.sealed())
        #expect(played.statistics.received == 1)
    }

    @Test("who claims to be a member is tried no more often than unknown hosts may be, however many they are")
    func forgers() {
        let played = PlayedGossip()
        let forged = played.sealed(by: .random(), claiming: played.member.peer)
        for number in 0..<20_000 {
            played.receive(forged, from: "10.\(number % 250).\(number / 250 % 250).9")
        }
        #expect(played.statistics.forged == 500)
        #expect(played.statistics.overRate == 19_500)
        #expect(played.service.partners.derived == 1)
        #expect(played.service.knownSources <= 1024)
    }

    @Test("a member is heard through a flood of forgeries in its name, at the host where it was heard before")
    func heardBefore() {
        let played = PlayedGossip()
        played.receive(played.sealed(counter: 1))
        let forged = played.sealed(by: .random(), claiming: played.member.peer)
        for number in 0..<20_000 {
            played.receive(forged, from: "10.\(number % 250).\(number / 250 % 250).9")
        }
        for counter in 2...50 as ClosedRange<UInt64> { played.receive(played.sealed(counter: counter)) }
        #expect(played.statistics.received == 50)
    }

    @Test("a member's own flood is cut to its rate, and its tokens come back with time")
    func member() {
        let played = PlayedGossip()
        played.receive(played.sealed(counter: 1))
        for counter in 2...1000 as ClosedRange<UInt64> { played.receive(played.sealed(counter: counter)) }
        #expect(played.statistics.received == 101)
        played.loop.advanceTime(by: .milliseconds(500))
        for counter in 1001...2000 as ClosedRange<UInt64> { played.receive(played.sealed(counter: counter)) }
        #expect(played.statistics.received == 151)
    }

    @Test("one host that claims to be many members gets the rate of one host")
    func manyClaims() {
        let played = PlayedGossip()
        let members = (0..<40).map { _ in SigningKey.random().peer }
        played.witness.roster.formUnion(members)
        let forger = SigningKey.random()
        for _ in 0..<10 { for member in members { played.receive(played.sealed(by: forger, claiming: member)) } }
        #expect(played.statistics.forged == 50 && played.statistics.overRate == 350)
        #expect(played.service.partners.derived <= 40)
    }
}
