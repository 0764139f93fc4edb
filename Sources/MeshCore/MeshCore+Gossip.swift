import Identity
import Membership
import NetworkConfig
import Wire

// Observed state: who is there, and what peers tell of themselves. Gossip goes by datagrams, and over links where none pass.

extension MeshCore {
    mutating func receiveGossip(
        _ network: NetworkID, _ message: GossipMessage, from sender: PeerID, over path: Path, at time: Time
    ) {
        // Nothing of the state is kept while it changes, or the whole of it would be copied, for each message.
        guard networks[network]?.config.isMember(sender) == true else { return }
        networks.update(network) { $0.gossip.received(message, from: sender, over: path, at: time.instant) }
        runGossip(network, at: time)
    }

    mutating func passGossipTime(at time: Time) {
        for network in networks.keys {
            guard let due = dues(of: network)?.gossip, due <= time.instant else { continue }
            networks.update(network) { $0.gossip.passTime(at: time.instant) }
            runGossip(network, at: time)
        }
    }

    mutating func runGossip(_ network: NetworkID, at time: Time) {
        var actions: [Membership.Action] = []
        networks.update(network) { actions = $0.gossip.takeActions() }
        for action in actions {
            switch action {
            case .send(let message, let recipient, let path):
                send(message, of: network, to: recipient, over: path)
            case .livenessChanged(let other, let liveness):
                livenessChanged(of: other, to: liveness, in: network, at: time)
            case .news(let owner, let record): heard(record, of: owner, in: network, at: time)
            case .equivocation(peer, let version, _): ownEquivocationSeen(version, at: time)
            case .equivocation(let other, let version, _):
                effects.append(.log(.equivocationSeen(other, version)))
            case .recordRefused(let why): effects.append(.log(.recordRefused(why)))
            case .ownEpochExceeded: ownEpochExceeded(in: network, at: time)
            }
        }
    }

    private mutating func send(_ message: GossipMessage, of network: NetworkID, to other: PeerID, over path: Path) {
        if path == .datagram, let address = datagramAddress(of: other) {
            effects.append(.gossip(network, message, to: other, at: address))
        } else if let link = memberLink(to: other) {
            effects.append(.send(.gossip(network: network, message), on: link.info.id))
        }
    }

    /// Where a member hears datagrams: where it spoke from last, where its link leads, or where it says that it is.
    private func datagramAddress(of other: PeerID) -> Endpoint? {
        if let heard = heardAt[other] { return heard }
        if let remote = memberLink(to: other)?.info.remote { return remote }
        return addresses(of: other).first
    }

    private mutating func livenessChanged(
        of other: PeerID, to liveness: Liveness, in network: NetworkID, at time: Time
    ) {
        let name = networks[network]?.config.member(other)?.name ?? other.short
        effects.append(.log(.livenessChanged(name, liveness)))
        switch liveness {
        case .alive: wakeContact(other, at: time.instant)
        case .suspect:
            // A link to it, if it still carries anything, settles the question.
            if let link = memberLink(to: other) { effects.append(.probeLink(link.info.id)) }
        case .dead: heardAt[other] = nil
        }
        if isLeader(of: network) { networks.update(network) { $0.group.keepDue = time.instant } }
        retryWaitingDrivers(at: time.instant)
    }

    private mutating func heard(_ record: PeerRecord, of owner: PeerID, in network: NetworkID, at time: Time) {
        guard let state = networks[network] else { return }
        if record.applied > state.ledger.version, let link = memberLink(to: owner) {
            ask(for: record.applied, of: network, on: link.info.id, at: time)
        }
        if record.leads != nil {
            retryProposals(in: network, at: time)
            proposeOwnGrant(network, at: time)
        }
        retryPieces(at: time.instant)
        retryWaitingDrivers(at: time.instant)
    }

    /// Signs this peer's records anew where something in them has changed, not too often.
    mutating func refreshRecords(at time: Time) {
        for network in networks.keys {
            guard let state = networks[network], state.recordStale, time.instant >= state.recordDue else { continue }
            let raft = state.group.raft
            let record = PeerRecord(
                network: network, version: RecordVersion(epoch: epoch, sequence: records + 1),
                name: settings.name, addresses: ownAddresses, grantedMemory: settings.sharedMemory,
                held: BlockRange.covering(heldBlocks(of: state.config.model)),
                loaded: BlockRange.covering(state.loaded), applied: state.ledger.version, load: load,
                leads: raft.role == .leader ? raft.term : nil)
            let due = time.instant.advanced(by: settings.recordInterval)
            networks.update(network) {
                $0.recordStale = false
                $0.recordDue = due
            }
            if let old = state.told, old.tellsTheSame(as: record) { continue }
            let signed = record.signed(by: signer)
            records += 1
            networks.update(network) { state in
                state.told = record
                state.gossip.publish(signed, at: time.instant)
            }
            runGossip(network, at: time)
        }
    }
}

extension MeshCore {
    /// In steps, so that small changes are not worth a record.
    private var load: Int { lateness.percent / 25 * 25 }
}

extension PeerRecord {
    fileprivate func tellsTheSame(as other: PeerRecord) -> Bool {
        (name, addresses, grantedMemory, held, loaded)
            == (other.name, other.addresses, other.grantedMemory, other.held, other.loaded)
            && (applied, load, leads) == (other.applied, other.load, other.leads)
    }
}
