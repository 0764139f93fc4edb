import Identity
import Wire

extension Gossip {
    /// A message from an authenticated peer. Strangers are not heard.
    public mutating func received(
        _ message: GossipMessage, from sender: PeerID, over path: Path, at now: Instant
    ) {
        guard !hasLeft, members[sender] != nil else { return }
        noticeSleep(at: now)
        let corrections = learn(from: message, by: sender, at: now)
        members.update(sender) { $0.summary = message.summary }
        take(message.records, at: now)
        switch message.kind {
        case .ping(let number):
            send(.ack(sequence: number), to: sender, over: path, directed: corrections, answers: true, at: now)
        case .ack(let number):
            acknowledged(number, by: sender, over: path, at: now)
            requeue(corrections)
        case .pingRequest(let number, let target):
            asked(by: sender, number, target: target, over: path, at: now)
            requeue(corrections)
        case .nack(let number):
            notAcknowledged(number, by: sender)
            requeue(corrections)
        case .news: requeue(corrections)
        }
        compare(message, from: sender, over: path, at: now)
        if case .ping = message.kind {} else { warnWhereDue(sender, over: path, at: now) }
        if let due = pushDue, due <= now { push(at: now) }
    }

    /// Takes what a message says of who lives, and returns what the sender should know better.
    private mutating func learn(from message: GossipMessage, by sender: PeerID, at now: Instant) -> [Rumour] {
        var corrections: [Rumour] = []
        // A sender of an earlier life than is known of it: a late message, or a disk put back, which it must hear of.
        if let member = members[sender], message.incarnation.epoch < member.incarnation.epoch,
            let rumour = rumour(about: sender)
        {
            corrections.append(rumour)
        }
        hear(sender, in: message.incarnation, at: now)
        for rumour in message.rumours.prefix(Limits.rumours) {
            guard merge(rumour, at: now) == .stale, corrections.count < Self.correctionsMax,
                let better = self.rumour(about: rumour.about)
            else { continue }
            corrections.append(better)
        }
        return corrections
    }

    private static let correctionsMax = 6

    private mutating func requeue(_ corrections: [Rumour]) {
        let limit = settings.retransmits(members: memberCount)
        for rumour in corrections { rumours.addOnce(rumour.about, limit: limit) }
    }
}
