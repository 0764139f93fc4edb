import Identity
import Wire

/// What a leader knows of one follower's log, and how it is brought up to date.
///
/// `match` < `next` always. Everything up to `match` is on the follower's disk and equal to the leader's; `next` is
/// what is sent next, on trust.
struct Progress: Hashable, Sendable {
    enum State: Hashable, Sendable {
        /// Where the logs part is not known: one message, then wait for its answer. Heartbeats go on and count as
        /// questions.
        case probe(isPaused: Bool)
        /// Entries flow without waiting, as long as the window has room.
        case replicate
        /// The follower needs what the log has no more. `token`: of the message that carried the snapshot.
        case snapshot(through: LogIndex, token: UInt64, sent: Instant)
    }

    let peer: PeerID
    private(set) var match = LogIndex.zero
    private(set) var next: LogIndex
    private(set) var state = State.probe(isPaused: false)
    private(set) var window = InflightWindow()
    /// When it was last heard of. A new leader counts its election as such.
    private(set) var lastContact: Instant
    /// When it was sent something last. Not yet, for a new leader: its election tells it nothing.
    private(set) var lastSent: Instant
    /// The greatest token that it echoed.
    private(set) var echoed: UInt64 = 0
    /// The commit index that it was told last.
    private(set) var toldCommit = LogIndex.zero
    /// False from when its link was lost until it is back or something is heard: only heartbeats are sent meanwhile.
    var isReachable: Bool

    init(peer: PeerID, next: LogIndex, isReachable: Bool = true, now: Instant) {
        self.peer = peer
        self.isReachable = isReachable
        self.next = next
        lastContact = now
        lastSent = now
    }

    /// When it is told or asked again, should it be sent nothing before. `last`: of the leader's log. `asked`: a read
    /// waits for the echo of a greater token than that.
    func due(last: LogIndex, asked: UInt64?, _ times: RaftTimes) -> Instant {
        let isWaitedFor = isReachable && (match < last || state != .replicate || asked.map { echoed <= $0 } ?? false)
        return lastSent.advanced(by: isWaitedFor ? times.retry : times.heartbeat)
    }

    var isTakingSnapshot: Bool {
        if case .snapshot = state { true } else { false }
    }

    /// Whether entries may be sent now.
    func hasRoom(_ settings: RaftSettings) -> Bool {
        guard isReachable else { return false }
        switch state {
        case .probe(let isPaused): return !isPaused
        case .replicate: return window.hasRoom(settings)
        case .snapshot: return false
        }
    }

    mutating func heard(token: UInt64, at now: Instant) {
        lastContact = now
        if !isReachable {
            isReachable = true
            becomeProbe()
        }
        echoed = max(echoed, token)
    }

    /// A message with these entries, which begin at `next`, was sent.
    mutating func sent(count: Int, bytes: Int, commit: LogIndex, at now: Instant) {
        lastSent = now
        toldCommit = commit
        switch state {
        case .probe: state = .probe(isPaused: true)
        case .replicate:
            guard count > 0 else { return }
            next = LogIndex(next.value + UInt64(count))
            window.add(last: next.previous, bytes: bytes)
        case .snapshot: break
        }
    }

    mutating func sentSnapshot(through index: LogIndex, token: UInt64, at now: Instant) {
        window.clear()
        lastSent = now
        next = index.next
        state = .snapshot(through: index, token: token, sent: now)
    }

    /// The follower agrees up to `index`. `logStart`: the leader's log has everything after that.
    mutating func agreed(to index: LogIndex, logStart: LogIndex) {
        match = max(match, index)
        window.release(through: match)
        switch state {
        case .probe, .replicate:
            state = .replicate
            next = max(next, match.next)
        case .snapshot(let through, _, _):
            // Whatever snapshot it came from: if the log goes on from there, it will do.
            if match >= logStart {
                state = .replicate
                next = match.next
            } else if match >= through {
                becomeProbe()
            }
        }
    }

    /// The follower has no such entry at `previous`; false where that is an old answer. The logs may agree up to
    /// `hint`.
    ///
    /// One that lacks even what it had on disk has lost it, with a disk that was put back: it is asked as if nothing
    /// were known of it. An old answer may look the same, and does no harm.
    mutating func refused(previous: LogIndex, hint: LogIndex) -> Bool {
        if case .probe = state, previous == match, match > .zero, next == match.next, hint < match {
            match = hint
            becomeProbe(next: hint.next)
            return true
        }
        guard previous > match, previous < next else { return false }
        switch state {
        case .probe: guard previous == next.previous else { return false }
        case .replicate: break
        case .snapshot: return false
        }
        becomeProbe(next: max(min(hint.next, previous), match.next))
        return true
    }

    /// Nothing of what is under way is counted on.
    mutating func becomeProbe() { becomeProbe(next: match.next) }

    private mutating func becomeProbe(next: LogIndex) {
        self.next = next
        state = .probe(isPaused: false)
        window.clear()
    }
}

/// The messages with entries that one follower has not answered.
struct InflightWindow: Hashable, Sendable {
    private struct Message: Hashable {
        let last: LogIndex
        let bytes: Int
    }

    /// Ascending.
    private var messages: [Message] = []
    private(set) var bytes = 0

    var count: Int { messages.count }

    func hasRoom(_ settings: RaftSettings) -> Bool {
        messages.count < settings.maxInflightAppends && bytes < settings.maxInflightBytes
    }

    mutating func add(last: LogIndex, bytes: Int) {
        messages.append(Message(last: last, bytes: bytes))
        self.bytes += bytes
    }

    /// The follower has everything up to `index`.
    mutating func release(through index: LogIndex) {
        var count = 0
        while count < messages.count, messages[count].last <= index {
            bytes -= messages[count].bytes
            count += 1
        }
        if count > 0 { messages.removeSubrange(..<count) }
    }

    mutating func clear() {
        messages.removeAll(keepingCapacity: true)
        bytes = 0
    }
}
