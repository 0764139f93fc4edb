import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a member may do. Numbered as on the wire.
public enum Role: Int, Sendable, CaseIterable, CustomStringConvertible {
    /// Changes the config and admits peers; holds blocks too.
    case admin = 1
    /// Holds blocks.
    case worker = 2
    /// Keeps copies and takes over.
    case backup = 3
    /// Only asks.
    case member = 4

    public init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.description == name }) else { return nil }
        self = role
    }

    public var description: String {
        switch self {
        case .admin: "admin"
        case .worker: "worker"
        case .backup: "backup"
        case .member: "member"
        }
    }

    public var holdsBlocks: Bool { self != .member }
}

/// What the members of a network agree on. docs/protocol.md says how it is signed and passed on.
public struct NetworkConfig: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public let peer: PeerID
        public var name: String
        public var role: Role
        /// Bytes of memory that its owner lends.
        public var grantedMemory: UInt64
        public var addresses: [Endpoint]
        public init(peer: PeerID, name: String, role: Role, grantedMemory: UInt64, addresses: [Endpoint]) {
            self.peer = peer
            self.name = name
            self.role = role
            self.grantedMemory = grantedMemory
            self.addresses = addresses
        }
    }

    public struct Invitation: Hashable, Sendable {
        /// The public half of a key grown from the invitation's secret. Whoever can sign with it may enter once.
        public let key: PeerID
        public let role: Role
        /// Seconds since 1970.
        public let expires: UInt64
        public init(key: PeerID, role: Role, expires: UInt64) {
            self.key = key
            self.role = role
            self.expires = expires
        }
    }

    public struct Assignment: Hashable, Sendable {
        public let peer: PeerID
        public let blocks: BlockRange
        /// A second copy, which serves when the first cannot.
        public let copy: Bool
        public init(peer: PeerID, blocks: BlockRange, copy: Bool) {
            self.peer = peer
            self.blocks = blocks
            self.copy = copy
        }
    }

    /// Nil in the first revision, whose digest is the network's id.
    public var network: NetworkID?
    public var revision: Revision
    /// The digest of the revision before; nil in the first.
    public var previous: Digest?
    public var name: String
    /// The peer that signs revisions.
    public var founder: PeerID
    /// In the order of their admission.
    public var members: [Member]
    public var model: ModelManifest
    public var invitations: [Invitation]
    /// First copies in the order of the chain, then second copies.
    public var assignment: [Assignment]
    /// Peers that were removed, for ever.
    public var removed: [PeerID]
    /// Makes two networks that were founded alike differ.
    public var salt: [UInt8]

    public init(
        network: NetworkID?, revision: Revision, previous: Digest?, name: String, founder: PeerID, members: [Member],
        model: ModelManifest, invitations: [Invitation], assignment: [Assignment], removed: [PeerID], salt: [UInt8]
    ) {
        self.network = network
        self.revision = revision
        self.previous = previous
        self.name = name
        self.founder = founder
        self.members = members
        self.model = model
        self.invitations = invitations
        self.assignment = assignment
        self.removed = removed
        self.salt = salt
    }

    public func member(_ peer: PeerID) -> Member? { members.first { $0.peer == peer } }
    public func isMember(_ peer: PeerID) -> Bool { member(peer) != nil }

    /// Blocks that the peer is to hold, first copies before second ones.
    public func blocks(of peer: PeerID) -> (first: [BlockRange], copies: [BlockRange]) {
        let mine = assignment.filter { $0.peer == peer }
        return (mine.filter { !$0.copy }.map(\.blocks), mine.filter(\.copy).map(\.blocks))
    }

    public func signed(by signer: any Signer) -> Signed { Signed(encoded(), domain: .revision, by: signer) }

    /// Reads a revision's payload. The signature is the caller's matter, since who must have signed depends on the chain.
    public init(payload: [UInt8]) throws(WireError) { try self.init(encoded: payload) }
}

