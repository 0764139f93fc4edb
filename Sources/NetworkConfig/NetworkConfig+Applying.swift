import Identity
import Wire

// Who may change what. A pure function, so that every voter judges alike.

extension NetworkConfig {
    /// The config after a command, its revision not yet raised. `proposer` is whoever signed the command, with the
    /// config of revision `base` before its eyes; `wallClock` is in seconds since 1970 and matters only for the expiry
    /// of invitations.
    public func applying(
        _ change: ConfigCommand.Change, from proposer: PeerID, base: Revision, network: NetworkID, wallClock: UInt64
    ) throws(ConfigRefusal) -> NetworkConfig {
        var next = self
        next.invitations.removeAll { $0.expires <= wallClock }
        switch change {
        case .invite(let invitation):
            try requireAdmin(proposer)
            next.invitations.removeAll { $0.key == invitation.key }
            guard next.invitations.count < Limits.invitations else {
                throw .tooMany(what: "open invitations", limit: Limits.invitations)
            }
            guard invitation.expires > wallClock else { throw .expiredInvitation }
            next.invitations.append(invitation)
        case .revoke(let key):
            try requireAdmin(proposer)
            guard invitations.contains(where: { $0.key == key }) else { throw .unknownInvitation }
            next.invitations.removeAll { $0.key == key }
        case .admit(let admission):
            try next.admit(admission, from: proposer, network: network, before: self)
        case .remove(let peer):
            try next.remove(peer, by: proposer)
        case .setRole(let peer, let role):
            try requireAdmin(proposer)
            try next.setRole(of: peer, to: role, base: base)
        case .grant(let peer, let memory, let name, let addresses):
            if proposer == peer {
                try next.tellGrant(of: peer, memory: memory, name: name, addresses: addresses)
            } else {
                try requireAdmin(proposer)
                try next.setGrant(of: peer, to: memory, base: base)
            }
        case .setModel(let model):
            try requireAdmin(proposer)
            try requireUnchanged(modelChanged, since: base, "the model was changed to \(self.model.name)")
            next.model = model
            next.modelChanged = revision.next
            next.assignment = []
        case .assign(nil):
            try requireAdmin(proposer)
        case .assign(let assignment?):
            try requireAdmin(proposer)
            try requireUnchanged(assignmentChanged, since: base, "the assignment of blocks was changed")
            guard isSound(assignment) else { throw .unsoundAssignment }
            next.assignment = assignment
        case .setPolicy(let policy):
            try requireAdmin(proposer)
            try requireUnchanged(
                policyChanged, since: base,
                "the policy was changed to at most \(self.policy.maxVoters) voters, \(self.policy.voterGrace) s of grace "
                    + "and a cache in \(self.policy.cacheFormat)"
            )
            next.policy = policy
            next.policyChanged = revision.next
        }
        return next
    }

    /// Takes the leader's plan, where it is sound and the command did not name one; else what is still sound of the one
    /// before.
    mutating func take(plan: [Assignment]?, for change: ConfigCommand.Change, before: NetworkConfig) {
        var isNamed = false
        if case .assign(.some) = change { isNamed = true }
        if let plan, !isNamed, isSound(plan) {
            assignment = plan
        } else {
            assignment = assignment.filter { isSound([$0]) }
        }
        if assignment != before.assignment { assignmentChanged = before.revision.next }
    }

    /// Whether all blocks are the model's, and all peers are members that hold blocks.
    func isSound(_ assignment: [Assignment]) -> Bool {
        assignment.count <= Limits.ranges
            && assignment.allSatisfy { share in
                share.blocks.last < model.blocks.count && member(share.peer)?.role.holdsBlocks == true
            }
    }

    // MARK: Rules

    private func requireAdmin(_ peer: PeerID) throws(ConfigRefusal) {
        if mutated(.commandAuthorityUnchecked) { return }
        guard let member = member(peer) else { throw .notMember(peer) }
        guard member.role == .admin else { throw .notAdmin(peer) }
    }

    private func requireUnchanged(_ changed: Revision, since base: Revision, _ what: String) throws(ConfigRefusal) {
        if changed > base, !mutated(.conflictIgnored) {
            throw .changedMeanwhile("\(what) in revision \(changed) meanwhile")
        }
    }

    private func requireUnchanged(_ member: Member, since base: Revision) throws(ConfigRefusal) {
        let what = "\(member.name) was made \(member.role) with \(member.grantedMemory >> 20) MiB of memory"
        try requireUnchanged(member.changed, since: base, what)
    }

