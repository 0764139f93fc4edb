import Identity
import Wire

/// Why a change of a network's config, or a config itself, was refused.
public enum ConfigRefusal: Error, Equatable, CustomStringConvertible {
    case notAdmin(PeerID)
    case notMember(PeerID)
    case notSelf(PeerID)
    case unknownInvitation
    case expiredInvitation
    case falseProof
    case removedForEver(PeerID)
    case founderLeavesLast
    case tooMany(what: String, limit: Int)
    case wrongNetwork
    case wrongSigner(expected: PeerID, found: PeerID)
    case falseSignature
    case brokenChain(String)
    case stale(held: Revision, offered: Revision)
    case malformed(String)

    public var description: String {
        switch self {
        case .notAdmin(let peer): "peer \(peer.short) is no admin of this network; ask one of its admins"
        case .notMember(let peer): "peer \(peer.short) is no member of this network"
        case .notSelf(let peer): "only peer \(peer.short) itself may change that"
        case .unknownInvitation: "this invitation is not known or was used already; ask a member for a new one"
        case .expiredInvitation: "this invitation has expired; ask a member for a new one"
        case .falseProof: "the proof of the invitation does not hold; copy the whole invitation again"
        case .removedForEver(let peer):
            "peer \(peer.short) was removed from this network and may not come back under this identity"
        case .founderLeavesLast: "this peer signs the network's config and can only leave as its last member"
        case .tooMany(let what, let limit): "the network has \(limit) \(what) already, which is the limit"
        case .wrongNetwork: "the config belongs to another network"
        case .wrongSigner(let expected, let found):
            "the config is signed by \(found.short), not by the founder \(expected.short)"
        case .falseSignature: "the config's signature does not hold"
        case .brokenChain(let why): "the config does not follow from the one before: \(why)"
        case .stale(let held, let offered): "revision \(offered) is not newer than revision \(held)"
        case .malformed(let why): "the config cannot be read: \(why)"
        }
    }
}
