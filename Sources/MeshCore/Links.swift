import Identity
import Wire

struct Link: Sendable {
    let info: LinkInfo
    let openedAt: Instant
}

/// The open links, in the order of their numbers; those between members can be asked for by peer too.
struct Links: Sendable {
    private var byNumber = SortedMap<LinkID, Link>()
    /// Each list ascending, and none empty.
    private var ofMember = SortedMap<PeerID, [LinkID]>()

    var count: Int { byNumber.count }
    var keys: [LinkID] { byNumber.keys }
    var values: [Link] { byNumber.values }
    var pairs: Zip2Sequence<[LinkID], [Link]> { byNumber.pairs }

    subscript(number: LinkID) -> Link? {
        get { byNumber[number] }
        set {
            if let old = byNumber[number], old.info.purpose == .member {
                let rest = (ofMember[old.info.peer] ?? []).filter { $0 != number }
                ofMember[old.info.peer] = rest.isEmpty ? nil : rest
            }
            byNumber[number] = newValue
            if let newValue, newValue.info.purpose == .member {
                ofMember[newValue.info.peer] = ((ofMember[newValue.info.peer] ?? []) + [number]).sorted()
            }
        }
    }

    /// The oldest member link to a peer.
    func member(_ peer: PeerID) -> Link? { ofMember[peer].flatMap { byNumber[$0[0]] } }
    func members(_ peer: PeerID) -> [Link] { (ofMember[peer] ?? []).compactMap { byNumber[$0] } }
    func reaches(_ peer: PeerID) -> Bool { ofMember.contains(peer) }
}