extension NetworkConfig: ProtobufCodable {
    static var what: String { "network config" }

    var message: PBNetworkConfigMessage {
        var message = PBNetworkConfigMessage()
        message.network = Data(network?.bytes ?? [])
        message.revision = revision.value
        message.previous = Data(previous?.bytes ?? [])
        message.name = name
        message.founder = Data(founder.bytes)
        message.members = members.map { member in
            var inner = PBMemberMessage()
            inner.peer = Data(member.peer.bytes)
            inner.name = member.name
            inner.role = UInt32(member.role.rawValue)
            inner.grantedMemory = member.grantedMemory
            inner.addresses = member.addresses.map(\.description)
            return inner
        }
        message.model = model.message
        message.invitations = invitations.map(\.message)
        message.assignment = assignment.map { assignment in
            var inner = PBAssignmentMessage()
            inner.peer = Data(assignment.peer.bytes)
            inner.blocks = assignment.blocks.message
            inner.copy = assignment.copy
            return inner
        }
        message.removed = removed.map { Data($0.bytes) }
        message.salt = Data(salt)
        return message
    }

    init(message: PBNetworkConfigMessage) throws(WireError) {
        try Field.count(message.members.count, "members", limit: Limits.members)
        try Field.count(message.invitations.count, "invitations", limit: Limits.invitations)
        try Field.count(message.assignment.count, "assignment", limit: Limits.ranges)
        try Field.count(message.removed.count, "removed", limit: Limits.removed)
        try Field.count(message.salt.count, "salt", limit: 32)
        var members: [Member] = []
        for member in message.members {
            members.append(
                Member(
                    peer: try Field.peer(member.peer, "member"), name: try Field.text(member.name, "name"),
                    role: try Field.role(member.role), grantedMemory: try Field.memory(member.grantedMemory),
                    addresses: try Field.endpoints(member.addresses)))
        }
        let model = try ModelManifest(message: message.model)
        var invitations: [Invitation] = []
        for invitation in message.invitations { invitations.append(try Invitation(message: invitation)) }
        var assignment: [Assignment] = []
        for entry in message.assignment {
            let blocks = try Field.range(entry.blocks, "assignment")
            guard blocks.last < model.blocks.count else { throw .outOfRange(field: "assignment", value: "\(blocks)") }
            assignment.append(
                Assignment(peer: try Field.peer(entry.peer, "assignment"), blocks: blocks, copy: entry.copy))
        }
        var removed: [PeerID] = []
        for peer in message.removed { removed.append(try Field.peer(peer, "removed")) }
        guard message.revision > 0 else { throw .outOfRange(field: "revision", value: "0") }
        self.init(
            network: message.network.isEmpty ? nil : try Field.network(message.network),
            revision: try Field.revision(message.revision),
            previous: message.previous.isEmpty ? nil : try Field.digest(message.previous, "previous"),
            name: try Field.text(message.name, "name"), founder: try Field.peer(message.founder, "founder"),
            members: members,
            model: model, invitations: invitations, assignment: assignment, removed: removed, salt: Array(message.salt))
    }
}

extension NetworkConfig.Invitation {
    var message: PBInvitationMessage {
        var message = PBInvitationMessage()
        message.key = Data(key.bytes)
        message.role = UInt32(role.rawValue)
        message.expires = expires
        return message
    }

    init(message: PBInvitationMessage) throws(WireError) {
        self.init(key: try Field.peer(message.key, "key"), role: try Field.role(message.role), expires: message.expires)
    }
}

extension Field {
    static func role(_ value: UInt32) throws(WireError) -> Role {
        guard let role = Role(rawValue: Int(value)) else { throw .outOfRange(field: "role", value: "\(value)") }
        return role
    }

    /// Sums over all members must stay within 64 bits.
    static func memory(_ value: UInt64) throws(WireError) -> UInt64 {
        guard value <= UInt64(1) << 50 else { throw .outOfRange(field: "memory", value: "\(value)") }
        return value
    }
}
