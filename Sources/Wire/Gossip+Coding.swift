import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension GossipMessage {
    /// As one datagram. Keeping it within `Limits.datagramBytes` is the sender's duty.
    public func datagram(network: NetworkID) -> [UInt8] {
        do {
            return try message(network: network).serializedBytes()
        } catch {
            preconditionFailure("a gossip message cannot be encoded: \(error)")
        }
    }

    public static func read(datagram: [UInt8]) throws(WireError) -> (NetworkID, GossipMessage) {
        guard datagram.count <= Limits.datagramBytes else {
            throw .tooLarge(what: "a datagram", bytes: datagram.count, limit: Limits.datagramBytes)
        }
        let message: PBGossipMessage
        do {
            message = try PBGossipMessage(serializedBytes: datagram)
        } catch {
            throw .malformed("gossip message")
        }
        return (try Field.network(message.network), try GossipMessage(message: message))
    }

    func message(network: NetworkID) -> PBGossipMessage {
        var message = PBGossipMessage()
        message.network = Data(network.bytes)
        message.epoch = incarnation.epoch
        message.count = incarnation.count
        switch kind {
        case .ping(let sequence): message.ping = sequence
        case .ack(let sequence): message.ack = sequence
        case .pingRequest(let sequence, let target):
            var inner = PBPingRequestMessage()
            inner.sequence = sequence
            inner.target = Data(target.bytes)
            message.pingRequest = inner
        case .nack(let sequence): message.nack = sequence
        case .news: message.news = true
        }
        message.rumours = rumours.map(\.message)
        message.summary = summary
        if let digest { message.digest = digest.message }
        message.records = records.map(\.message)
        return message
    }

    init(message: PBGossipMessage) throws(WireError) {
        let kind: Kind
        switch message.kind {
        case .ping(let sequence): kind = .ping(sequence: sequence)
        case .ack(let sequence): kind = .ack(sequence: sequence)
        case .pingRequest(let request):
            kind = .pingRequest(sequence: request.sequence, target: try Field.peer(request.target, "target"))
        case .nack(let sequence): kind = .nack(sequence: sequence)
        case .news(true): kind = .news
        case .news(false), nil: throw .malformed("gossip message: it is of no kind that this version knows")
        }
        try Field.count(message.rumours.count, "rumours", limit: Limits.rumours)
        try Field.count(message.records.count, "records", limit: Limits.gossipRecords)
        var rumours: [Rumour] = []
        for rumour in message.rumours { rumours.append(try Rumour(message: rumour)) }
        var records: [Signed] = []
        for record in message.records { records.append(try Signed(message: record)) }
        self.init(
            kind: kind, incarnation: try Field.incarnation(epoch: message.epoch, count: message.count),
            rumours: rumours, summary: message.summary,
            digest: message.hasDigest ? try RecordDigest(message: message.digest) : nil, records: records)
    }
}

extension Rumour {
    fileprivate var message: PBRumourMessage {
        var message = PBRumourMessage()
        message.about = Data(about.bytes)
        message.epoch = incarnation.epoch
        message.count = incarnation.count
        message.liveness = UInt32(liveness.rawValue)
        message.by = Data(by.bytes)
        return message
    }

    fileprivate init(message: PBRumourMessage) throws(WireError) {
        guard let liveness = Liveness(rawValue: Int(message.liveness)) else {
            throw .outOfRange(field: "liveness", value: "\(message.liveness)")
        }
        self.init(
            about: try Field.peer(message.about, "about"),
            incarnation: try Field.incarnation(epoch: message.epoch, count: message.count), liveness: liveness,
            by: try Field.peer(message.by, "by"))
    }
}

extension RecordDigest {
    fileprivate var message: PBRecordDigestMessage {
        var message = PBRecordDigestMessage()
        message.first = Data(first.bytes)
        message.last = Data(last.bytes)
        message.versions = versions.map { entry in
            var inner = PBRecordVersionMessage()
            inner.peer = Data(entry.peer.bytes)
            inner.epoch = entry.version.epoch
            inner.sequence = entry.version.sequence
            return inner
        }
        message.asks = asks
        return message
    }

    fileprivate init(message: PBRecordDigestMessage) throws(WireError) {
        let (first, last) = (try Field.peer(message.first, "first"), try Field.peer(message.last, "last"))
        guard first <= last else { throw .outOfRange(field: "digest", value: "it ends before it begins") }
        try Field.count(message.versions.count, "versions", limit: Limits.members)
        var versions: [RecordDigestEntry] = []
        for entry in message.versions {
            let peer = try Field.peer(entry.peer, "peer")
            guard first <= peer, peer <= last, versions.last.map({ $0.peer < peer }) ?? true else {
                throw .outOfRange(field: "versions", value: "peers out of order")
            }
            versions.append(
                RecordDigestEntry(
                    peer: peer, version: try Field.version(epoch: entry.epoch, sequence: entry.sequence)))
        }
        self.init(first: first, last: last, versions: versions, asks: message.asks)
    }
}

extension Field {
    static func incarnation(epoch: UInt64, count: UInt64) throws(WireError) -> Incarnation {
        Incarnation(epoch: try counter(epoch, "epoch"), count: try counter(count, "count"))
    }
}
