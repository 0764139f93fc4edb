import Identity
import MeshCore
import Wire

/// What a machine tells of itself only ever gets newer. And what it knows of others it has from their own hand, and it never takes older
/// word for newer; this is looked at where somebody lies: elsewhere there is nobody who would forge or play back a record.
struct Records {
    struct Key: Hashable {
        let host: Int
        let network: NetworkID
        let owner: PeerID
    }
    /// How long a record is held at most: in one life of the process, since it is in memory only, and for as long as both are members,
    /// since those who have left are forgotten, so that an older record of one that came back may be news again.
    struct Span: Hashable {
        let life: Int
        let since: Revision
    }
    private var versions: [Key: (span: Span, version: RecordVersion)] = [:]
    private var latest: [PeerID: [NetworkID: (version: RecordVersion, signature: [UInt8])]] = [:]

    /// What an honest peer tells of itself only ever gets newer, also where it leaves a network and comes back: some of the others may not
    /// have heard that it was away.
    mutating func signs(_ signed: Signed, _ version: RecordVersion, in network: NetworkID) -> String? {
        let owner = signed.signer
        if let before = latest[owner]?[network], signed.signature != before.signature, version <= before.version {
            return "\(owner.short) tells of itself under version \(version), and had told under \(before.version)"
        }
        latest[owner, default: [:]][network] = (version, signed.signature)
        return nil
    }

    /// It goes on with another disk: of what it has told it knows nothing.
    mutating func forgot(_ owner: PeerID) { latest[owner] = nil }

    mutating func saw(_ seen: NetworkInspection, of host: Host) -> (invariant: String, what: String)? {
        let own = seen.config.member(host.peer)?.joined ?? .first
        for member in seen.config.members where member.peer != host.peer {
            let key = Key(host: host.index, network: seen.network, owner: member.peer)
            guard let record = seen.record(of: member.peer), let signed = seen.signed(of: member.peer) else {
                versions[key] = nil
                continue
            }
            let span = Span(life: host.life, since: max(own, member.joined))
            if let wrong = holds(signed, record.version, during: span, at: key) { return wrong }
        }
        return nil
    }

    mutating func holds(
        _ signed: Signed, _ version: RecordVersion, during span: Span, at key: Key
    ) -> (invariant: String, what: String)? {
        let whose = "machine \(key.host) holds a record of \(key.owner.short)"
        // Verified here and not by the core's own hand, which may be what is wrong.
        if !SignatureVerifier.isValid(signed.signature, over: signed.payload, domain: .record, by: key.owner) {
            return ("authority", "\(whose) that it has not signed")
        }
        if let before = versions[key], before.span == span, version < before.version {
            return ("monotone", "\(whose) of version \(version), and held \(before.version)")
        }
        versions[key] = (span, version)
        return nil
    }
}
