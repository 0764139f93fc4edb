import Identity
import Wire

/// One network's certified config as this peer knows it, and the proof that it is genuine.
///
/// The network's id is the digest of the header of its first revision, which names the first voter. From there each
/// header names those who certify what follows, until a header names others. So the proof is a chain: the first header,
/// every header that changes the voters or the admins, and the latest. Whoever knows the id, from an invitation say,
/// can verify it from whatever hand it comes.
///
/// Versions only grow. Whoever holds a config believes the next from the voters that *it* names, however the proof
/// before that looks: voters of long ago, or whoever stole their keys, can tell another story to newcomers only. A
/// recovered network (`recovered`) is believed where the admin is one in the config held here too, or in one that
/// follows from it; of two recoveries that do not know of each other the greater generation wins, and should two have
/// the same generation, the one with the smaller digest.
public struct ConfigLedger: Sendable {
    public let network: NetworkID
    /// The first one, the turns, and the latest. Never empty.
    private var links: [Certificate.Link]
    /// The latest config.
    public private(set) var config: NetworkConfig
    private var configBytes: [UInt8]

    private var latest: Certificate.Link { links[links.count - 1] }
    public var header: RevisionHeader { latest.header }
    public var headerDigest: Digest { latest.digest }
    public var version: ConfigVersion { header.version }
    /// Who vouched for the latest, ascending. Empty for a network's first revision.
    public var certifiers: [PeerID] { latest.certified.vouches.map(\.voter) }
    /// As it is stored and passed on.
    public var certified: CertifiedConfig { CertifiedConfig(chain: links.map(\.certified), config: configBytes) }
    /// What a member needs that has `known`: the proof from there on. All of it where it knows nothing of this
    /// generation.
    public func certified(since known: ConfigVersion) -> CertifiedConfig {
        guard known.generation == version.generation else { return certified }
        let news = links.enumerated().filter { place, link in
            place == 0 || link.header.revision > known.revision
                || link.header.generation == version.generation && link.header.recoveredBy != nil
        }
        return CertifiedConfig(chain: news.map(\.element.certified), config: configBytes)
    }

    /// The revision from which the log of this generation goes on: that of the founding, or of the recovery.
    public var began: Revision { links.first { $0.header.generation == header.generation }?.header.revision ?? .first }

    /// Founds a network.
    public init(founding config: NetworkConfig) throws(ConfigRefusal) {
        guard config.network == nil, config.version == .first else {
            throw .brokenChain("a first revision has no past")
        }
        guard config.voters == [config.founder], config.member(config.founder)?.role == .admin else {
            throw .brokenChain("a network begins with its founder as admin and only voter")
        }
        let payload = config.encoded()
        let header = RevisionHeader(
            network: nil, generation: 0, revision: .first, previous: nil, config: Digest.of(payload),
            voters: config.voters, admins: config.admins)
        let link = try Certificate.Link(CertifiedHeader(bytes: header.encoded(), vouches: []))
        network = NetworkID(digest: link.digest)
        links = [link]
        self.config = config
        configBytes = payload
    }

    /// Verifies what was received or stored.
    public init(network: NetworkID, certified: CertifiedConfig) throws(ConfigRefusal) {
        try self.init(network, try Certificate.verified(certified.chain, of: network), certified.config)
    }

    private init(_ network: NetworkID, _ links: [Certificate.Link], _ payload: [UInt8]) throws(ConfigRefusal) {
        config = try Certificate.config(payload, of: links[links.count - 1].header)
        configBytes = payload
        self.network = network
        self.links = links
    }

    /// Takes a newer config. Throws, and stays as it was, where it is not newer or not genuine.
    public mutating func adopt(_ offered: CertifiedConfig) throws(ConfigRefusal) {
        guard let first = offered.chain.first, let last = offered.chain.last,
            NetworkID(digest: Digest.of(first.bytes)) == network
        else { throw .wrongNetwork }
        let newest = try Certificate.Link(last)
        let stale = ConfigRefusal.stale(held: version, offered: newest.header.version)
        if mutated(.olderConfigAdopted), newest.header.version < version {
            self = try ConfigLedger(network: network, certified: offered)
            return
        }
        guard newest.header.generation >= header.generation, newest.digest != headerDigest else { throw stale }
        if newest.header.generation > header.generation {
            try replace(with: offered)
        } else if try isOtherRecovery(offered) {
            try replace(with: offered)
        } else if newest.header.revision > header.revision {
            try follow(offered.chain, to: offered.config)
        } else if newest.header.revision < header.revision {
            throw stale
        } else {
            _ = try verified(offered.chain)
            throw .conflicting(version, held: headerDigest, offered: newest.digest)
        }
    }

