import Identity
import Wire

/// What became of a command.
public struct ConfigOutcome: Hashable, Sendable {
    public let proposal: ConfigCommand.Proposal
    public let proposer: PeerID
    public let accepted: Bool
    /// The revision that the change became, or the one at which it was judged.
    public let revision: Revision
    /// One sentence; empty where it was accepted.
    public let reason: String
    /// Nil where it was accepted, or is remembered from an earlier time.
    public let refusal: ConfigRefusal?
}

/// What every voter runs over the committed log: it judges each command, makes the next revision of those that it
/// accepts, and remembers enough to do nothing twice. The same log leads to the same headers, byte for byte, on every
/// voter, through snapshots too; so a majority that signs a header has judged alike.
///
/// A command is done once: its outcome is remembered under its proposer and its proposal id, the latest few of each
/// member; and one whose number is not greater than that of a forgotten one is refused, since it may be that one. A
/// member counts its commands, so that whatever it signs next is greater than all of them. What was signed before its
/// proposer last became a member is refused too, and so is what was signed before the network was recovered.
public struct ConfigMachine: Sendable {
    public let network: NetworkID
    public private(set) var config: NetworkConfig
    public private(set) var configBytes: [UInt8]
    public private(set) var header: RevisionHeader
    public private(set) var headerBytes: [UInt8]
    public private(set) var headerDigest: Digest
    private let began: Revision
    private var memories = SortedMap<PeerID, ConfigState.Memory>()

    public var version: ConfigVersion { header.version }

    /// At the beginning of a generation's log: where the network was founded or recovered. Where the ledger is further
    /// on, it serves to show the config only, until a snapshot takes its place.
    public init(ledger: ConfigLedger) {
        let certified = ledger.certified
        network = ledger.network
        config = ledger.config
        configBytes = certified.config
        header = ledger.header
        headerBytes = certified.chain[certified.chain.count - 1].bytes
        headerDigest = ledger.headerDigest
        began = ledger.began
    }

    /// From what another machine's `snapshot` gave. That header and config belong together is verified; that they are
    /// genuine is not: a certificate shows it.
    public init(snapshot: [UInt8], network: NetworkID) throws(ConfigRefusal) {
        let state: ConfigState
        do {
            state = try ConfigState(encoded: snapshot)
            header = try RevisionHeader(encoded: state.header)
        } catch {
            throw .malformed(error.description)
        }
        guard state.network == network, header.network ?? network == network else { throw .wrongNetwork }
        let digest = Digest.of(state.header)
        guard header.revision > .first || digest == network.digest else { throw .wrongNetwork }
        guard (Revision.first...header.revision).contains(state.began) else {
            throw .malformed("it begins at revision \(state.began)")
        }
        config = try Certificate.config(state.config, of: header)
        self.network = network
        configBytes = state.config
        headerBytes = state.header
        headerDigest = digest
        began = state.began
        for memory in state.memories { memories[memory.peer] = memory }
    }

    public var snapshot: [UInt8] {
        ConfigState(
            network: network, header: headerBytes, config: configBytes, began: began, memories: memories.values
        ).encoded()
    }

    /// What became of a command that is still remembered.
    public func known(_ proposal: ConfigCommand.Proposal, by proposer: PeerID) -> ConfigOutcome? {
        guard let found = memories[proposer]?.outcomes.first(where: { $0.proposal == proposal }) else { return nil }
        return ConfigOutcome(
            proposal: proposal, proposer: proposer, accepted: found.accepted, revision: found.revision,
            reason: found.reason, refusal: nil)
    }

    // MARK: Applying

    public mutating func apply(_ entry: ConfigEntry) -> ConfigOutcome {
        let proposer = entry.command.signer
        let command: ConfigCommand
        do {
            command = try ConfigCommand.verified(entry.command)
        } catch {
            // Nobody is known to have made it, so that it is nobody's proposal.
            return refused(.malformed(error.description), SessionID(high: 0, low: 0), proposer)
        }
        let proposal = command.proposal
        guard command.network == network else { return refused(.wrongNetwork, proposal, proposer) }
        if let known = known(proposal, by: proposer), !mutated(.proposalAppliedTwice) { return known }
        if isSoAlready(command.change, for: proposer) { return accepted(proposal, proposer) }
        do {
            try requireFresh(command, from: proposer)
        } catch {
            // Refused whenever it comes, so that there is nothing to remember.
            return refused(error, proposal, proposer)
        }
        let outcome: ConfigOutcome
        do throws(ConfigRefusal) {
            var next = try config.applying(
                command.change, from: proposer, base: command.base.revision, network: network,
                wallClock: entry.wallClock)
            next.take(plan: entry.assignment, for: command.change, before: config)
            become(next)
            outcome = accepted(proposal, proposer)
        } catch {
            outcome = refused(error, proposal, proposer)
        }
        remember(outcome, number: command.number)
        return outcome
    }

