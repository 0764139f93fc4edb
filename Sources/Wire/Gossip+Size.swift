import Identity

// How long messages of gossip will be, counted before they are encoded so that a datagram is filled and never
// overfilled. Each estimate is at least the length on the wire: every field counts with its tag, also where its value
// would be left out.

extension GossipMessage {
    /// Bytes of a message, as `datagram(network:)` writes it, or a few more.
    public var estimatedBytes: Int {
        var bytes = Self.frameBytes(kind)
        for rumour in rumours { bytes += rumour.estimatedBytes }
        if let digest { bytes += digest.estimatedBytes }
        for record in records { bytes += record.estimatedGossipBytes }
        return bytes
    }

    /// Bytes of a message with nothing riding along.
    public static func frameBytes(_ kind: Kind) -> Int {
        // The network, the sender's incarnation, the summary.
        let common = WireSize.id + 2 * WireSize.number + 9
        if case .pingRequest = kind { return common + 3 + WireSize.id + WireSize.number }
        return common + 6
    }
}

extension Rumour {
    public var estimatedBytes: Int { Self.bytes(incarnation) }

    /// Bytes of the longest rumour.
    public static let bytesMax = bytes(Incarnation(epoch: .max, count: .max))

    /// Bytes of a rumour about such an incarnation.
    public static func bytes(_ incarnation: Incarnation) -> Int {
        2 + 2 * WireSize.id + WireSize.bytes(incarnation.epoch) + WireSize.bytes(incarnation.count) + 2
    }
}

extension RecordDigest {
    public var estimatedBytes: Int { versions.reduce(Self.frameBytes) { $0 + $1.estimatedBytes } }

    /// Bytes of a digest of nothing.
    public static let frameBytes = 4 + 2 * WireSize.id + 2
}

extension RecordDigestEntry {
    public var estimatedBytes: Int {
        2 + WireSize.id + WireSize.bytes(version.epoch) + WireSize.bytes(version.sequence)
    }
}

extension Signed {
    /// Bytes of a record inside a message of gossip.
    public var estimatedGossipBytes: Int { payload.count + signature.count + WireSize.id + 12 }
}

private enum WireSize {
    /// Thirty-two bytes, with tag and length.
    static let id = 34
    /// The longest number with its tag.
    static let number = 11

    /// A number with its tag, seven bits a byte.
    static func bytes(_ value: UInt64) -> Int {
        let bits = max(1, UInt64.bitWidth - value.leadingZeroBitCount)
        return 1 + (bits + 6) / 7
    }
}
