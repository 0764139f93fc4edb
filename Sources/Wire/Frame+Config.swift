import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The coding of the frames that carry agreed state.

extension Frame {
    func encodedConfigFrame() -> EncodedFrame {
        switch self {
        case .configOffer(let network, let version):
            var header = PBConfigOfferFrame()
            header.network = Data(network.bytes)
            header.version = version.message
            return Frame.assemble(.configOffer, header)
        case .configRequest(let network, let known):
            var header = PBConfigRequestFrame()
            header.network = Data(network.bytes)
            header.known = known.message
            return Frame.assemble(.configRequest, header)
        case .config(let network, let certified):
            var header = PBConfigFrame()
            header.network = Data(network.bytes)
            header.config = certified.message
            return Frame.assemble(.config, header)
        case .proposal(let network, let command, let attempt):
            var header = PBProposalFrame()
            header.network = Data(network.bytes)
            header.command = command.message
            header.attempt = UInt32(clamping: min(attempt, Limits.attempts))
            return Frame.assemble(.proposal, header)
        case .proposalResult(let result):
            var header = PBProposalResultFrame()
            header.network = Data(result.network.bytes)
            header.proposal = Data(result.proposal.bytes)
            header.accepted = result.accepted
            header.revision = result.revision.value
            header.reason = result.reason
            header.final = result.isFinal
            return Frame.assemble(.proposalResult, header)
        case .vouch(let network, let version, let digest, let vouch):
            var header = PBVouchFrame()
            header.network = Data(network.bytes)
            header.version = version.message
            header.header = Data(digest.bytes)
            header.vouch = vouch.message
            return Frame.assemble(.vouch, header)
        case .raft(let network, let generation, let message):
            return Frame.assemble(.raft, message.frame(network: network, generation: generation))
        case .standingRequest(let network, let generation, let question):
            var header = PBStandingRequestFrame()
            header.network = Data(network.bytes)
            header.generation = generation
            header.question = question
            return Frame.assemble(.standingRequest, header)
        case .standing(let network, let question, let version, let standing):
            var header = PBStandingFrame()
            header.network = Data(network.bytes)
            header.question = question
            header.version = version.message
            header.term = standing.term.value
            header.lastIndex = standing.lastIndex.value
            header.lastTerm = standing.lastTerm.value
            header.voters = standing.voters.message
            return Frame.assemble(.standing, header)
        default:
            preconditionFailure("\(self) does not carry agreed state")
        }
    }

    static func configFrame(_ kind: FrameKind, _ frame: EncodedFrame) throws(WireError) -> Frame {
        switch kind {
        case .configOffer:
            let header = try header(PBConfigOfferFrame.self, frame)
            return .configOffer(
                network: try Field.network(header.network), version: try Field.version(header.version))
        case .configRequest:
            let header = try header(PBConfigRequestFrame.self, frame)
            return .configRequest(network: try Field.network(header.network), known: try Field.version(header.known))
        case .config:
            let header = try header(PBConfigFrame.self, frame)
            return .config(
                network: try Field.network(header.network), try CertifiedConfig(message: header.config))
        case .proposal:
            let header = try header(PBProposalFrame.self, frame)
            return .proposal(
                network: try Field.network(header.network), command: try Signed(message: header.command),
                attempt: try Field.number(header.attempt, "attempt", in: 1...Limits.attempts))
        case .proposalResult:
            let header = try header(PBProposalResultFrame.self, frame)
            return .proposalResult(
                ProposalResult(
                    network: try Field.network(header.network), proposal: try Field.session(header.proposal),
                    accepted: header.accepted, revision: try Field.revision(header.revision),
                    reason: try Field.text(header.reason, "reason", limit: Limits.reasonBytes),
                    isFinal: header.final))
        case .vouch:
            let header = try header(PBVouchFrame.self, frame)
            return .vouch(
                network: try Field.network(header.network), version: try Field.version(header.version),
                header: try Field.digest(header.header, "header"), try Vouch(message: header.vouch))
        case .raft:
            let header = try header(PBRaftFrame.self, frame)
            return .raft(
                network: try Field.network(header.network),
                generation: try Field.counter(header.generation, "generation"), try RaftMessage(frame: header))
        case .standingRequest:
            let header = try header(PBStandingRequestFrame.self, frame)
            return .standingRequest(
                network: try Field.network(header.network),
                generation: try Field.counter(header.generation, "generation"), question: header.question)
        case .standing:
            let header = try header(PBStandingFrame.self, frame)
            let standing = RaftStanding(
                term: try Field.term(header.term), lastIndex: try Field.index(header.lastIndex),
                lastTerm: try Field.term(header.lastTerm), voters: try VoterSet(message: header.voters))
            return .standing(
                network: try Field.network(header.network), question: header.question,
                version: try Field.version(header.version), standing)
        default:
            throw .unknownKind(frame.kind)
        }
    }
}
