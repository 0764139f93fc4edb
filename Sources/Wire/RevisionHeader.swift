import Identity

/// What the voters of a network sign of each revision. It names the config by its digest and the voters who sign the
/// next one, so that whoever trusts one header can verify the next without the configs in between.
public struct RevisionHeader: Hashable, Sendable {
    /// Nil in the first, whose digest is the network's id.
    public let network: NetworkID?
    /// Which line of revisions this is. The upper 32 bits count how often the network was recovered from the loss of
    /// its majority; the lower ones tell apart recoveries that were made without knowing of each other. A greater one
    /// outranks any revision of a smaller one.
    public let generation: UInt64
    public let revision: Revision
    /// The digest of the header before; nil in the first.
    public let previous: Digest?
    /// Of the config's payload.
    public let config: Digest
    /// Who certifies what comes next: the config's voters, ascending.
    public let voters: [PeerID]
    /// Who may recover the network when a majority of the voters is lost for good: the config's admins, ascending.
    public let admins: [PeerID]
    /// In the first header of a generation above zero: who recovered the network. Nil in all others.
    public let recoveredBy: PeerID?

    public init(
        network: NetworkID?, generation: UInt64, revision: Revision, previous: Digest?, config: Digest,
        voters: [PeerID], admins: [PeerID], recoveredBy: PeerID? = nil
    ) {
        self.network = network
        self.generation = generation
        self.revision = revision
        self.previous = previous
        self.config = config
        self.voters = voters
        self.admins = admins
        self.recoveredBy = recoveredBy
    }

    public var version: ConfigVersion { ConfigVersion(generation: generation, revision: revision) }
    /// How many of the voters certify the next revision.
    public var majority: Int { voters.count / 2 + 1 }
}

/// A voter's signature over the bytes of a header, made when the voter has applied that revision.
public struct Vouch: Hashable, Sendable {
    public let voter: PeerID
    /// 64 bytes, domain `revision`.
    public let signature: [UInt8]
    public init(voter: PeerID, signature: [UInt8]) {
        self.voter = voter
        self.signature = signature
    }
}

/// A header as it was signed, with the signatures that make it valid: of a majority of the voters named in the header
/// before, or of the admin who recovered the network. The first header has none, since its digest is the network's id.
public struct CertifiedHeader: Hashable, Sendable {
    public let bytes: [UInt8]
    /// Ascending by voter.
    public let vouches: [Vouch]
    public init(bytes: [UInt8], vouches: [Vouch]) {
        self.bytes = bytes
        self.vouches = vouches
    }
}

/// A config with its proof: every header from which on other voters certify, the first one among them, and the latest.
public struct CertifiedConfig: Hashable, Sendable {
    /// Ascending; the last one is the latest revision's.
    public let chain: [CertifiedHeader]
    /// The payload of the latest revision.
    public let config: [UInt8]
    public init(chain: [CertifiedHeader], config: [UInt8]) {
        self.chain = chain
        self.config = config
    }
}

/// Which config a peer has: of two, the one with the greater generation is newer, then the one with the greater
/// revision.
public struct ConfigVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// See `RevisionHeader.generation`.
    public let generation: UInt64
    public let revision: Revision
    public init(generation: UInt64, revision: Revision) {
        self.generation = generation
        self.revision = revision
    }
    public static let none = ConfigVersion(generation: 0, revision: Revision(0))
    /// Of the revision that founds a network.
    public static let first = ConfigVersion(generation: 0, revision: .first)
    /// How often the network was recovered.
    public var recoveries: UInt64 { generation >> 32 }
    public var description: String {
        switch recoveries {
        case 0: "\(revision)"
        case 1: "\(revision) (recovered once)"
        default: "\(revision) (recovered \(recoveries) times)"
        }
    }
    public static func < (left: ConfigVersion, right: ConfigVersion) -> Bool {
        (left.generation, left.revision) < (right.generation, right.revision)
    }
}
