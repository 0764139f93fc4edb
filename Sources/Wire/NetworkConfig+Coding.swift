import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension NetworkConfig: ProtobufCodable {
    static var what: String { "network config" }

    var message: PBNetworkConfigMessage {
        var message = PBNetworkConfigMessage()
        message.network = Data(network?.bytes ?? [])
        message.generation = generation
        message.revision = revision.value
        message.name = name
        message.founder = Data(founder.bytes)
        message.voters = voters.map { Data($0.bytes) }
        message.members = members.map(\.message)
        message.model = model.message
        message.policy = policy.message
        message.invitations = invitations.map(\.message)
        message.assignment = assignment.map(\.message)
        message.removed = removed.map { Data($0.bytes) }
        message.salt = Data(salt)
        message.modelChanged = modelChanged.value
        message.policyChanged = policyChanged.value
        message.assignmentChanged = assignmentChanged.value
        return message
    }

    init(message: PBNetworkConfigMessage) throws(WireError) {
        try Field.count(message.members.count, "members", limit: Limits.members)
        try Field.count(message.invitations.count, "invitations", limit: Limits.invitations)
        try Field.count(message.assignment.count, "assignment", limit: Limits.ranges)
        try Field.count(message.removed.count, "removed", limit: Limits.removed)
        try Field.count(message.salt.count, "salt", limit: 32)
        var members: [Member] = []
        for member in message.members { members.append(try Member(message: member)) }
        let model = try ModelManifest(message: message.model)
        var invitations: [Invitation] = []
        for invitation in message.invitations { invitations.append(try Invitation(message: invitation)) }
        var assignment: [Assignment] = []
        for share in message.assignment {
            let share = try Assignment(message: share)
            guard share.blocks.last < model.blocks.count else {
                throw .outOfRange(field: "assignment", value: "\(share.blocks)")
            }
            assignment.append(share)
        }
        var removed: [PeerID] = []
        for peer in message.removed { removed.append(try Field.peer(peer, "removed")) }
        guard message.revision > 0 else { throw .outOfRange(field: "revision", value: "0") }
        self.init(
            network: message.network.isEmpty ? nil : try Field.network(message.network),
            generation: try Field.counter(message.generation, "generation"),
            revision: try Field.revision(message.revision), name: try Field.text(message.name, "name"),
            founder: try Field.peer(message.founder, "founder"),
            voters: try Field.ascending(message.voters, "voters", limit: Limits.voters), members: members, model: model,
            policy: try NetworkPolicy(message: message.policy), invitations: invitations, assignment: assignment,
            removed: removed, salt: Array(message.salt), modelChanged: try Field.revision(message.modelChanged),
            policyChanged: try Field.revision(message.policyChanged),
            assignmentChanged: try Field.revision(message.assignmentChanged))
    }
}

extension NetworkConfig.Member {
    fileprivate var message: PBMemberMessage {
        var message = PBMemberMessage()
        message.peer = Data(peer.bytes)
        message.name = name
        message.role = UInt32(role.rawValue)
        message.grantedMemory = grantedMemory
        message.offeredMemory = offeredMemory
        message.addresses = addresses.map(\.description)
        message.joined = joined.value
        message.changed = changed.value
        return message
    }

    fileprivate init(message: PBMemberMessage) throws(WireError) {
        self.init(
            peer: try Field.peer(message.peer, "member"), name: try Field.text(message.name, "name"),
            role: try Field.role(message.role), grantedMemory: try Field.memory(message.grantedMemory),
            offeredMemory: try Field.memory(message.offeredMemory), addresses: try Field.endpoints(message.addresses),
            joined: try Field.revision(message.joined),
            changed: try Field.revision(message.changed))
    }
}

extension NetworkConfig.Assignment {
    var message: PBAssignmentMessage {
        var message = PBAssignmentMessage()
        message.peer = Data(peer.bytes)
        message.blocks = blocks.message
        message.copy = copy
        return message
    }

    init(message: PBAssignmentMessage) throws(WireError) {
        self.init(
            peer: try Field.peer(message.peer, "assignment"), blocks: try Field.range(message.blocks, "assignment"),
            copy: message.copy)
    }
}

extension NetworkPolicy {
    var message: PBPolicyMessage {
        var message = PBPolicyMessage()
        message.maxVoters = UInt32(clamping: maxVoters)
        message.voterGrace = UInt32(clamping: voterGrace)
        message.cacheFormat = UInt32(cacheFormat.rawValue)
        return message
    }

    init(message: PBPolicyMessage) throws(WireError) {
        self.init(
            maxVoters: try Field.number(message.maxVoters, "max_voters", in: NetworkPolicy.votersAllowed),
            voterGrace: try Field.number(message.voterGrace, "voter_grace", in: NetworkPolicy.graceAllowed),
            cacheFormat: try Field.cacheFormat(message.cacheFormat))
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
