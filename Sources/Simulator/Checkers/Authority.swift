import Identity
import NetworkConfig
import Wire

/// The config changes only as those who may change it have asked for.
struct Authority {
    /// Compares two revisions that follow each other. `commands` are all that were truly signed so far. Says what changed that nobody
    /// who may had asked for.
    func judge(_ before: NetworkConfig, _ after: NetworkConfig, commands: [KnownCommand]) -> String? {
        func isAdmin(_ peer: PeerID) -> Bool { before.member(peer)?.role == .admin }
        func admin(_ wished: (ConfigCommand.Change) -> Bool) -> Bool {
            commands.contains { isAdmin($0.signer) && wished($0.change) }
        }
        if let wrong = entries(before, after, commands) { return wrong }
        for member in before.members where !after.isMember(member.peer) {
            let wished = commands.contains { command in
                if case .remove(member.peer) = command.change {
                    return command.signer == member.peer || isAdmin(command.signer)
                }
                return false
            }
            if !wished { return "\(member.peer.short) was removed, and nobody who may had asked for it" }
        }
        for invitation in after.invitations where !before.invitations.contains(invitation) {
            let wished = admin { if case .invite(invitation) = $0 { true } else { false } }
            if !wished { return "an invitation was made that no admin had asked for" }
        }
        if before.model != after.model, !admin({ if case .setModel(after.model) = $0 { true } else { false } }) {
            return "the model was changed, and no admin had asked for it"
        }
        if before.policy != after.policy, !admin({ if case .setPolicy(after.policy) = $0 { true } else { false } }) {
            return "the policy was changed, and no admin had asked for it"
        }
        for member in after.members {
            guard let old = before.member(member.peer), old != member else { continue }
            if let wrong = changes(of: member, from: old, commands, isAdmin: isAdmin) { return wrong }
        }
        return nil
    }

    /// Who is new was invited, and its invitation serves nobody else.
    private func entries(_ before: NetworkConfig, _ after: NetworkConfig, _ commands: [KnownCommand]) -> String? {
        for member in after.members where !before.isMember(member.peer) {
            if before.removed.contains(member.peer) {
                return "\(member.peer.short) came back, who was removed for ever"
            }
            var used: PeerID?
            for command in commands where command.signer == member.peer {
                guard case .admit(let admission) = command.change,
                    before.invitations.contains(where: { $0.key == admission.invitation })
                else { continue }
                used = admission.invitation
                if !after.invitations.contains(where: { $0.key == used }) { break }
            }
            guard let used else { return "\(member.peer.short) became a member without an invitation" }
            if after.invitations.contains(where: { $0.key == used }) {
                return "the invitation that let \(member.peer.short) in can be used again"
            }
        }
        return nil
    }

    private func changes(
        of member: NetworkConfig.Member, from old: NetworkConfig.Member, _ commands: [KnownCommand],
        isAdmin: (PeerID) -> Bool
    ) -> String? {
        let came = commands.contains { command in
            if case .admit = command.change { return command.signer == member.peer }
            return false
        }
        if old.role != member.role, !came {
            let wished = commands.contains { command in
                if case .setRole(member.peer, member.role) = command.change { return isAdmin(command.signer) }
                return false
            }
            if !wished { return "\(member.peer.short) was made \(member.role), and no admin had asked for it" }
        }
        if old.grantedMemory != member.grantedMemory, !came {
            let wished = commands.contains { command in
                if case .grant(member.peer, member.grantedMemory, _, _) = command.change {
                    return command.signer == member.peer || isAdmin(command.signer)
                }
                return false
            }
            if !wished { return "the grant of \(member.peer.short) was changed by nobody who may" }
        }
        return nil
    }
}

/// Of two who change the same thing at once, one wins and the other is told; and what was done is not done again.
enum Conflicts {
    /// Compares two revisions that follow each other, in a world where nobody wishes for the same policy twice.
    static func judge(_ before: NetworkConfig, _ after: NetworkConfig, commands: [KnownCommand]) -> String? {
        guard after.policyChanged == after.revision, before.policyChanged != after.policyChanged else { return nil }
        if before.policy == after.policy { return "revision \(after.revision) sets the policy that was set already" }
        let bases = commands.filter { $0.change == .setPolicy(after.policy) }.map(\.base)
        guard let newest = bases.max() else { return nil }
        if newest < ConfigVersion(generation: before.generation, revision: before.policyChanged) {
            return
                "revision \(after.revision) sets the policy for somebody who had not seen what it was since revision "
                + "\(before.policyChanged)"
        }
        return nil
    }
}
