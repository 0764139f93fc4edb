import Identity
import NetworkConfig
import Wire

/// Peers and a small config for these tests. Key 1 is the founder and admin, 2 another admin, 3 a worker, 4 a plain member.
enum Sample {
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: Array(repeating: number, count: 32))! }
    static func peer(_ number: UInt8) -> PeerID { key(number).peer }
    static let now: UInt64 = 1_800_000_000

    static let model = ModelManifest(
        name: "m", architecture: "llama", metadata: Piece(digest: Digest.of([1]), size: 1),
        blocks: (0..<3).map { number in
            ModelManifest.Block(pieces: [Piece(digest: Digest.of([2, number]), size: 1)], memory: 10)
        }, contextLength: 16, vocabulary: 16, width: 4)

    static func member(_ number: UInt8, _ role: Role) -> NetworkConfig.Member {
        NetworkConfig.Member(peer: peer(number), name: "p\(number)", role: role, grantedMemory: 10, addresses: [])
    }

    static func config(members: [NetworkConfig.Member]? = nil, invitations: [NetworkConfig.Invitation] = [])
        -> NetworkConfig
    {
        NetworkConfig(
            network: nil, revision: .first, previous: nil, name: "home", founder: peer(1),
            members: members ?? [member(1, .admin), member(2, .admin), member(3, .worker), member(4, .member)],
            model: model, invitations: invitations, assignment: [], removed: [], salt: [1, 2, 3])
    }

    static let network = NetworkID(digest: Digest.of([9]))
}
