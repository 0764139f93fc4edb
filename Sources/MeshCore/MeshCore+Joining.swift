import Identity
import NetworkConfig
import Wire

// Joining: a newcomer follows an invitation to any member that it can reach, asks to be admitted over an admission link, and
// believes nothing but what verifies against the network's id, which stands in the invitation.

struct JoinAttempt: Sendable {
    let invitation: Invitation
    let proposal: SessionID
    /// Members still to be tried.
    var endpoints: [Endpoint]
    var tried: [Endpoint] = []
    var link: LinkID?
    var ledger: ConfigLedger?
    var lastFailure = "no member of that network could be reached; start one, or join from the same local network"
    /// Whoever said so has looked at the agreed config, and did not merely fail to reach the leader.
    var isDecided = false
    let deadline: Instant
    /// When the member that was asked has had time enough.
    var linkDeadline: Instant?
}

/// A newcomer that was admitted, while its config is being written.
struct Entering: Sendable {
    let request: RequestID
    let ledger: ConfigLedger
}

extension MeshCore {
    mutating func join(_ text: String, request: RequestID, at time: Time) {
        guard let invitation = Invitation(text: text) else {
            let sentence =
                text.hasPrefix(Invitation.prefix)
                ? "this invitation was cut or mistyped; copy the whole of it again"
                : "this is no invitation; ask a member for one: tiktrue network invite NAME"
            effects.append(.respond(request, .refused(sentence)))
            return
        }
        if let state = networks[invitation.network] {
            effects.append(.respond(request, .refused("this peer is in the network \(state.config.name) already")))
            return
        }
        var endpoints = invitation.endpoints
        for (_, seenPeer) in seen.pairs where seenPeer.networks.contains(where: { $0.id == invitation.network }) {
            for address in seenPeer.addresses where !endpoints.contains(address) { endpoints.append(address) }
        }
        joins[request] = JoinAttempt(
            invitation: invitation, proposal: SessionID(high: random.next(), low: random.next()), endpoints: endpoints,
            deadline: time.instant.advanced(by: settings.proposalDeadline))
        tryNextMember(request, at: time)
    }

    /// Dials the next member that has not been tried. With none left the attempt waits for its deadline, since a beacon may
    /// still tell of one.
    private mutating func tryNextMember(_ request: RequestID, at time: Time) {
        guard var attempt = joins[request], attempt.link == nil else { return }
        for seenPeer in seen.values where seenPeer.networks.contains(where: { $0.id == attempt.invitation.network }) {
            for address in seenPeer.addresses
            where !attempt.endpoints.contains(address) && !attempt.tried.contains(address) {
                attempt.endpoints.append(address)
            }
        }
        guard !attempt.endpoints.isEmpty else {
            joins[request] = attempt
            // The network itself has said no, and nobody is left who could say otherwise.
            if attempt.isDecided { endJoin(request, .refused(attempt.lastFailure)) }
            return
        }
        let endpoint = attempt.endpoints.removeFirst()
        attempt.tried.append(endpoint)
        joins[request] = attempt
        _ = startDial(endpoint, expecting: nil, purpose: .admission, goal: .join(request))
    }

    mutating func joinDialFailed(_ request: RequestID, endpoint: Endpoint, reason: String, at time: Time) {
        tryNextMember(request, at: time)
    }

    mutating func joinLinkOpened(_ request: RequestID, link: LinkInfo, at now: Instant) {
        guard let attempt = joins[request], attempt.link == nil else {
            effects.append(.closeLink(link.id, reason: "not needed any more"))
            return
        }
        let due = now.advanced(by: settings.memberPatience)
        joins.update(request) {
            $0.link = link.id
            $0.linkDeadline = due
        }
        let admission = attempt.invitation.admission(
            of: peer, name: settings.name, grantedMemory: settings.sharedMemory, addresses: ownAddresses)
        // The same proposal whichever member passes it on: it is granted once.
        let command = ConfigCommand(
            network: attempt.invitation.network, proposal: attempt.proposal, number: .none, base: .none,
            change: .admit(admission))
        effects.append(
            .send(
                .proposal(
                    network: attempt.invitation.network, command: command.signed(by: signer),
                    attempt: attempt.tried.count),
                on: link.id))
    }

