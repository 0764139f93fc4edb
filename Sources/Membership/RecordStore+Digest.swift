import Identity
import Wire

// What two stores tell each other to become alike.

extension RecordStore {
    public var digest: [RecordDigestEntry] { entries.map(\.version) }

    /// The versions held of peers from `first` on, as many as so many bytes hold. It goes through to the last of all
    /// peers where nothing is left out.
    func digest(from first: PeerID, bytes: Int, asks: Bool) -> RecordDigest {
        var versions: [RecordDigestEntry] = []
        var left = bytes - RecordDigest.frameBytes
        var place = index(of: first).insertion
        while place < entries.count, versions.count < Limits.members {
            left -= entries[place].version.estimatedBytes
            guard left >= 0 else { break }
            versions.append(entries[place].version)
            place += 1
        }
        let last = place < entries.count ? versions.last?.peer ?? first : .highest
        return RecordDigest(first: first, last: last, versions: versions, asks: asks)
    }

    /// The versions held of the part that another digest is about.
    func digest(of part: RecordDigest, bytes: Int) -> RecordDigest {
        var mine = digest(from: part.first, bytes: bytes, asks: false)
        if mine.last > part.last {
            let versions = mine.versions.filter { $0.peer <= part.last }
            mine = RecordDigest(first: part.first, last: part.last, versions: versions, asks: false)
        }
        return mine
    }

    /// The peer after which a digest left off, or the first of all where it went through to the end.
    func following(_ digest: RecordDigest) -> PeerID {
        let place = index(of: digest.last)
        let next = place.found.map { $0 + 1 } ?? place.insertion
        return next < entries.count ? entries[next].signed.signer : .lowest
    }

    /// The records that whoever sent this digest lacks.
    public func delta(for digest: [RecordDigestEntry]) -> [Signed] {
        let known = digest.sorted { $0.peer < $1.peer }
        return delta(for: RecordDigest(first: .lowest, last: .highest, versions: known, asks: false))
    }

    /// The records of the digest's part that whoever sent it lacks, those first of which its version is the stalest: of
    /// an older life before an older word, and by how much. What does not fit one message comes with the next.
    func delta(for digest: RecordDigest) -> [Signed] {
        var found: [(entry: Entry, epochs: UInt64, sequences: UInt64)] = []
        var cursor = 0
        var place = index(of: digest.first).insertion
        while place < entries.count, entries[place].signed.signer <= digest.last {
            let entry = entries[place]
            place += 1
            let (peer, mine) = (entry.signed.signer, entry.record.version)
            var theirs = RecordVersion.none
            while cursor < digest.versions.count, digest.versions[cursor].peer <= peer {
                if digest.versions[cursor].peer == peer { theirs = max(theirs, digest.versions[cursor].version) }
                cursor += 1
            }
            guard theirs < mine else { continue }
            let isOlderLife = theirs.epoch < mine.epoch
            found.append(
                (entry, mine.epoch - theirs.epoch, isOlderLife ? mine.sequence : mine.sequence - theirs.sequence))
        }
        found.sort {
            ($0.epochs, $0.sequences, $1.entry.signed.signer) > ($1.epochs, $1.sequences, $0.entry.signed.signer)
        }
        return found.map(\.entry.signed)
    }

    /// Whether a digest names a newer version than is held.
    func isBehind(_ digest: RecordDigest) -> Bool {
        digest.versions.contains { entry in
            (index(of: entry.peer).found.map { entries[$0].record.version } ?? .none) < entry.version
        }
    }
}

extension RecordStore.Entry {
    var version: RecordDigestEntry { RecordDigestEntry(peer: signed.signer, version: record.version) }
}

extension PeerID {
    static let lowest = bounds(0)
    static let highest = bounds(.max)

    private static func bounds(_ byte: UInt8) -> PeerID {
        guard let peer = PeerID(Array(repeating: byte, count: 32)) else {
            preconditionFailure("32 bytes are no peer")
        }
        return peer
    }
}
