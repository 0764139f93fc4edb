import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which state of a peer's record this is: a restart raises the epoch, a change the sequence.
public struct RecordVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let epoch: UInt64
    public let sequence: UInt64

    public init(epoch: UInt64, sequence: UInt64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// What is held of a peer of which nothing has been heard.
    public static let none = RecordVersion(epoch: 0, sequence: 0)
    public var description: String { "\(epoch).\(sequence)" }
    public static func < (left: RecordVersion, right: RecordVersion) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }
}

/// What a peer tells of itself in one network. Signed by that peer, so that nobody else can write it.
public struct PeerRecord: Hashable, Sendable {
    public let network: NetworkID
    public let version: RecordVersion
    public let name: String
    public let addresses: [Endpoint]
    /// Bytes of memory that its owner lends to the network.
    public let grantedMemory: UInt64
    /// Blocks whose pieces are on its disk.
    public let held: [BlockRange]
    /// Blocks that it can compute at once.
    public let loaded: [BlockRange]
    /// The config that it goes by: this is how a change is acknowledged. `none` where it has none.
    public let applied: ConfigVersion
    /// How busy it says it is, in percent.
    public let load: Int
    /// The term in which it leads the voters. Nil where it does not.
    public let leads: Term?

    public init(
        network: NetworkID, version: RecordVersion, name: String, addresses: [Endpoint], grantedMemory: UInt64,
        held: [BlockRange], loaded: [BlockRange], applied: ConfigVersion, load: Int = 0, leads: Term? = nil
    ) {
        self.network = network
        self.version = version
        self.name = name
        self.addresses = addresses
        self.grantedMemory = grantedMemory
        self.held = held
        self.loaded = loaded
        self.applied = applied
        self.load = load
        self.leads = leads
    }

    public func signed(by signer: any Signer) -> Signed { Signed(encoded(), domain: .record, by: signer) }

    /// The record inside an envelope whose signature holds.
    public static func verified(_ signed: Signed) throws(WireError) -> PeerRecord {
        guard signed.isValid(domain: .record) else { throw .malformed("record signature") }
        return try PeerRecord(encoded: signed.payload)
    }
}

extension PeerRecord: ProtobufCodable {
    static var what: String { "record" }

    var message: PBRecordMessage {
        var message = PBRecordMessage()
        message.network = Data(network.bytes)
        message.epoch = version.epoch
        message.sequence = version.sequence
        message.name = name
        message.addresses = addresses.map(\.description)
        message.grantedMemory = grantedMemory
        message.held = held.map(\.message)
        message.loaded = loaded.map(\.message)
        message.applied = applied.message
        message.load = UInt32(load)
        if let leads { message.leads = leads.value }
        return message
    }

    init(message: PBRecordMessage) throws(WireError) {
        self.init(
            network: try Field.network(message.network),
            version: try Field.version(epoch: message.epoch, sequence: message.sequence),
            name: try Field.text(message.name, "name"), addresses: try Field.endpoints(message.addresses),
            grantedMemory: message.grantedMemory, held: try Field.ranges(message.held, "held"),
            loaded: try Field.ranges(message.loaded, "loaded"),
            applied: try Field.version(message.applied),
            load: try Field.number(message.load, "load", in: 0...100),
            leads: message.hasLeads ? try Field.term(message.leads) : nil)
    }
}