    /// Takes the next revision, for which this peer itself has collected the signatures. Revisions may be left out
    /// before it where they named the same voters and admins.
    public mutating func advance(to header: [UInt8], vouches: [Vouch], config payload: [UInt8]) throws(ConfigRefusal) {
        let next = try Certificate.Link(CertifiedHeader(bytes: header, vouches: vouches))
        guard next.header.version > version else { throw .stale(held: version, offered: next.header.version) }
        guard next.header.revision == version.revision.next || !next.turns(from: latest) else {
            throw .brokenChain(
                "revision \(next.header.version) names other voters or admins; those between must be certified first")
        }
        try follow([next.certified], to: payload)
    }

    /// Goes on from what is held to what is newer in a chain of the same generation.
    private mutating func follow(_ chain: [CertifiedHeader], to payload: [UInt8]) throws(ConfigRefusal) {
        self = try ConfigLedger(
            network, try Certificate.extended(links, by: try newer(in: chain), of: network), payload)
    }

    /// Verifies a whole proof. What it begins with as the one held here does is verified already: a long proof costs
    /// its sender as much as its receiver.
    private func verified(_ chain: [CertifiedHeader]) throws(ConfigRefusal) -> [Certificate.Link] {
        let same = zip(links, chain).prefix { $0.certified.bytes == $1.bytes }.count
        guard same > 0 else { throw .wrongNetwork }
        return try Certificate.extended(Array(links.prefix(same)), by: chain.dropFirst(same), of: network)
    }

    /// The headers of this generation that are newer than the one held.
    private func newer(in chain: [CertifiedHeader]) throws(ConfigRefusal) -> [CertifiedHeader] {
        var newer: [CertifiedHeader] = []
        for certified in chain {
            let header = try Certificate.Link(certified).header
            if header.generation == self.header.generation, header.revision > self.header.revision {
                newer.append(certified)
            }
        }
        return newer
    }

    /// Takes a config that follows from a recovery which this peer has not heard of: the first one in such a
    /// generation.
    private mutating func replace(with offered: CertifiedConfig) throws(ConfigRefusal) {
        var recovery: Certificate.Link?
        for certified in offered.chain where recovery == nil {
            let link = try Certificate.Link(certified)
            guard link.header.recoveredBy != nil, link.header.generation >= header.generation else { continue }
            if !links.contains(where: { $0.digest == link.digest }) { recovery = link }
        }
        guard let recovery, let admin = recovery.header.recoveredBy else {
            throw .brokenChain("nobody recovered the network")
        }
        if header.admins.contains(admin) {
            // First what a forger cannot make, then what takes time.
            _ = try Certificate.recovery(recovery, by: admin)
        } else {
            // It may have become admin in a revision of this generation that has not been heard of here.
            let known = try Certificate.extended(links, by: try newer(in: offered.chain), of: network)
            guard known[known.count - 1].header.admins.contains(admin) else { throw .notAdmin(admin) }
        }
        self = try ConfigLedger(network, try verified(offered.chain), offered.config)
    }

    /// Whether it follows from another recovery of the same generation, which wins. Throws where the one held here
    /// wins.
    private func isOtherRecovery(_ offered: CertifiedConfig) throws(ConfigRefusal) -> Bool {
        guard header.generation > 0, let held = links.first(where: { $0.header.generation == header.generation }) else {
            return false
        }
        for certified in offered.chain {
            let link = try Certificate.Link(certified)
            guard link.header.generation == header.generation, link.header.recoveredBy != nil else { continue }
            if link.digest == held.digest { return false }
            guard link.digest < held.digest else { throw .outranked(link.header.version) }
            return true
        }
        return false
    }
}
