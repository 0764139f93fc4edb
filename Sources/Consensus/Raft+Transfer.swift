import Identity
import Wire

// Handing the office over: thesis §3.10.

struct Transfer: Hashable, Sendable {
    let target: PeerID
    /// Given up after that.
    let deadline: Instant
    var isTold = false
}

extension Raft {
    /// Stops taking proposals, brings the target up to date and asks it to seek election at once. Given up after a
    /// campaign timeout. False where this peer does not lead, the target is no other voter, or another transfer is
    /// under way.
    public mutating func transfer(to target: PeerID, at now: Instant) -> Bool {
        clock = now
        guard role == .leader, transfer == nil, target != own, voters.voters.contains(target) else { return false }
        transfer = Transfer(target: target, deadline: now.advanced(by: settings.times.campaignTimeout))
        wantsReplication = true
        tryTransfer()
        return true
    }

    mutating func tryTransfer() {
        guard let transfer, !transfer.isTold, let place = place(of: transfer.target),
            progress[place].match == log.lastIndex
        else { return }
        self.transfer?.isTold = true
        outbox.append((transfer.target, RaftMessage(term: hard.term, kind: .timeoutNow)))
    }
}
