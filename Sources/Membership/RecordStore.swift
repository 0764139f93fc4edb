import Identity
import Wire

/// What the peers of one network tell of themselves, spread by comparing versions.
///
/// Each peer owns one signed record, ordered by (epoch, sequence). Two peers that meet compare summaries; where these
/// differ they exchange digests, a list of peer and version, and each answers with just the records of which the
/// other's digest has an older version or none (a missing entry counts as version zero, never as concurrent). Nobody
/// can forge another's record, since it is signed, or roll it back, since older versions are never taken. Two different
/// records under one version prove that their owner equivocates: the first one stays and the case is reported.
public struct RecordStore: Sendable {
    public enum Outcome: Hashable, Sendable {
        /// The record was news and is worth passing on.
        case news(PeerRecord)
        case known
        case older
        case equivocation(PeerID, RecordVersion)
    }

    struct Entry: Sendable {
        let signed: Signed
        let record: PeerRecord
        /// What it adds to the summary.
        let mark: UInt64
    }

    public let network: NetworkID
    /// Ascending by peer.
    var entries: [Entry] = []
    /// Of all versions held, in one number: equal where two stores hold the same versions, and hardly ever else (1 in
    /// 2^64; the next change tells them apart again). Kept up to date by each change, whatever the number of members.
    public private(set) var summary: UInt64 = 0

    public init(network: NetworkID) { self.network = network }

    public var count: Int { entries.count }
    public var records: [PeerRecord] { entries.map(\.record) }

    public func record(of peer: PeerID) -> PeerRecord? {
        index(of: peer).found.map { entries[$0].record }
    }

    /// A record with its signature, as it came.
    public func signed(of peer: PeerID) -> Signed? {
        index(of: peer).found.map { entries[$0].signed }
    }

    /// Verifies and takes a record. Throws where it is not genuine or not of this network. Whether its owner is a
    /// member is the caller's matter. No signature is checked of what is held already, or is older and dropped anyway.
    public mutating func take(_ signed: Signed) throws(WireError) -> Outcome {
        let place = index(of: signed.signer)
        if let found = place.found, entries[found].signed == signed { return .known }
        let record = try PeerRecord.claimed(in: signed)
        guard record.network == network else { throw .outOfRange(field: "network", value: record.network.short) }
        let held = place.found.map { entries[$0].record.version } ?? .none
        if record.version < held, !mutated(.staleRecordAccepted) { return .older }
        guard signed.isValid(domain: .record) || mutated(.recordSignatureUnchecked) else {
            throw .malformed("record signature")
        }
        if place.found != nil, record.version == held { return .equivocation(signed.signer, held) }
        let entry = Entry(signed: signed, record: record, mark: Self.mark(signed.signer, record.version))
        summary ^= entry.mark
        if let found = place.found {
            summary ^= entries[found].mark
            entries[found] = entry
        } else {
            entries.insert(entry, at: place.insertion)
        }
        return .news(record)
    }

    /// Forgets the records of peers that are not members any more.
    public mutating func keep(where isMember: (PeerID) -> Bool) {
        for entry in entries where !isMember(entry.signed.signer) { summary ^= entry.mark }
        entries.removeAll { !isMember($0.signed.signer) }
    }

    func index(of peer: PeerID) -> (found: Int?, insertion: Int) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].signed.signer < peer { low = middle + 1 } else { high = middle }
        }
        return (low < entries.count && entries[low].signed.signer == peer ? low : nil, low)
    }

    /// A number for one version of one peer's record, mixed so well that marks that are combined by exclusive or do not
    /// cancel.
    private static func mark(_ peer: PeerID, _ version: RecordVersion) -> UInt64 {
        var mixed: UInt64 = 0
        var word: UInt64 = 0
        for (offset, byte) in peer.bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if offset % 8 == 7 { mixed = mix(mixed ^ word) }
        }
        return mix(mix(mixed ^ version.epoch) ^ version.sequence)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: value)
        return generator.next()
    }
}
