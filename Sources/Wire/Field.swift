import Identity

/// The checks that decoding shares: each gives the value, or throws an error that names the field.
enum Field {
    static func peer(_ bytes: some Collection<UInt8>, _ field: String) throws(WireError) -> PeerID {
        guard let peer = PeerID(bytes) else { throw .outOfRange(field: field, value: "\(bytes.count) bytes") }
        return peer
    }

    static func digest(_ bytes: some Collection<UInt8>, _ field: String) throws(WireError) -> Digest {
        guard let digest = Digest(bytes) else { throw .outOfRange(field: field, value: "\(bytes.count) bytes") }
        return digest
    }

    static func network(_ bytes: some Collection<UInt8>, _ field: String = "network") throws(WireError) -> NetworkID {
        NetworkID(digest: try digest(bytes, field))
    }

    static func session(_ bytes: some Collection<UInt8>) throws(WireError) -> SessionID {
        guard let id = SessionID(bytes) else { throw .outOfRange(field: "session", value: "\(bytes.count) bytes") }
        return id
    }

    static func text(_ text: String, _ field: String, limit: Int = Limits.nameBytes) throws(WireError) -> String {
        guard text.utf8.count <= limit else { throw .tooLarge(what: field, bytes: text.utf8.count, limit: limit) }
        return text
    }

    static func number<Number: BinaryInteger>(
        _ value: Number, _ field: String, in range: ClosedRange<Int>
    ) throws(WireError) -> Int {
        guard let number = Int(exactly: value), range.contains(number) else {
            throw .outOfRange(field: field, value: "\(value)")
        }
        return number
    }

    /// A number that only ever grows. It is bounded so that whoever hears it can still count on from it.
    static func counter(_ value: UInt64, _ field: String) throws(WireError) -> UInt64 {
        guard value <= Limits.counter else { throw .outOfRange(field: field, value: "\(value)") }
        return value
    }

    static func revision(_ value: UInt64) throws(WireError) -> Revision { Revision(try counter(value, "revision")) }

    static func epoch(_ value: UInt64) throws(WireError) -> RouteEpoch { RouteEpoch(try counter(value, "epoch")) }

    static func version(epoch: UInt64, sequence: UInt64) throws(WireError) -> RecordVersion {
        RecordVersion(epoch: try counter(epoch, "epoch"), sequence: try counter(sequence, "sequence"))
    }

    static func version(_ message: PBConfigVersionMessage) throws(WireError) -> ConfigVersion {
        ConfigVersion(
            generation: try counter(message.generation, "generation"), revision: try revision(message.revision))
    }

    static func term(_ value: UInt64) throws(WireError) -> Term { Term(try counter(value, "term")) }

    static func index(_ value: UInt64) throws(WireError) -> LogIndex { LogIndex(try counter(value, "index")) }

    /// Peers in ascending order, none twice.
    static func ascending(_ keys: [some Collection<UInt8>], _ field: String, limit: Int) throws(WireError) -> [PeerID] {
        try count(keys.count, field, limit: limit)
        var peers: [PeerID] = []
        for key in keys {
            let next = try peer(key, field)
            if let last = peers.last, last >= next { throw .outOfRange(field: field, value: "peers out of order") }
            peers.append(next)
        }
        return peers
    }

    static func count(_ count: Int, _ field: String, limit: Int) throws(WireError) {
        guard count <= limit else { throw .outOfRange(field: field, value: "\(count) entries") }
    }

    static func endpoints(_ texts: [String]) throws(WireError) -> [Endpoint] {
        try count(texts.count, "addresses", limit: Limits.addresses)
        var endpoints: [Endpoint] = []
        for text in texts {
            guard let endpoint = Endpoint(text) else { throw .outOfRange(field: "addresses", value: "no host:port") }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    static func ranges(_ messages: [PBBlockRangeMessage], _ field: String) throws(WireError) -> [BlockRange] {
        try count(messages.count, field, limit: Limits.ranges)
        var ranges: [BlockRange] = []
        for message in messages { ranges.append(try range(message, field)) }
        return ranges
    }

    static func range(_ message: PBBlockRangeMessage, _ field: String) throws(WireError) -> BlockRange {
        let first = try number(message.first, field, in: 0...Limits.blocks)
        let last = try number(message.last, field, in: 0...Limits.blocks)
        guard let range = BlockRange(first: first, last: last) else {
            throw .outOfRange(field: field, value: "\(first)-\(last)")
        }
        return range
    }
}

extension ConfigVersion {
    var message: PBConfigVersionMessage {
        var message = PBConfigVersionMessage()
        message.generation = generation
        message.revision = revision.value
        return message
    }
}

extension BlockRange {
    var message: PBBlockRangeMessage {
        var message = PBBlockRangeMessage()
        message.first = UInt32(first)
        message.last = UInt32(last)
        return message
    }
}
