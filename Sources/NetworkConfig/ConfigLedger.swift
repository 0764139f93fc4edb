import Identity
import Wire

/// One network's agreed config as this peer knows it, and the proof that it is genuine.
///
/// The network's id is the digest of its first revision, which names the founder; the founder signs every later one. So whoever
/// knows the id (from an invitation, say) can verify first and latest revision from whatever hand they come, without trusting
/// that hand. Revisions only grow: an old config, however genuine, never replaces a newer one.
public struct ConfigLedger: Sendable {
    public let network: NetworkID
    public let first: Signed
    public private(set) var latest: Signed
    /// The latest config.
    public private(set) var config: NetworkConfig

    /// Founds a network: its first revision is signed by the founder, who is its first admin.
    public init(founding config: NetworkConfig, by founder: any Signer) throws(ConfigRefusal) {
        guard config.network == nil, config.revision == .first, config.previous == nil, config.founder == founder.peer
        else {
            throw .brokenChain("a first revision has no past")
        }
        let signed = config.signed(by: founder)
        first = signed
        latest = signed
        network = NetworkID(digest: Digest.of(signed.payload))
        self.config = config
    }

    /// Verifies what was received or stored.
    public init(network: NetworkID, first: Signed, latest: Signed) throws(ConfigRefusal) {
        guard NetworkID(digest: Digest.of(first.payload)) == network else { throw .wrongNetwork }
        let beginning = try ConfigLedger.read(first)
        guard beginning.revision == .first, beginning.network == nil else {
            throw .brokenChain("the first revision has no past")
        }
        guard first.signer == beginning.founder else {
            throw .wrongSigner(expected: beginning.founder, found: first.signer)
        }
        self.network = network
        self.first = first
        self.latest = first
        self.config = beginning
        if latest != first { try adopt(latest) }
    }

    /// Takes a newer revision. Throws, and stays as it was, where it is not newer or not genuine.
    public mutating func adopt(_ offered: Signed) throws(ConfigRefusal) {
        let next = try ConfigLedger.read(offered)
        guard next.network == network else { throw .wrongNetwork }
        guard offered.signer == config.founder, next.founder == config.founder else {
            throw .wrongSigner(expected: config.founder, found: offered.signer)
        }
        guard next.revision > config.revision else { throw .stale(held: config.revision, offered: next.revision) }
        if next.revision == config.revision.next, next.previous != Digest.of(latest.payload) {
            throw .brokenChain(
                "revision \(next.revision) names another revision \(config.revision) than the one held here")
        }
        latest = offered
        config = next
    }

    /// Makes and adopts the next revision. Only the founder can; `changed` is the config with the change in it.
    public mutating func advance(to changed: NetworkConfig, by founder: any Signer) throws(ConfigRefusal) {
        guard founder.peer == config.founder else { throw .wrongSigner(expected: config.founder, found: founder.peer) }
        var next = changed
        next.network = network
        next.revision = config.revision.next
        next.previous = Digest.of(latest.payload)
        try adopt(next.signed(by: founder))
    }

    private static func read(_ signed: Signed) throws(ConfigRefusal) -> NetworkConfig {
        guard signed.isValid(domain: .revision) else { throw .falseSignature }
        do {
            return try NetworkConfig(payload: signed.payload)
        } catch {
            throw .malformed(error.description)
        }
    }
}
