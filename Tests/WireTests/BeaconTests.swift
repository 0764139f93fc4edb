import Identity
import Testing
import WireSamples

@testable import Wire

@Suite("Beacons fit a datagram")
struct BeaconTests {
    private func beacon(networks: Int, members: Int, addresses: Int, text: Int) throws -> Beacon {
        let text = String(repeating: "n", count: text)
        let address = try #require(Endpoint(host: String(repeating: "h", count: 253), port: 65535))
        return Beacon(
            linkPort: 65535, addresses: Array(repeating: address, count: addresses), name: text,
            networks: (0..<networks).map { network in
                Beacon.Network(
                    id: NetworkID(digest: Digest.of([UInt8(network)])), name: text, model: text,
                    revision: Revision(1 << 60),
                    members: (0..<members).map { _ in Beacon.Member(peer: Sample.peer, address: address) })
            }, asks: true)
    }

    @Test("whatever is to be told, the datagram is within the limit and is read")
    func fits() throws {
        for networks in [0, 1, 8, 20] {
            for members in [0, 1, 200] {
                for addresses in [0, 4, 20] {
                    for text in [0, 128] {
                        let full = try beacon(networks: networks, members: members, addresses: addresses, text: text)
                        let datagram = full.datagram(by: Sample.key)
                        #expect(datagram.count <= Limits.datagramBytes)
                        let (heard, peer) = try Beacon.verified(datagram: datagram)
                        #expect(peer == Sample.peer && heard.name == full.name && heard.asks)
                    }
                }
            }
        }
    }

    @Test("as many members as fit are told")
    func membersFit() throws {
        let address = try #require(Endpoint("10.0.0.7:7421"))
        let members = (0..<100).map { _ in Beacon.Member(peer: Sample.peer, address: address) }
        let full = Beacon(
            linkPort: 7421, addresses: [address], name: "attic",
            networks: [
                Beacon.Network(id: Sample.network, name: "home", model: "tiny", revision: Revision(7), members: members)
            ], asks: false)
        let datagram = full.datagram(by: Sample.key)
        let heard = try Beacon.verified(datagram: datagram).beacon
        // One more member takes some sixty bytes.
        #expect(datagram.count > Limits.datagramBytes - 60)
        #expect(heard.networks[0].members.count > 15)
    }

    @Test("what fits is told whole")
    func whole() throws {
        #expect(try Beacon.verified(datagram: Sample.beacon.datagram(by: Sample.key)).beacon == Sample.beacon)
    }

    @Test("a datagram over the limit is refused before anything is read of it")
    func tooLong() {
        let bytes = [UInt8](repeating: 0, count: Limits.datagramBytes + 1)
        #expect(throws: WireError.tooLarge(what: "a datagram", bytes: 1401, limit: 1400)) {
            try Beacon.verified(datagram: bytes)
        }
    }
}
