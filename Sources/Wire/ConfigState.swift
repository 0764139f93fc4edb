import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// All that a voter must know to go on judging commands as the other voters do: the content of a snapshot.
public struct ConfigState: Hashable, Sendable {
    public struct Outcome: Hashable, Sendable {
        public let proposal: ConfigCommand.Proposal
        /// The command's.
        public let number: RecordVersion
        public let accepted: Bool
        /// The revision that the change became, or the one at which it was refused.
        public let revision: Revision
        public let reason: String
        public init(
            proposal: ConfigCommand.Proposal, number: RecordVersion, accepted: Bool, revision: Revision, reason: String
        ) {
            self.proposal = proposal
            self.number = number
            self.accepted = accepted
            self.revision = revision
            self.reason = reason
        }
    }

    /// What is remembered of a member's commands.
    public struct Memory: Hashable, Sendable {
        public let peer: PeerID
        /// The greatest number of those that are forgotten.
        public var forgotten: RecordVersion
        /// Oldest first.
        public var outcomes: [Outcome]
        public init(peer: PeerID, forgotten: RecordVersion = .none, outcomes: [Outcome] = []) {
            self.peer = peer
            self.forgotten = forgotten
            self.outcomes = outcomes
        }
    }

    public let network: NetworkID
    /// As the voters sign it.
    public let header: [UInt8]
    public let config: [UInt8]
    /// The revision from which this log went on: that of the founding, or of the recovery.
    public let began: Revision
    /// Ascending by peer.
    public let memories: [Memory]

    public init(network: NetworkID, header: [UInt8], config: [UInt8], began: Revision, memories: [Memory]) {
        self.network = network
        self.header = header
        self.config = config
        self.began = began
        self.memories = memories
    }
}

extension ConfigState: ProtobufCodable {
    static var what: String { "config state" }

    public func encoded() -> [UInt8] { Coding.bytes(self) }
    public init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }

    var message: PBConfigStateMessage {
        var message = PBConfigStateMessage()
        message.network = Data(network.bytes)
        message.header = Data(header)
        message.config = Data(config)
        message.began = began.value
        message.remembered = memories.map { memory in
            var inner = PBRememberedMessage()
            inner.peer = Data(memory.peer.bytes)
            inner.epoch = memory.forgotten.epoch
            inner.sequence = memory.forgotten.sequence
            inner.outcomes = memory.outcomes.map(\.message)
            return inner
        }
        return message
    }

    init(message: PBConfigStateMessage) throws(WireError) {
        try Field.count(message.remembered.count, "remembered", limit: Limits.members)
        var memories: [Memory] = []
        for inner in message.remembered {
            let peer = try Field.peer(inner.peer, "peer")
            if let last = memories.last, last.peer >= peer {
                throw .outOfRange(field: "remembered", value: "peers out of order")
            }
            try Field.count(
                inner.outcomes.count, "outcomes", limit: Limits.rememberedAccepted + Limits.rememberedRefused)
            var outcomes: [Outcome] = []
            for outcome in inner.outcomes { outcomes.append(try Outcome(message: outcome)) }
            memories.append(
                Memory(
                    peer: peer, forgotten: try Field.version(epoch: inner.epoch, sequence: inner.sequence),
                    outcomes: outcomes))
        }
        self.init(
            network: try Field.network(message.network), header: Array(message.header), config: Array(message.config),
            began: try Field.revision(message.began), memories: memories)
    }
}

extension ConfigState.Outcome {
    fileprivate var message: PBOutcomeMessage {
        var message = PBOutcomeMessage()
        message.proposal = Data(proposal.bytes)
        message.epoch = number.epoch
        message.sequence = number.sequence
        message.accepted = accepted
        message.revision = revision.value
        message.reason = reason
        return message
    }

    fileprivate init(message: PBOutcomeMessage) throws(WireError) {
        self.init(
            proposal: try Field.session(message.proposal),
            number: try Field.version(epoch: message.epoch, sequence: message.sequence), accepted: message.accepted,
            revision: try Field.revision(message.revision),
            reason: try Field.text(message.reason, "reason", limit: Limits.reasonBytes))
    }
}
