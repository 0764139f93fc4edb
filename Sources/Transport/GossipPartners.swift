import Identity
import NIOCore
import Wire

/// A peer of the roster with whom sealed datagrams are exchanged.
struct GossipPartner {
    /// Nil where its id is no key to share a secret with.
    let key: PairKey?
    /// The number of the last datagram to it.
    var sent: UInt64
    var received = ReplayWindow()
    /// Hosts from which it is expected: where it last spoke from, and where it was last spoken to.
    var heardAt: String?
    var spokenTo: String?
    /// For datagrams from there.
    var budget: TokenBucket
    /// Nothing is sent to it before: the last attempt broke the socket.
    var restUntil: NIODeadline = .uptimeNanoseconds(0)

    func expects(_ host: String) -> Bool { heardAt == host || spokenTo == host }
}

/// The partners that are known: as many as the rosters name, made when they are first needed, since keys take time.
struct GossipPartners {
    private let key: SigningKey
    private let rate: TokenBucket.Rate
    private var partners: [PeerID: GossipPartner] = [:]
    /// The greatest number of any datagram sent. A partner that is forgotten and comes back goes on from here, so that
    /// it never hears a number twice.
    private var lastCounter: UInt64 = 0
    /// How many keys were made.
    private(set) var derived = 0

    init(key: SigningKey, rate: TokenBucket.Rate) {
        self.key = key
        self.rate = rate
    }

    var count: Int { partners.count }

    subscript(peer: PeerID) -> GossipPartner? { partners[peer] }

    /// Changes a partner, making it first where it is new.
    mutating func withPartner<Value>(_ peer: PeerID, now: Instant, _ body: (inout GossipPartner) -> Value) -> Value {
        var partner = partners.removeValue(forKey: peer) ?? make(peer, now: now)
        let value = body(&partner)
        lastCounter = max(lastCounter, partner.sent)
        partners[peer] = partner
        return value
    }

    private mutating func make(_ peer: PeerID, now: Instant) -> GossipPartner {
        derived += 1
        return GossipPartner(
            key: PairKey(key, with: peer), sent: lastCounter, budget: TokenBucket(rate, now: now))
    }

    mutating func forget(_ peer: PeerID) { partners[peer] = nil }

    mutating func forgetAll(where isStranger: (PeerID) -> Bool) {
        partners = partners.filter { !isStranger($0.key) }
    }
}
