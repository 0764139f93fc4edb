import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A wish to change a network's config, signed by whoever proposes it. Who may wish what is checked where it is
/// applied.
public struct ConfigCommand: Hashable, Sendable {
    public enum Change: Hashable, Sendable {
        case invite(NetworkConfig.Invitation)
        case admit(Admission)
        /// Takes an invitation back, named by its key.
        case revoke(PeerID)
        /// A member leaves, or is removed for ever.
        case remove(PeerID)
        case setRole(PeerID, Role)
        /// A member tells its grant, name and addresses; or an admin sets another member's memory, and only that
        /// counts.
        case grant(peer: PeerID, memory: UInt64, name: String, addresses: [Endpoint])
        case setModel(ModelManifest)
        /// Who holds which blocks. Nil: plan anew from what is agreed.
        case assign([NetworkConfig.Assignment]?)
        case setPolicy(NetworkPolicy)
    }

    /// A peer that enters by an invitation. The proof binds the invitation to this one peer.
    public struct Admission: Hashable, Sendable {
        public let peer: PeerID
        public let name: String
        public let grantedMemory: UInt64
        public let addresses: [Endpoint]
        public let invitation: PeerID
        public let proof: [UInt8]

        public init(
            peer: PeerID, name: String, grantedMemory: UInt64, addresses: [Endpoint], invitation: PeerID, proof: [UInt8]
        ) {
            self.peer = peer
            self.name = name
            self.grantedMemory = grantedMemory
            self.addresses = addresses
            self.invitation = invitation
            self.proof = proof
        }

        /// What the invitation's key signs.
        public static func statement(network: NetworkID, peer: PeerID) -> [UInt8] { network.bytes + peer.bytes }

        public func isProven(for network: NetworkID) -> Bool {
            SignatureVerifier.isValid(
                proof, over: Admission.statement(network: network, peer: peer), domain: .admission, by: invitation)
        }
    }

    /// 128 random bits, so that a wish that arrives twice is granted once.
    public typealias Proposal = SessionID

    public let network: NetworkID
    public let proposal: Proposal
    /// Which of its signer's commands it is: greater than those of all that it signed before. So it can be told from those that
    /// nobody remembers any more. `none` in an admission: its invitation sees to it that it is granted once.
    public let number: RecordVersion
    /// The config that the proposer had before its eyes. A change of what was changed after that is refused. A newcomer's is
    /// not looked at.
    public let base: ConfigVersion
    public let change: Change

    public init(
        network: NetworkID, proposal: Proposal, number: RecordVersion, base: ConfigVersion, change: Change
    ) {
        self.network = network
        self.proposal = proposal
        self.number = number
        self.base = base
        self.change = change
    }

    public func signed(by signer: any Signer) -> Signed { Signed(encoded(), domain: .command, by: signer) }

    /// The command inside an envelope whose signature holds.
    public static func verified(_ signed: Signed) throws(WireError) -> ConfigCommand {
        // Else fields that nobody knows could make it larger than a log entry may be.
        guard signed.payload.count <= Limits.commandBytes else {
            throw .tooLarge(what: "a command", bytes: signed.payload.count, limit: Limits.commandBytes)
        }
        guard signed.isValid(domain: .command) || mutated(.commandSignatureUnchecked) else {
            throw .malformed("command signature")
        }
        return try ConfigCommand(encoded: signed.payload)
    }
}

extension ConfigCommand: ProtobufCodable {
    static var what: String { "config command" }

    var message: PBCommandMessage {
        var message = PBCommandMessage()
        message.network = Data(network.bytes)
        message.proposal = Data(proposal.bytes)
        message.base = base.message
        message.epoch = number.epoch
        message.sequence = number.sequence
        switch change {
        case .invite(let invitation):
            message.invite = invitation.message
        case .admit(let admission):
            var inner = PBAdmissionMessage()
            inner.peer = Data(admission.peer.bytes)
            inner.name = admission.name
            inner.grantedMemory = admission.grantedMemory
            inner.addresses = admission.addresses.map(\.description)
            inner.invitation = Data(admission.invitation.bytes)
            inner.proof = Data(admission.proof)
            message.admit = inner
        case .remove(let peer):
            message.remove = Data(peer.bytes)
        case .grant(let peer, let memory, let name, let addresses):
            var inner = PBGrantMessage()
            inner.peer = Data(peer.bytes)
            inner.memory = memory
            inner.name = name
            inner.addresses = addresses.map(\.description)
            message.grant = inner
        case .setModel(let model):
            message.model = model.message
        case .assign(nil):
            message.plan = true
        case .assign(let assignment?):
            message.assign = PBPlanMessage(assignment)
        case .setRole(let peer, let role):
            var inner = PBRoleMessage()
            inner.peer = Data(peer.bytes)
            inner.role = UInt32(role.rawValue)
            message.role = inner
        case .setPolicy(let policy):
            message.policy = policy.message
        case .revoke(let key):
            message.revoke = Data(key.bytes)
        }
        return message
    }

    init(message: PBCommandMessage) throws(WireError) {
        let change: Change
        switch message.change {
        case .invite(let invitation):
            change = .invite(try NetworkConfig.Invitation(message: invitation))
        case .admit(let admission):
            change = .admit(
                Admission(
                    peer: try Field.peer(admission.peer, "peer"), name: try Field.text(admission.name, "name"),
                    grantedMemory: try Field.memory(admission.grantedMemory),
                    addresses: try Field.endpoints(admission.addresses),
                    invitation: try Field.peer(admission.invitation, "invitation"), proof: Array(admission.proof)))
        case .remove(let peer):
            change = .remove(try Field.peer(peer, "remove"))
        case .grant(let grant):
            change = .grant(
                peer: try Field.peer(grant.peer, "peer"), memory: try Field.memory(grant.memory),
                name: try Field.text(grant.name, "name"), addresses: try Field.endpoints(grant.addresses))
        case .model(let model):
            change = .setModel(try ModelManifest(message: model))
        case .plan(true):
            change = .assign(nil)
        case .assign(let plan):
            change = .assign(try plan.assignments())
        case .role(let inner):
            change = .setRole(try Field.peer(inner.peer, "peer"), try Field.role(inner.role))
        case .policy(let policy):
            change = .setPolicy(try NetworkPolicy(message: policy))
        case .revoke(let key):
            change = .revoke(try Field.peer(key, "revoke"))
        case .plan(false), nil:
            throw .malformed("config command: it names no change that this version knows")
        }
        self.init(
            network: try Field.network(message.network), proposal: try Field.session(message.proposal),
            number: try Field.version(epoch: message.epoch, sequence: message.sequence),
            base: try Field.version(message.base), change: change)
    }
}
