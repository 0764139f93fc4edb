import Identity
import NetworkConfig
import Wire

/// Of each version of a network's config there is one, and whoever has it can prove it from the network's id.
struct Certificates {
    private struct Key: Hashable {
        let network: NetworkID
        let version: ConfigVersion
    }
    private var headers: [Key: Digest] = [:]
    private var verified: Set<Written> = []

    /// As a key: its latest header tells it from nearly all others, and hashing the rest costs more than comparing it.
    private struct Written: Hashable {
        let ledger: CertifiedConfig
        func hash(into hasher: inout Hasher) { hasher.combine(ledger.chain.last) }
    }
    /// Each config that was ever certified.
    private(set) var configs: [NetworkID: SortedMap<ConfigVersion, NetworkConfig>] = [:]

    mutating func certified(_ version: ConfigVersion, as header: Digest, in network: NetworkID) -> String? {
        let key = Key(network: network, version: version)
        guard let known = headers[key] else {
            headers[key] = header
            return nil
        }
        return known == header ? nil : "revision \(version) is certified as two different ones"
    }

    /// A config with its proof, from somebody's disk. Returns the config where it was not known.
    mutating func wrote(_ ledger: CertifiedConfig, of network: NetworkID) -> (
        news: (version: ConfigVersion, config: NetworkConfig)?, wrong: String?
    ) {
        guard verified.insert(Written(ledger: ledger)).inserted else { return (nil, nil) }
        if let lack = Certificates.lack(in: ledger, of: network) { return (nil, lack) }
        do {
            let read = try ConfigLedger(network: network, certified: ledger)
            let version = read.version
            if let wrong = certified(version, as: read.headerDigest, in: network) { return (nil, wrong) }
            guard configs[network]?[version] == nil else { return (nil, nil) }
            configs[network, default: SortedMap()][version] = read.config
            return ((version, read.config), nil)
        } catch {
            return (nil, "a config is written whose proof does not hold: \(error)")
        }
    }

    /// Counted here and not by the core's own hand, which may be what is wrong: who signed each header, of those whom the one before it
    /// names.
    static func lack(in ledger: CertifiedConfig, of network: NetworkID) -> String? {
        var before: RevisionHeader?
        for certified in ledger.chain {
            guard let header = try? RevisionHeader(encoded: certified.bytes) else { return "a header cannot be read" }
            defer { before = header }
            guard let earlier = before else {
                if Digest.of(certified.bytes) != network.digest { return "a proof begins with another network" }
                continue
            }
            let isRecovery = header.generation != earlier.generation
            let judges = isRecovery ? earlier.admins : earlier.voters
            let signers = certified.vouches.filter { vouch in
                judges.contains(vouch.voter)
                    && SignatureVerifier.isValid(
                        vouch.signature, over: certified.bytes, domain: .revision, by: vouch.voter)
            }
            let count = Set(signers.map(\.voter)).count
            if count < (isRecovery ? 1 : judges.count / 2 + 1) {
                return "revision \(header.version) is taken for certified by \(count) of \(judges.count)"
            }
        }
        return nil
    }

    func config(_ version: ConfigVersion, of network: NetworkID) -> NetworkConfig? { configs[network]?[version] }
}
