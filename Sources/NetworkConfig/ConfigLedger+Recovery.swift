import Identity
import Wire

// When a majority of the voters is lost for good, an admin names other voters by a deliberate act, which it signs
// alone.

extension ConfigLedger {
    /// A new generation of the network: all members stay, the voters are these, and the only certificate is the
    /// admin's.
    ///
    /// Nothing tells an admin that cannot reach a majority from one that should wait, so that two may do this at once.
    /// The lower half of the generation is drawn from what the recovery says, so that two recoveries are never taken
    /// for one: everyone goes by the greater.
    public static func recovered(
        from ledger: ConfigLedger, by admin: any Signer, voters: [PeerID]
    ) throws(ConfigRefusal) -> CertifiedConfig {
        guard let member = ledger.config.member(admin.peer) else { throw .notMember(admin.peer) }
        guard member.role == .admin else { throw .notAdmin(admin.peer) }
        let voters = ConfigMachine.ordered(voters)
        guard (1...Limits.voters).contains(voters.count) else {
            throw .tooMany(what: "voters", limit: Limits.voters)
        }
        for voter in voters where !ledger.config.isMember(voter) { throw .notMember(voter) }

        let statement = ledger.headerDigest.bytes + admin.peer.bytes + voters.flatMap(\.bytes)
        let mark = Digest.of(statement).bytes.prefix(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var config = ledger.config
        config.network = ledger.network
        config.generation = (ledger.version.recoveries + 1) << 32 | mark
        config.revision = ledger.version.revision.next
        config.voters = voters
        let payload = config.encoded()
        let header = RevisionHeader(
            network: ledger.network, generation: config.generation, revision: config.revision,
            previous: ledger.headerDigest, config: Digest.of(payload), voters: voters, admins: config.admins,
            recoveredBy: admin.peer)
        let bytes = header.encoded()
        let vouch = Vouch(voter: admin.peer, signature: admin.sign(bytes, domain: .revision))
        let held = ledger.certified.chain
        return CertifiedConfig(chain: held + [CertifiedHeader(bytes: bytes, vouches: [vouch])], config: payload)
    }
}
