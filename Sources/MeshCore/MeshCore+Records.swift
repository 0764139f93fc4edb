import Identity
import Membership
import Wire

// Observed state: what peers tell of themselves, carried over links by comparing versions.

extension MeshCore {
    mutating func receiveDigest(_ network: NetworkID, _ versions: [RecordDigestEntry], on link: Link) {
        guard let state = networks[network], state.config.isMember(link.info.peer) else { return }
        let delta = state.records.delta(for: versions)
        if !delta.isEmpty { effects.append(.send(.records(network: network, records: delta), on: link.info.id)) }
        // They know more: answer with our digest, so that they send it. Ours is then no newer than theirs, which ends it.
        let known = state.records
        let lacking = versions.contains { entry in
            (known.record(of: entry.peer)?.version ?? .none) < entry.version && state.config.isMember(entry.peer)
        }
        if lacking { effects.append(.send(.recordDigest(network: network, versions: known.digest), on: link.info.id)) }
    }

    mutating func receiveRecords(_ network: NetworkID, _ records: [Signed], on link: Link, at now: Instant) {
        guard let state = networks[network], state.config.isMember(link.info.peer) else { return }
        var news: [Signed] = []
        for signed in records where signed.signer != peer && state.config.isMember(signed.signer) {
            var outcome: RecordStore.Outcome = .known
            do {
                try networks.updateThrowing(network) { outcome = try $0.records.take(signed) }
            } catch {
                effects.append(.log(.recordRefused("\(error)")))
                continue
            }
            switch outcome {
            case .news: news.append(signed)
            case .equivocation(let peer, let version): effects.append(.log(.equivocationSeen(peer, version)))
            case .known, .older: break
            }
        }
        guard !news.isEmpty else { return }
        spread(news, in: network, except: link.info.id)
        retryPieces(at: now)
        retryWaitingDrivers(at: now)
    }

    private mutating func spread(_ records: [Signed], in network: NetworkID, except origin: LinkID?) {
        guard let state = networks[network] else { return }
        for link in links.values
        where link.info.id != origin && link.info.purpose == .member && state.config.isMember(link.info.peer) {
            effects.append(.send(.records(network: network, records: records), on: link.info.id))
        }
    }

    /// Signs this peer's records anew where something in them has changed, not too often.
    mutating func refreshRecords(at now: Instant) {
        for network in networks.keys {
            guard let state = networks[network], state.recordStale, now >= state.recordDue else { continue }
            let record = PeerRecord(
                network: network, version: RecordVersion(epoch: epoch, sequence: state.recordSequence + 1),
                name: settings.name, addresses: ownAddresses, grantedMemory: settings.sharedMemory,
                held: BlockRange.covering(heldBlocks(of: state.config.model)),
                loaded: BlockRange.covering(state.loaded),
                appliedRevision: state.config.revision)
            let due = now.advanced(by: settings.recordInterval)
            networks.update(network) {
                $0.recordStale = false
                $0.recordDue = due
            }
            if let old = state.records.record(of: peer), old.tellsTheSame(as: record) { continue }
            let signed = record.signed(by: signer)
            networks.update(network) { state in
                state.recordSequence += 1
                // Our own record, signed just now, is always newer than the last.
                _ = try? state.records.take(signed)
            }
            spread([signed], in: network, except: nil)
        }
    }
}

extension PeerRecord {
    fileprivate func tellsTheSame(as other: PeerRecord) -> Bool {
        (name, addresses, grantedMemory, held, loaded, appliedRevision)
            == (other.name, other.addresses, other.grantedMemory, other.held, other.loaded, other.appliedRevision)
    }
}

extension SortedMap {
    mutating func updateThrowing(_ key: Key, _ change: (inout Value) throws -> Void) throws {
        var failure: (any Error)?
        update(key) { value in
            do { try change(&value) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
