import Identity
import MeshCore
import NetworkConfig
import Wire

@testable import Peer

/// Small networks made by hand.
enum Sample {
    static let network = NetworkID(digest: Digest.of([1]))
    static let otherNetwork = NetworkID(digest: Digest.of([2]))

    /// A peer whose id begins with these digits and goes on with zeros.
    static func id(_ digits: String) -> PeerID {
        guard let id = PeerID(hex: digits + String(repeating: "0", count: 64 - digits.count)) else {
            preconditionFailure("\(digits) are no hexadecimal digits")
        }
        return id
    }

    static func peer(_ digits: String, name: String) -> PeerChoice.Candidate {
        PeerChoice.Candidate(peer: id(digits), name: name)
    }

    static func member(_ digits: String, _ name: String, role: Role = .worker) -> NetworkConfig.Member {
        NetworkConfig.Member(peer: id(digits), name: name, role: role, grantedMemory: 1 << 30, addresses: [])
    }

    /// `home`, with anna who is admin and ben, both of whom vote, and cleo.
    static func config(revision: UInt64 = 12, generation: UInt64 = 0) -> NetworkConfig {
        let piece = Piece(digest: Digest.of([3]), size: 1)
        return NetworkConfig(
            network: network, generation: generation, revision: Revision(revision), name: "home", founder: id("aa11"),
            voters: [id("aa11"), id("bb22")],
            members: [member("aa11", "anna", role: .admin), member("bb22", "ben"), member("cc33", "cleo")],
            model: ModelManifest(
                name: "m", architecture: "llama", metadata: piece,
                blocks: [ModelManifest.Block(pieces: [piece], memory: 1)], contextLength: 1, vocabulary: 1, width: 1),
            salt: [])
    }

    /// As anna sees it, with what each member says that it goes by.
    static func status(
        _ config: NetworkConfig = config(), applied: [ConfigVersion] = [], state: NetworkStatus.Peer.State = .alive,
        offered: UInt64? = nil
    ) -> NetworkStatus {
        NetworkStatus(
            id: network, config: config, certifiers: config.voters, role: .admin, canChange: true,
            leader: config.voters.first,
            peers: config.members.enumerated().map { place, member in
                NetworkStatus.Peer(
                    member: member, address: nil, state: state, votes: config.voters.contains(member.peer), first: [],
                    copies: [], held: [], loaded: [],
                    applied: place < applied.count ? applied[place] : config.version, offeredMemory: offered)
            }, fetched: (held: 0, wanted: 0), shortfall: 0, missing: [])
    }
}
