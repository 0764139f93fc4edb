import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a peer calls out on the local network, in one signed datagram. It is a hint: whoever follows it meets a link where
/// identity is proven.
public struct Beacon: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public let peer: PeerID
        public let address: Endpoint
        public init(peer: PeerID, address: Endpoint) {
            self.peer = peer
            self.address = address
        }
    }

    public struct Network: Hashable, Sendable {
        public let id: NetworkID
        public let name: String
        public let model: String
        public let revision: Revision
        /// Members that the speaker can reach, itself left out.
        public let members: [Member]
        public init(id: NetworkID, name: String, model: String, revision: Revision, members: [Member]) {
            self.id = id
            self.name = name
            self.model = model
            self.revision = revision
            self.members = members
        }
    }

    public let linkPort: Int
    public let addresses: [Endpoint]
    public let name: String
    public let networks: [Network]
    /// Whoever hears it is asked to answer with a beacon of its own at once.
    public let asks: Bool

    public init(linkPort: Int, addresses: [Endpoint], name: String, networks: [Network], asks: Bool) {
        self.linkPort = linkPort
        self.addresses = addresses
        self.name = name
        self.networks = networks
        self.asks = asks
    }

    public func signed(by signer: any Signer) -> Signed { Signed(encoded(), domain: .beacon, by: signer) }

    /// The beacon and who sent it, out of a datagram whose signature holds.
    public static func verified(datagram: [UInt8]) throws(WireError) -> (beacon: Beacon, peer: PeerID) {
        guard datagram.count <= Limits.datagramBytes else {
            throw .tooLarge(what: "a datagram", bytes: datagram.count, limit: Limits.datagramBytes)
        }
        let signed = try Signed(encoded: datagram)
        return (try verified(signed), signed.signer)
    }

    /// The beacon inside an envelope whose signature holds.
    public static func verified(_ signed: Signed) throws(WireError) -> Beacon {
        guard signed.isValid(domain: .beacon) else { throw .malformed("beacon signature") }
        return try recent.value(of: Digest.of(signed.payload)) { () throws(WireError) in
            try Beacon(encoded: signed.payload)
        }
    }

    private static let recent = RecentReadings<Beacon>(places: 128)

    /// A datagram that fits the limit: members are left out from the end of each network's, then networks, then addresses, until
    /// it does.
    public func datagram(by signer: any Signer) -> [UInt8] { fitting().signed(by: signer).encoded() }

    /// What the envelope adds: the signer and the signature with two bytes before each, and at most three before the payload.
    private static let envelopeBytes = (32 + 2) + (64 + 2) + 3

    private var fits: Bool { encoded().count + Beacon.envelopeBytes <= Limits.datagramBytes }

    private func fitting() -> Beacon {
        // A member takes more than 32 bytes, so that no more than this could fit.
        var tooMany = Limits.datagramBytes / 32
        let full = limited(members: tooMany)
        if full.fits { return full }
        if limited(members: 0).fits {
            var fitting = 0
            while tooMany - fitting > 1 {
                let middle = (fitting + tooMany) / 2
                if limited(members: middle).fits { fitting = middle } else { tooMany = middle }
            }
            return limited(members: fitting)
        }
        for networks in stride(from: Limits.beaconNetworks, to: 0, by: -1) {
            let shorter = limited(members: 0, networks: networks)
            if shorter.fits { return shorter }
        }
        for addresses in stride(from: Limits.addresses, to: 0, by: -1) {
            let shorter = limited(members: 0, networks: 0, addresses: addresses)
            if shorter.fits { return shorter }
        }
        return limited(members: 0, networks: 0, addresses: 0)
    }

    /// With no more than so many of each: members of each network, networks, and addresses.
    private func limited(
        members: Int, networks: Int = Limits.beaconNetworks, addresses: Int = Limits.addresses
    ) -> Beacon {
        Beacon(
            linkPort: linkPort, addresses: Array(self.addresses.prefix(addresses)), name: name,
            networks: self.networks.prefix(networks).map { network in
                Network(
                    id: network.id, name: network.name, model: network.model, revision: network.revision,
                    members: Array(network.members.prefix(members)))
            }, asks: asks)
    }
}

extension Beacon: ProtobufCodable {
    static var what: String { "beacon" }

    var message: PBBeaconMessage {
        var message = PBBeaconMessage()
        message.linkPort = UInt32(linkPort)
        message.addresses = addresses.map(\.description)
        message.name = name
        message.asks = asks
        message.networks = networks.map { network in
            var inner = PBBeaconNetworkMessage()
            inner.id = Data(network.id.bytes)
            inner.name = network.name
            inner.model = network.model
            inner.revision = network.revision.value
            inner.members = network.members.map { member in
                var entry = PBBeaconMemberMessage()
                entry.peer = Data(member.peer.bytes)
                entry.address = member.address.description
                return entry
            }
            return inner
        }
        return message
    }

    init(message: PBBeaconMessage) throws(WireError) {
        try Field.count(message.networks.count, "networks", limit: Limits.beaconNetworks)
        var networks: [Network] = []
        for network in message.networks {
            try Field.count(network.members.count, "members", limit: Limits.members)
            var members: [Member] = []
            for member in network.members {
                guard let address = Endpoint(member.address) else {
                    throw .outOfRange(field: "address", value: "no host:port")
                }
                members.append(Member(peer: try Field.peer(member.peer, "member"), address: address))
            }
            networks.append(
                Network(
                    id: try Field.network(network.id), name: try Field.text(network.name, "name"),
                    model: try Field.text(network.model, "model"), revision: try Field.revision(network.revision),
                    members: members))
        }
        self.init(
            linkPort: try Field.number(message.linkPort, "link_port", in: 1...65535),
            addresses: try Field.endpoints(message.addresses), name: try Field.text(message.name, "name"),
            networks: networks, asks: message.asks)
    }
}