    /// Makes the revision that names these voters. False, and nothing changes, where they vote already or are not all
    /// members.
    public mutating func applyVoters(_ voters: [PeerID]) -> Bool {
        let voters = ConfigMachine.ordered(voters)
        guard voters != config.voters, (1...Limits.voters).contains(voters.count),
            voters.allSatisfy(config.isMember)
        else { return false }
        var next = config
        next.voters = voters
        become(next)
        return true
    }

    private mutating func become(_ changed: NetworkConfig) {
        var next = changed
        next.network = network
        next.revision = config.revision.next
        let payload = next.encoded()
        let header = RevisionHeader(
            network: network, generation: next.generation, revision: next.revision, previous: headerDigest,
            config: Digest.of(payload), voters: next.voters, admins: next.admins)
        config = next
        configBytes = payload
        self.header = header
        headerBytes = header.encoded()
        headerDigest = Digest.of(headerBytes)
    }

    // MARK: Doing nothing twice

    /// Someone who is in and asks to be let in, or who is out and asks to leave, has not heard the answer.
    private func isSoAlready(_ change: ConfigCommand.Change, for proposer: PeerID) -> Bool {
        switch change {
        case .admit(let admission):
            admission.peer == proposer && config.isMember(proposer) && admission.isProven(for: network)
        case .remove(proposer): !config.isMember(proposer)
        default: false
        }
    }

    private func requireFresh(_ command: ConfigCommand, from proposer: PeerID) throws(ConfigRefusal) {
        // A newcomer knows no revision. Its invitation sees to it that it enters once.
        if case .admit = command.change { return }
        guard let member = config.member(proposer) else { throw .notMember(proposer) }
        let base = command.base
        guard base <= version else { throw .signedAhead(base: base) }
        guard base.generation == header.generation, base.revision >= began, base.revision >= member.joined,
            command.number > memories[proposer]?.forgotten ?? .none
        else { throw .signedTooLongAgo }
    }

    private mutating func remember(_ outcome: ConfigOutcome, number: RecordVersion) {
        memories.removeAll { peer, _ in !config.isMember(peer) }
        // Whoever is no member is heard of too little to be remembered.
        guard config.isMember(outcome.proposer) else { return }
        var memory = memories[outcome.proposer] ?? ConfigState.Memory(peer: outcome.proposer)
        memory.outcomes.append(
            ConfigState.Outcome(
                proposal: outcome.proposal, number: number, accepted: outcome.accepted, revision: outcome.revision,
                reason: outcome.reason))
        let limit = outcome.accepted ? Limits.rememberedAccepted : Limits.rememberedRefused
        if memory.outcomes.count(where: { $0.accepted == outcome.accepted }) > limit,
            let oldest = memory.outcomes.firstIndex(where: { $0.accepted == outcome.accepted })
        {
            memory.forgotten = max(memory.forgotten, memory.outcomes[oldest].number)
            memory.outcomes.remove(at: oldest)
        }
        memories[outcome.proposer] = memory
    }

    // MARK: Outcomes

    private func accepted(_ proposal: ConfigCommand.Proposal, _ proposer: PeerID) -> ConfigOutcome {
        ConfigOutcome(
            proposal: proposal, proposer: proposer, accepted: true, revision: config.revision, reason: "", refusal: nil)
    }

    private func refused(_ refusal: ConfigRefusal, _ proposal: ConfigCommand.Proposal, _ proposer: PeerID)
        -> ConfigOutcome
    {
        ConfigOutcome(
            proposal: proposal, proposer: proposer, accepted: false, revision: config.revision,
            reason: refusal.description, refusal: refusal)
    }

    static func ordered(_ peers: [PeerID]) -> [PeerID] {
        var result: [PeerID] = []
        for peer in peers.sorted() where result.last != peer { result.append(peer) }
        return result
    }
}
