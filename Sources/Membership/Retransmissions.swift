import Identity

/// About whom there is something to tell, and how often it has been told: what was told least goes first, of equals the
/// newest.
///
/// Only names stand here; what is told is what is known at that time, so that nothing outdated is ever sent and the
/// queue never holds more than one entry a member.
struct Retransmissions: Sendable {
    private struct Entry: Sendable {
        let peer: PeerID
        var sent: Int
    }

    /// What becomes of an entry when a message is composed.
    enum Choice {
        case send
        /// It does not fit, or the receiver knows it.
        case skip
    }

    /// Ascending by how often they were sent.
    private var entries: [Entry] = []
    /// Entries looked at for one message: many more than fit one, so that a few large ones do not hide the small.
    private static let lookahead = 40

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    /// Something new about this peer.
    mutating func add(_ peer: PeerID) {
        remove(peer)
        entries.insert(Entry(peer: peer, sent: 0), at: 0)
    }

    /// Something old about this peer that somebody did not know: it is sent once more.
    mutating func addOnce(_ peer: PeerID, limit: Int) {
        guard !entries.contains(where: { $0.peer == peer }) else { return }
        insert(Entry(peer: peer, sent: limit - 1))
    }

    mutating func remove(_ peer: PeerID) {
        entries.removeAll { $0.peer == peer }
    }

    mutating func keep(where isMember: (PeerID) -> Bool) {
        entries.removeAll { !isMember($0.peer) }
    }

    /// Takes what `choose` wants to send, counts it, and forgets what has been sent `limit` times. Those forgotten are
    /// returned.
    mutating func take(limit: Int, choose: (PeerID) -> Choice) -> [PeerID] {
        guard !entries.isEmpty else { return [] }
        var chosen: [Entry] = []
        var kept: [Entry] = []
        let looked = min(entries.count, Self.lookahead)
        for entry in entries[..<looked] {
            switch choose(entry.peer) {
            case .send: chosen.append(Entry(peer: entry.peer, sent: entry.sent + 1))
            case .skip: kept.append(entry)
            }
        }
        guard !chosen.isEmpty else { return [] }
        entries.replaceSubrange(..<looked, with: kept)
        var finished: [PeerID] = []
        for entry in chosen {
            if entry.sent < limit { insert(entry) } else { finished.append(entry.peer) }
        }
        return finished
    }

    /// Somebody knows all of it already: that counts as much as having told it. Returns those told often enough.
    mutating func countAll(limit: Int) -> [PeerID] {
        guard !entries.isEmpty else { return [] }
        for place in entries.indices { entries[place].sent += 1 }
        let finished = entries.filter { $0.sent >= limit }.map(\.peer)
        entries.removeAll { $0.sent >= limit }
        return finished
    }

    /// Behind all that were sent as often.
    private mutating func insert(_ entry: Entry) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sent <= entry.sent { low = middle + 1 } else { high = middle }
        }
        entries.insert(entry, at: low)
    }
}