    /// The config comes before the result, over the same link.
    mutating func joinConfig(_ network: NetworkID, _ certified: CertifiedConfig, on link: Link) {
        for (request, attempt) in joins.pairs
        where attempt.link == link.info.id && attempt.invitation.network == network {
            do {
                let ledger = try ConfigLedger(network: network, certified: certified)
                joins.update(request) { $0.ledger = ledger }
            } catch {
                effects.append(.log(.configRefused(error.description)))
            }
        }
    }

    mutating func joinResult(_ result: ProposalResult, on link: Link, at time: Time) {
        for (request, attempt) in joins.pairs
        where attempt.link == link.info.id && attempt.proposal == result.proposal {
            guard result.accepted else {
                // Another member may reach a leader that this one does not. A no that was decided weighs more than that of a
                // member that reached nobody; others are asked all the same, since whoever answers need not be a member at all.
                let isDecided = result.revision > Revision(0)
                joins.update(request) {
                    if isDecided || !$0.isDecided { $0.lastFailure = result.reason }
                    $0.isDecided = $0.isDecided || isDecided
                    $0.link = nil
                    $0.linkDeadline = nil
                }
                dropLink(link.info.id, reason: "refused")
                tryNextMember(request, at: time)
                if let left = joins[request], !dials.values.contains(where: { $0.isJoin(request) }) {
                    endJoin(request, .refused(left.lastFailure))
                }
                continue
            }
            guard let ledger = attempt.ledger, ledger.config.isMember(peer) else {
                joins.update(request) {
                    $0.lastFailure = "the member that was asked gave no valid config"
                    $0.link = nil
                    $0.linkDeadline = nil
                }
                dropLink(link.info.id, reason: "no valid config")
                tryNextMember(request, at: time)
                continue
            }
            joins[request] = nil
            let last = ticket()
            effects.append(.persistLedger(last, network: ledger.network, ledger.certified))
            entering[last] = Entering(request: request, ledger: ledger)
            dropLink(link.info.id, reason: "joined")
        }
    }

    /// The config is on disk: from here on this peer is a member, whatever happens to it.
    mutating func enter(_ entering: Entering, at time: Time) {
        if networks[entering.ledger.network] == nil { install(entering.ledger, at: time) }
        effects.append(.respond(entering.request, .joined(entering.ledger.network)))
    }

    mutating func joinLinkClosed(_ id: LinkID, reason: String, at time: Time) {
        for (request, attempt) in joins.pairs where attempt.link == id {
            joins.update(request) {
                $0.link = nil
                $0.linkDeadline = nil
            }
            tryNextMember(request, at: time)
        }
    }

    mutating func passJoinTime(at time: Time) {
        for (request, attempt) in joins.pairs {
            if time.instant >= attempt.deadline {
                if let link = attempt.link { dropLink(link, reason: "no answer") }
                endJoin(request, .refused(attempt.lastFailure))
            } else if let link = attempt.link, let due = attempt.linkDeadline, time.instant >= due {
                joins.update(request) {
                    if !$0.isDecided {
                        $0.lastFailure = "the member that was asked did not answer in time; try again"
                    }
                    $0.link = nil
                    $0.linkDeadline = nil
                }
                dropLink(link, reason: "no answer")
                tryNextMember(request, at: time)
            } else if attempt.link == nil, !dials.values.contains(where: { $0.isJoin(request) }) {
                tryNextMember(request, at: time)
            }
        }
    }

    private mutating func endJoin(_ request: RequestID, _ response: Response) {
        joins[request] = nil
        effects.append(.respond(request, response))
    }

    private mutating func dropLink(_ id: LinkID, reason: String) {
        links[id] = nil
        effects.append(.closeLink(id, reason: reason))
    }
}

extension Dial {
    func isJoin(_ request: RequestID) -> Bool {
        if case .join(request) = goal { return true }
        return false
    }
}
