import Identity
import Membership
import NetworkConfig
import Wire

// A peer whose own records come back to it from a later life than this one: its disk was put back to an older state, or its
// identity was copied. It gives up its votes, and begins a life that is later than any that was heard of, or the others would go on
// believing the records of the one before.

/// A later life that is on its way to disk.
struct NewLife: Sendable {
    let ticket: StorageTicket
    let epoch: UInt64
}

extension MeshCore {
    /// Somebody has said that there is a later life of this peer. Only this peer's own signature proves it; a rumour may be a lie.
    mutating func ownEpochExceeded(in network: NetworkID, at time: Time) {
        effects.append(.log(.ownIdentityElsewhere))
        // Records of all networks are counted together, so only what was told in this one says which are this peer's own. Where nothing
        // was told yet, it may be what this peer told before it left and came back.
        guard let state = networks[network], let known = state.gossip.record(of: peer)?.version,
            known > state.told?.version ?? RecordVersion(epoch: epoch, sequence: records)
        else { return }
        beginLife(after: known.epoch, at: time)
    }

    /// Two records of this peer under one version: another one speaks in its name, in this very life.
    mutating func ownEquivocationSeen(_ version: RecordVersion, at time: Time) {
        effects.append(.log(.ownIdentityElsewhere))
        if version.epoch >= epoch { beginLife(after: version.epoch, at: time) }
    }

    private mutating func beginLife(after other: UInt64, at time: Time) {
        guard other < Limits.counter, !mutated(.laterLifeIgnored) else { return }
        // Where a copy of this peer is at work, it does the same: the two are not to chase each other.
        guard newLife == nil, time.instant >= newLifeDue else {
            outdoneBy = max(outdoneBy ?? other, other)
            return
        }
        outdoneBy = nil
        for network in networks.keys { giveUpVotes(in: network, at: time) }
        let life = NewLife(ticket: ticket(), epoch: max(other, epoch) + 1)
        newLife = life
        effects.append(.raiseEpoch(life.ticket, to: life.epoch))
    }

    /// What was heard too soon after the last new life, or while it was on its way to disk, is not heard again.
    mutating func passLifeTime(at time: Time) {
        guard let other = outdoneBy, newLife == nil, time.instant >= newLifeDue else { return }
        if other >= epoch { beginLife(after: other, at: time) } else { outdoneBy = nil }
    }

    /// The number of the new life is on disk: it begins.
    mutating func newLifeStored(_ ticket: StorageTicket, at time: Time) -> Bool {
        guard let life = newLife, life.ticket == ticket else { return false }
        newLife = nil
        epoch = life.epoch
        records = 0
        incarnationFloors = SortedMap()
        newLifeDue = time.instant.advanced(by: settings.newLifeInterval)
        for network in networks.keys {
            networks.update(network) { state in
                state.told = nil
                state.recordStale = true
                state.recordDue = time.instant
            }
        }
        // The record goes first. Whoever hears of this life believes nothing of any before it; only the record proves the life to those who
        // live in one of these, another machine with this identity among them, which would be thought dead for ever.
        refreshRecords(at: time)
        for network in networks.keys {
            networks.update(network) { $0.gossip.beginLife(life.epoch, at: time.instant) }
            runGossip(network, at: time)
        }
        return true
    }
}
