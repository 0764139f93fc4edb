import Identity
import Wire
import WireSamples

extension FuzzTarget {
    /// Beacons, which strangers send. The input serves twice: as what arrives, and as what a stranger has signed.
    static let beacon = FuzzTarget(
        name: "beacon", form: .protobuf, bytesMax: 2048,
        seeds: { [Sample.beacon.signed(by: Sample.key).payload, Sample.beacon.datagram(by: Sample.key)] },
        read: { bytes in
            _ = try? Beacon.verified(datagram: bytes)
            guard let beacon = try? Beacon.verified(Signed(bytes, domain: .beacon, by: Sample.key)) else { return }
            comesBack(beacon, "beacon") { try Beacon.verified(beacon.signed(by: Sample.key)) }
            let datagram = beacon.datagram(by: Sample.key)
            if datagram.count > Limits.datagramBytes { broken("a beacon of \(datagram.count) bytes") }
        })

    /// What members say to each other in datagrams, once these are opened.
    static let gossip = FuzzTarget(
        name: "gossip", form: .protobuf, bytesMax: Limits.datagramBytes + 16,
        seeds: { Sample.gossip.map { $0.datagram(network: Sample.network) } },
        read: { bytes in
            guard let (network, message) = try? GossipMessage.read(datagram: bytes) else { return }
            let again = message.datagram(network: network)
            if again.count > message.estimatedBytes {
                broken("\(again.count) bytes, estimated \(message.estimatedBytes)")
            }
            if again.count <= Limits.datagramBytes {
                comesBack(message, "gossip") { try GossipMessage.read(datagram: again).1 }
            }
            for record in message.records { _ = try? PeerRecord.claimed(in: record) }
        })
}
