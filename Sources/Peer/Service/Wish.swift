import Identity
import MeshCore
import NetworkConfig
import Wire

/// A change of a network's config that a person wants, and what it is about. Who may make it is judged where it is applied, on every
/// peer alike; here is only refused what cannot be meant.
struct Wish: Hashable {
    let change: ConfigCommand.Change
    /// Name of the peer, or beginning of the invitation's id.
    let subject: String?
}

extension NetworkStatus {
    /// What another member lends. An owner says what its computer lends where it starts the peer: an admin may take less.
    func wish(grant memory: UInt64, to word: String, by own: PeerID) throws(ServiceFailure) -> Wish {
        let peer = try peer(word)
        guard peer.member.peer != own else {
            throw ServiceFailure(
                "this peer lends what it is started with; stop it, and start it with: tiktrue up --share-memory SIZE")
        }
        if let offered = peer.offeredMemory, memory > offered {
            throw ServiceFailure(
                "the owner of \(peer.member.name) lends at most \(ByteSize(bytes: offered)); "
                    + "grant no more, or have it started with a larger --share-memory")
        }
        // Of an admin's change only the memory counts: name and addresses are the member's own to tell.
        let change = ConfigCommand.Change.grant(
            peer: peer.member.peer, memory: memory, name: peer.member.name, addresses: peer.member.addresses)
        return Wish(change: change, subject: peer.member.name)
    }

    func wish(role: String, of word: String) throws(ServiceFailure) -> Wish {
        guard let wanted = Role(name: role) else {
            throw ServiceFailure(
                "there is no role \(role); choose one of \(ControlWords.roles.joined(separator: ", "))")
        }
        let peer = try peer(word)
        return Wish(change: .setRole(peer.member.peer, wanted), subject: peer.member.name)
    }

    /// Removes another member for ever. This peer itself leaves instead, and may come back.
    func wish(removing word: String, by own: PeerID) throws(ServiceFailure) -> Wish {
        let peer = try peer(word)
        guard peer.member.peer != own else {
            throw ServiceFailure("that is this peer itself; it leaves with: tiktrue network leave \(config.name)")
        }
        return Wish(change: .remove(peer.member.peer), subject: peer.member.name)
    }

    /// What is nil stays as it is.
    func wish(maxVoters: Int?, voterGrace: Int?, cacheFormat: String?) throws(ServiceFailure) -> Wish {
        var format = config.policy.cacheFormat
        if let cacheFormat { format = try CacheFormat(named: cacheFormat) }
        let policy = NetworkPolicy(
            maxVoters: maxVoters ?? config.policy.maxVoters, voterGrace: voterGrace ?? config.policy.voterGrace,
            cacheFormat: format)
        guard policy.isAllowed else {
            throw ServiceFailure(
                "a network has 1 to \(NetworkPolicy.votersAllowed.upperBound) voters, and a grace of 1 to "
                    + "\(NetworkPolicy.graceAllowed.upperBound) seconds")
        }
        return Wish(change: .setPolicy(policy), subject: nil)
    }

    func wish(revoking invitation: String) throws(ServiceFailure) -> Wish {
        let open = try self.invitation(invitation)
        return Wish(change: .revoke(open.key), subject: open.key.short)
    }
}

extension CacheFormat {
    /// The one that a person named.
    init(named name: String) throws(ServiceFailure) {
        guard let format = CacheFormat(name: name) else {
            throw ServiceFailure(
                "there is no cache format \(name); choose one of \(ControlWords.cacheFormats.joined(separator: ", "))")
        }
        self = format
    }
}
