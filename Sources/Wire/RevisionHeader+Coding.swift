import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension RevisionHeader: ProtobufCodable {
    static var what: String { "revision header" }

    /// What voters sign. A header that was received is kept as it came, since that is what was signed.
    public func encoded() -> [UInt8] { Coding.bytes(self) }

    public init(encoded bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Limits.headerBytes else {
            throw .tooLarge(what: "a revision header", bytes: bytes.count, limit: Limits.headerBytes)
        }
        self = try Coding.value(bytes)
    }

    var message: PBRevisionHeaderMessage {
        var message = PBRevisionHeaderMessage()
        message.network = Data(network?.bytes ?? [])
        message.generation = generation
        message.revision = revision.value
        message.previous = Data(previous?.bytes ?? [])
        message.config = Data(config.bytes)
        message.voters = voters.map { Data($0.bytes) }
        message.admins = admins.map { Data($0.bytes) }
        message.recoveredBy = Data(recoveredBy?.bytes ?? [])
        return message
    }

    init(message: PBRevisionHeaderMessage) throws(WireError) {
        guard message.revision > 0 else { throw .outOfRange(field: "revision", value: "0") }
        self.init(
            network: message.network.isEmpty ? nil : try Field.network(message.network),
            generation: try Field.counter(message.generation, "generation"),
            revision: try Field.revision(message.revision),
            previous: message.previous.isEmpty ? nil : try Field.digest(message.previous, "previous"),
            config: try Field.digest(message.config, "config"),
            voters: try Field.ascending(message.voters, "voters", limit: Limits.voters),
            admins: try Field.ascending(message.admins, "admins", limit: Limits.admins),
            recoveredBy: message.recoveredBy.isEmpty ? nil : try Field.peer(message.recoveredBy, "recovered_by"))
        // Only the first header has no past, and it has none of it.
        let isFirst = revision == .first
        guard (network == nil) == isFirst, (previous == nil) == isFirst, !isFirst || generation == 0 else {
            throw .outOfRange(field: "revision", value: "\(revision)")
        }
    }
}

extension Vouch {
    var message: PBVouchMessage {
        var message = PBVouchMessage()
        message.voter = Data(voter.bytes)
        message.signature = Data(signature)
        return message
    }

    init(message: PBVouchMessage) throws(WireError) {
        guard message.signature.count == 64 else {
            throw .outOfRange(field: "signature", value: "\(message.signature.count) bytes")
        }
        self.init(voter: try Field.peer(message.voter, "voter"), signature: Array(message.signature))
    }
}

extension CertifiedHeader: ProtobufCodable {
    static var what: String { "certified header" }

    var message: PBCertifiedHeaderMessage {
        var message = PBCertifiedHeaderMessage()
        message.header = Data(bytes)
        message.vouches = vouches.map(\.message)
        return message
    }

    init(message: PBCertifiedHeaderMessage) throws(WireError) {
        guard message.header.count <= Limits.headerBytes else {
            throw .tooLarge(what: "a revision header", bytes: message.header.count, limit: Limits.headerBytes)
        }
        try Field.count(message.vouches.count, "vouches", limit: Limits.voters)
        var vouches: [Vouch] = []
        for vouch in message.vouches {
            let vouch = try Vouch(message: vouch)
            if let last = vouches.last, last.voter >= vouch.voter, !mutated(.certificateCountsDuplicates) {
                throw .outOfRange(field: "vouches", value: "voters out of order")
            }
            vouches.append(vouch)
        }
        self.init(bytes: Array(message.header), vouches: vouches)
    }
}

extension CertifiedConfig: ProtobufCodable {
    static var what: String { "certified config" }

    public func encoded() -> [UInt8] { Coding.bytes(self) }
    public init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }

    var message: PBCertifiedConfigMessage {
        var message = PBCertifiedConfigMessage()
        message.chain = chain.map(\.message)
        message.config = Data(config)
        return message
    }

    init(message: PBCertifiedConfigMessage) throws(WireError) {
        guard (1...Limits.chain).contains(message.chain.count) else {
            throw .outOfRange(field: "chain", value: "\(message.chain.count) entries")
        }
        var chain: [CertifiedHeader] = []
        for header in message.chain { chain.append(try CertifiedHeader(message: header)) }
        self.init(chain: chain, config: Array(message.config))
    }
}
