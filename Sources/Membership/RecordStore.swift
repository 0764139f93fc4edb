import Identity
import Wire

/// What the peers of one network tell of themselves, spread by comparing versions.
///
/// Each peer owns one signed record, ordered by (epoch, sequence). Two peers that meet exchange digests, a list of peer and
/// version; each answers with just the records of which the other's digest has an older version or none (a missing entry counts
/// as version zero, never as concurrent). Nobody can forge another's record, since it is signed, or roll it back, since older
/// versions are never taken. Two different records under one version prove that their owner equivocates: the first one stays and
/// the case is reported.
public struct RecordStore: Sendable {
    public enum Outcome: Hashable, Sendable {
        /// The record was news and is worth passing on.
        case news(PeerRecord)
        case known
        case older
        case equivocation(PeerID, RecordVersion)
    }

    private struct Entry: Sendable {
        let signed: Signed
        let record: PeerRecord
    }

    public let network: NetworkID
    /// Ascending by peer.
    private var entries: [Entry] = []

    public init(network: NetworkID) { self.network = network }

    public var records: [PeerRecord] { entries.map(\.record) }

    public func record(of peer: PeerID) -> PeerRecord? {
        index(of: peer).found.map { entries[$0].record }
    }

    /// Verifies and takes a record. Throws where it is not genuine or not of this network. Whether its owner is a member is the
    /// caller's matter.
    public mutating func take(_ signed: Signed) throws(WireError) -> Outcome {
        let place = index(of: signed.signer)
        if let found = place.found, entries[found].signed == signed { return .known }
        let record = try PeerRecord.verified(signed)
        guard record.network == network else { throw .outOfRange(field: "network", value: record.network.short) }
        if let found = place.found {
            let held = entries[found].record.version
            if record.version < held { return .older }
            if record.version == held { return .equivocation(signed.signer, held) }
            entries[found] = Entry(signed: signed, record: record)
        } else {
            entries.insert(Entry(signed: signed, record: record), at: place.insertion)
        }
        return .news(record)
    }

    /// Forgets the records of peers that are not members any more.
    public mutating func keep(where isMember: (PeerID) -> Bool) {
        entries.removeAll { !isMember($0.signed.signer) }
    }

    public var digest: [RecordDigestEntry] {
        entries.map { RecordDigestEntry(peer: $0.signed.signer, version: $0.record.version) }
    }

    /// The records that whoever sent this digest lacks.
    public func delta(for digest: [RecordDigestEntry]) -> [Signed] {
        let known = digest.sorted { $0.peer < $1.peer }
        var result: [Signed] = []
        var cursor = 0
        for entry in entries {
            while cursor < known.count, known[cursor].peer < entry.signed.signer { cursor += 1 }
            let theirs =
                cursor < known.count && known[cursor].peer == entry.signed.signer ? known[cursor].version : .none
            if theirs < entry.record.version { result.append(entry.signed) }
        }
        return result
    }

    private func index(of peer: PeerID) -> (found: Int?, insertion: Int) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].signed.signer < peer { low = middle + 1 } else { high = middle }
        }
        return (low < entries.count && entries[low].signed.signer == peer ? low : nil, low)
    }
}
