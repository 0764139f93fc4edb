import Identity
import Wire

/// What makes a revision's header believable to whoever believes an earlier one: signatures of a majority of the voters
/// that the earlier one names; or, where the network was recovered, the signature of an admin that it names.
///
/// A header may be judged from any earlier one between which and it no voters were changed. So a proof need not hold
/// every revision: see `ConfigLedger`.
enum Certificate {
    /// A header that was read, beside its bytes and the signatures that count.
    struct Link: Hashable, Sendable {
        let header: RevisionHeader
        let digest: Digest
        let certified: CertifiedHeader

        init(_ certified: CertifiedHeader) throws(ConfigRefusal) {
            do {
                header = try RevisionHeader(encoded: certified.bytes)
            } catch {
                throw .malformed(error.description)
            }
            digest = Digest.of(certified.bytes)
            self.certified = certified
        }

        private init(_ other: Link, vouches: [Vouch]) {
            header = other.header
            digest = other.digest
            certified = CertifiedHeader(bytes: other.certified.bytes, vouches: vouches)
        }

        func counting(_ vouches: [Vouch]) -> Link { Link(self, vouches: vouches) }

        /// Whether a proof must hold it, since others certify after it, or may recover the network, or do so from here
        /// on.
        func turns(from earlier: Link) -> Bool {
            header.voters != earlier.header.voters || header.admins != earlier.header.admins
                || header.generation != earlier.header.generation
        }
    }

    /// The link, with the signatures that count, where it follows from an earlier one.
    static func verified(_ link: Link, after earlier: Link, in network: NetworkID) throws(ConfigRefusal) -> Link {
        let (header, before) = (link.header, earlier.header)
        guard header.network == network else { throw .wrongNetwork }
        guard header.revision > before.revision else {
            throw .brokenChain("revision \(header.revision) stands after revision \(before.revision)")
        }
        if header.revision == before.revision.next, header.previous != earlier.digest {
            throw .brokenChain(
                "revision \(header.version) names another revision \(before.revision) than the one before it")
        }
        if header.generation == before.generation {
            guard header.recoveredBy == nil else { throw .brokenChain("a recovery raises the generation") }
            return link.counting(try vouches(for: link, by: before.voters))
        }
        guard header.version.recoveries == before.version.recoveries + 1, let admin = header.recoveredBy else {
            throw .brokenChain("revision \(header.version) does not say who recovered the network")
        }
        guard before.admins.contains(admin) else { throw .notAdmin(admin) }
        return link.counting([try recovery(link, by: admin)])
    }

    /// Signatures by distinct voters that hold, at least a majority. Others are left out: they prove nothing and do no
    /// harm.
    private static func vouches(for link: Link, by voters: [PeerID]) throws(ConfigRefusal) -> [Vouch] {
        var counted: [Vouch] = []
        for vouch in link.certified.vouches where voters.contains(vouch.voter) {
            if counted.contains(where: { $0.voter == vouch.voter }), !mutated(.certificateCountsDuplicates) {
                throw .countedTwice(vouch.voter)
            }
            if isValid(vouch, over: link.certified.bytes) || mutated(.certificateSignatureUnchecked) {
                counted.append(vouch)
            }
        }
        let majority = mutated(.certificateOfMinority) ? max(1, voters.count / 2) : voters.count / 2 + 1
        guard counted.count >= majority else {
            throw .uncertified(link.header.version, vouches: counted.count, majority: majority)
        }
        return counted
    }

    static func recovery(_ link: Link, by admin: PeerID) throws(ConfigRefusal) -> Vouch {
        guard let vouch = link.certified.vouches.first(where: { $0.voter == admin }),
            isValid(vouch, over: link.certified.bytes)
        else { throw .falseSignature }
        return vouch
    }

    private static func isValid(_ vouch: Vouch, over bytes: [UInt8]) -> Bool {
        SignatureVerifier.isValid(vouch.signature, over: bytes, domain: .revision, by: vouch.voter)
    }

    /// Verifies a whole proof from the network's id on, and leaves out what it need not hold.
    static func verified(_ chain: [CertifiedHeader], of network: NetworkID) throws(ConfigRefusal) -> [Link] {
        guard let beginning = chain.first, NetworkID(digest: Digest.of(beginning.bytes)) == network else {
            throw .wrongNetwork
        }
        guard chain.count <= Limits.chain else { throw .tooMany(what: "headers", limit: Limits.chain) }
        let first = try Link(CertifiedHeader(bytes: beginning.bytes, vouches: []))
        guard first.header.revision == .first else { throw .brokenChain("the first revision has no past") }
        return try extended([first], by: chain.dropFirst(), of: network)
    }

    /// A proof that goes on from one that was verified before.
    static func extended(
        _ links: [Link], by chain: some Sequence<CertifiedHeader>, of network: NetworkID
    ) throws(ConfigRefusal) -> [Link] {
        var links = links
        for certified in chain {
            guard let last = links.last else { throw .wrongNetwork }
            let next = try verified(try Link(certified), after: last, in: network)
            // What was the latest goes, unless it is a turn.
            if links.count > 1, !last.turns(from: links[links.count - 2]) { links.removeLast() }
            links.append(next)
        }
        guard links.count <= Limits.chain else { throw .tooMany(what: "headers", limit: Limits.chain) }
        return links
    }

    /// The config of a header, where it is that.
    static func config(_ payload: [UInt8], of header: RevisionHeader) throws(ConfigRefusal) -> NetworkConfig {
        let digest = Digest.of(payload)
        guard digest == header.config else { throw .brokenChain("the header names another config") }
        let config: NetworkConfig
        do {
            config = try NetworkConfig(payload: payload, digest: digest)
        } catch {
            throw .malformed(error.description)
        }
        guard config.network == header.network, config.version == header.version, config.voters == header.voters,
            config.admins == header.admins
        else { throw .brokenChain("header and config disagree") }
        return config
    }
}
