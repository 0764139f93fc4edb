import Identity
import Wire

// Who may change what. Today the founder alone applies commands and signs what comes of them; the rules
// are a pure function, so that every voter can run the same.

extension NetworkConfig {
    /// The config after a command, its revision not yet raised. `proposer` is whoever signed the command; `wallClock` is in
    /// seconds since 1970 and matters only for the expiry of invitations.
    public func applying(
        _ change: ConfigCommand.Change, from proposer: PeerID, network: NetworkID, wallClock: UInt64
    ) throws(ConfigRefusal) -> NetworkConfig {
        var next = self
        next.invitations.removeAll { $0.expires <= wallClock }
        switch change {
        case .invite(let invitation):
            try requireAdmin(proposer)
            guard next.invitations.count < Limits.invitations else {
                throw .tooMany(what: "open invitations", limit: Limits.invitations)
            }
            guard invitation.expires > wallClock else { throw .expiredInvitation }
            next.invitations.removeAll { $0.key == invitation.key }
            next.invitations.append(invitation)
        case .admit(let admission):
            try next.admit(admission, from: proposer, network: network, before: self)
        case .remove(let peer):
            try next.remove(peer, by: proposer)
        case .grant(let peer, let memory, let name, let addresses):
            guard proposer == peer else { throw .notSelf(peer) }
            guard let index = members.firstIndex(where: { $0.peer == peer }) else { throw .notMember(peer) }
            next.members[index].grantedMemory = memory
            next.members[index].name = name
            next.members[index].addresses = addresses
        case .setModel(let model):
            try requireAdmin(proposer)
            next.model = model
            next.assignment = []
        case .assign:
            try requireAdmin(proposer)
        }
        return next
    }

    private func requireAdmin(_ peer: PeerID) throws(ConfigRefusal) {
        guard let member = member(peer) else { throw .notMember(peer) }
        guard member.role == .admin else { throw .notAdmin(peer) }
    }

    /// `before` still holds the invitations that have expired, to tell apart why one is refused.
    private mutating func admit(
        _ admission: ConfigCommand.Admission, from proposer: PeerID, network: NetworkID, before: NetworkConfig
    ) throws(ConfigRefusal) {
        // The newcomer itself signs the command: a member that passes it on cannot change its name or its grant.
        guard proposer == admission.peer else { throw .notSelf(admission.peer) }
        guard !removed.contains(admission.peer) else { throw .removedForEver(admission.peer) }
        guard let invitation = invitations.first(where: { $0.key == admission.invitation }) else {
            let expired = before.invitations.contains { $0.key == admission.invitation }
            throw expired ? .expiredInvitation : .unknownInvitation
        }
        guard admission.isProven(for: network) else { throw .falseProof }
        guard members.count < Limits.members else { throw .tooMany(what: "members", limit: Limits.members) }
        invitations.removeAll { $0.key == admission.invitation }
        let member = Member(
            peer: admission.peer, name: admission.name,
            // There is always one admin: the founder stays one, whatever it is invited to.
            role: admission.peer == founder ? .admin : invitation.role, grantedMemory: admission.grantedMemory,
            addresses: admission.addresses)
        if let index = members.firstIndex(where: { $0.peer == admission.peer }) {
            members[index] = member
        } else {
            members.append(member)
        }
    }

    private mutating func remove(_ peer: PeerID, by proposer: PeerID) throws(ConfigRefusal) {
        guard isMember(peer) else { throw .notMember(peer) }
        if proposer != peer { try requireAdmin(proposer) }
        guard peer != founder || members.count == 1 else { throw .founderLeavesLast }
        members.removeAll { $0.peer == peer }
        assignment.removeAll { $0.peer == peer }
        // Whoever leaves by itself may be invited again; whoever is removed may not.
        if proposer != peer {
            guard removed.count < Limits.removed else { throw .tooMany(what: "removed peers", limit: Limits.removed) }
            removed.append(peer)
        }
    }
}
