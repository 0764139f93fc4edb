import Identity
import Wire

/// Why a change of a network's config, or a config itself, was refused.
public enum ConfigRefusal: Error, Hashable, CustomStringConvertible {
    // Changes.
    case notAdmin(PeerID)
    case notMember(PeerID)
    case notSelf(PeerID)
    case unknownInvitation
    case expiredInvitation
    case falseProof
    case removedForEver(PeerID)
    case lastAdmin
    /// It has to be replaced as a voter before it may go.
    case votesStill(PeerID)
    case tooMany(what: String, limit: Int)
    case unsoundAssignment
    /// What was to be changed was changed by someone else since the proposer looked. The sentence says to what.
    case changedMeanwhile(String)
    case signedTooLongAgo
    case signedAhead(base: ConfigVersion)

    // Configs.
    case wrongNetwork
    case falseSignature
    case uncertified(ConfigVersion, vouches: Int, majority: Int)
    case countedTwice(PeerID)
    case brokenChain(String)
    case stale(held: ConfigVersion, offered: ConfigVersion)
    /// Two genuine configs of one version: a majority of voters signed both, or an admin recovered twice.
    case conflicting(ConfigVersion, held: Digest, offered: Digest)
    /// It follows from a recovery that gives way to the one held here.
    case outranked(ConfigVersion)
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
        case .lastAdmin: "that is the network's last admin; make another member admin first"
        case .votesStill(let peer): "peer \(peer.short) votes still; another member has to take its seat first"
        case .tooMany(let what, let limit): "the network has \(limit) \(what) already, which is the limit"
        case .unsoundAssignment:
            "the assignment names peers that hold no blocks or blocks that the model does not have; look at both"
        case .changedMeanwhile(let what): "\(what); look at it and try again"
        case .signedTooLongAgo: "this change was signed too long ago; look at the network and try again"
        case .signedAhead(let base): "this change was signed after revision \(base), which this network does not have"
        case .wrongNetwork: "the config belongs to another network"
        case .falseSignature: "the signature does not hold"
        case .uncertified(let version, let vouches, let majority):
            "revision \(version) is signed by \(vouches) of the voters before it, where \(majority) are needed"
        case .countedTwice(let peer): "the certificate names voter \(peer.short) twice"
        case .brokenChain(let why): "the config does not follow from the one before: \(why)"
        case .stale(let held, let offered): "revision \(offered) is not newer than revision \(held)"
        case .conflicting(let version, let held, let offered):
            "there are two certified revisions \(version): \(held.description.prefix(8)) here and "
                + "\(offered.description.prefix(8)) elsewhere; more voters than may are faulty"
        case .outranked(let version): "revision \(version) follows from a recovery that gives way to the one held here"
        case .malformed(let why): "it cannot be read: \(why)"
        }
    }
}
