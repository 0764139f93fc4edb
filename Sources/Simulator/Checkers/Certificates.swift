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

    func config(_ version: ConfigVersion, of network: NetworkID) -> NetworkConfig? { configs[network]?[version] }
}