    /// While others are members, one of them is an admin.
    private func requireAnotherAdmin(than peer: PeerID) throws(ConfigRefusal) {
        guard members.count > 1, member(peer)?.role == .admin else { return }
        guard members.contains(where: { $0.role == .admin && $0.peer != peer }) else { throw .lastAdmin }
    }

    private func requireRoomForAdmin() throws(ConfigRefusal) {
        guard members.count(where: { $0.role == .admin }) < Limits.admins else {
            throw .tooMany(what: "admins", limit: Limits.admins)
        }
    }

    private func place(of peer: PeerID) throws(ConfigRefusal) -> Int {
        guard let place = members.firstIndex(where: { $0.peer == peer }) else { throw .notMember(peer) }
        return place
    }

    // MARK: Members

    /// `before` still holds the invitations that have expired, to tell apart why one is refused.
    private mutating func admit(
        _ admission: ConfigCommand.Admission, from proposer: PeerID, network: NetworkID, before: NetworkConfig
    ) throws(ConfigRefusal) {
        // The newcomer itself signs the command: a member that passes it on cannot change its name or its grant.
        guard proposer == admission.peer else { throw .notSelf(admission.peer) }
        guard !removed.contains(admission.peer) else { throw .removedForEver(admission.peer) }
        guard admission.isProven(for: network) else { throw .falseProof }
        // An invitation is for a newcomer; whoever is in keeps its role and leaves the invitation to others.
        if isMember(admission.peer) { return }
        guard let invitation = invitations.first(where: { $0.key == admission.invitation }) else {
            let expired = before.invitations.contains { $0.key == admission.invitation }
            throw expired ? .expiredInvitation : .unknownInvitation
        }
        guard members.count < Limits.members else { throw .tooMany(what: "members", limit: Limits.members) }
        if invitation.role == .admin { try requireRoomForAdmin() }
        if !mutated(.invitationNotConsumed) { invitations.removeAll { $0.key == admission.invitation } }
        members.append(
            Member(
                peer: admission.peer, name: admission.name, role: invitation.role,
                grantedMemory: admission.grantedMemory, addresses: admission.addresses, joined: revision.next,
                changed: revision.next))
    }

    private mutating func remove(_ peer: PeerID, by proposer: PeerID) throws(ConfigRefusal) {
        let place = try place(of: peer)
        if proposer != peer { try requireAdmin(proposer) }
        try requireAnotherAdmin(than: peer)
        // Whoever leaves by itself may be invited again; whoever is removed may not.
        if proposer != peer {
            guard removed.count < Limits.removed else { throw .tooMany(what: "removed peers", limit: Limits.removed) }
            removed.append(peer)
        }
        guard members.count == 1 || !voters.contains(peer) else { throw .votesStill(peer) }
        members.remove(at: place)
        voters.removeAll { $0 == peer }
        assignment.removeAll { $0.peer == peer }
    }

    private mutating func setRole(of peer: PeerID, to role: Role, base: Revision) throws(ConfigRefusal) {
        let place = try place(of: peer)
        try requireUnchanged(members[place], since: base)
        if role == .admin {
            if members[place].role != .admin { try requireRoomForAdmin() }
        } else {
            try requireAnotherAdmin(than: peer)
            // The last admin stays one though nobody else is there: someone has to let others in.
            if members[place].role == .admin, members.count == 1 { throw .lastAdmin }
        }
        members[place].role = role
        members[place].changed = revision.next
    }

    /// What a member tells of itself counts whatever others changed: it is the owner who lends. What an admin granted of it stays as
    /// long as the owner lends the same.
    private mutating func tellGrant(
        of peer: PeerID, memory: UInt64, name: String, addresses: [Endpoint]
    ) throws(ConfigRefusal) {
        let place = try place(of: peer)
        if members[place].offeredMemory != memory {
            if members[place].grantedMemory != memory { members[place].changed = revision.next }
            members[place].offeredMemory = memory
            members[place].grantedMemory = memory
        }
        members[place].name = name
        members[place].addresses = addresses
    }

    private mutating func setGrant(of peer: PeerID, to memory: UInt64, base: Revision) throws(ConfigRefusal) {
        let place = try place(of: peer)
        try requireUnchanged(members[place], since: base)
        members[place].grantedMemory = memory
        members[place].changed = revision.next
    }
}
