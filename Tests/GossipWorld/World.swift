import Identity
import Membership
import Wire

/// Members of one network on a LAN that loses, delays and cuts, on a clock of its own. One seed decides everything.
package final class World {
    package struct Faults {
        /// Share of datagrams lost.
        package var loss = 0.0
        /// Share of datagrams that come twice.
        package var duplicates = 0.0
        package var delayLeast = Interval(nanoseconds: 200_000)
        package var delayMost = Interval.milliseconds(2)
        /// What a member needs for each message that waits for it after a stall.
        package var backlogCost = Interval.milliseconds(1)

        package init() {}
    }

    enum Event {
        case deliver(GossipMessage, from: Int, to: Int, Path)
        case wake(Int, Instant)
        case perform(() -> Void)
        case resume(Int)
        case drain(Int)
        case open(Int, Int)
    }

    package struct Member {
        package let key: SigningKey
        package var gossip: Gossip
        package var epoch: UInt64
        package var sequence: UInt64 = 0
        package var isUp = true
        package var stalledUntil: Instant?
        package var inbox: [(GossipMessage, from: Int, Path)] = []
        package var wakeAt: Instant?
        /// Datagrams and link messages sent, and their bytes with sealing, IP and UDP.
        package var sent = 0
        package var bytes = 0
    }

    package static let network = NetworkID(digest: Digest.of([1]))
    /// What a socket holds for a process that does not read.
    package static let inboxMax = 400

    package let settings: GossipSettings
    package var faults = Faults()
    package var members: [Member] = []
    package private(set) var now = Instant.zero
    private var queue = EventQueue<Event>()
    private var random: SeededGenerator
    private var places: [PeerID: Int] = [:]
    /// Ordered pairs that no datagram, and no message at all, passes.
    package var blocksDatagram: (Int, Int) -> Bool = { _, _ in false }
    package var cuts: (Int, Int) -> Bool = { _, _ in false }
    package var isLinked = false

    package var onNews: (Int, PeerID, PeerRecord) -> Void = { _, _, _ in }
    package var onLiveness: (Int, Int, Liveness) -> Void = { _, _, _ in }
    package var onAction: (Int, Action) -> Void = { _, _ in }
    package var onHearing: (Int, GossipMessage) -> Void = { _, _ in }
    package var refusals = 0
    /// Of everything that was sent, in order.
    package private(set) var trace: UInt64 = 0

    package init(_ count: Int, seed: UInt64, settings: GossipSettings = .standard, linked: Bool = false) {
        self.settings = settings
        random = SeededGenerator(seed: seed)
        isLinked = linked
        for number in 0..<count {
            let seed = (0..<32).map { UInt8(truncatingIfNeeded: $0 < 2 ? number >> (8 * $0) : 7) }
            guard let key = SigningKey(seed: seed) else { preconditionFailure("a seed of 32 bytes was refused") }
            let gossip = Gossip(
                network: Self.network, own: key.peer, epoch: 1, settings: settings, seed: random.next(), now: now)
            members.append(Member(key: key, gossip: gossip, epoch: 1))
            places[key.peer] = number
        }
        for number in members.indices { join(number) }
    }

    package func peer(_ number: Int) -> PeerID { members[number].key.peer }
    package func number(of peer: PeerID) -> Int? { places[peer] }

    private func join(_ number: Int) {
        members[number].gossip.rosterChanged(members.map(\.key.peer), at: now)
        publish(number)
        if isLinked {
            for other in members.indices where other != number && members[other].isUp {
                queue.put(.open(number, other), at: now.advanced(by: delay()))
            }
        }
    }

    // MARK: What happens

    package func publish(_ number: Int, name: String = "") {
        members[number].sequence += 1
        let record = record(number, sequence: members[number].sequence, name: name)
        members[number].gossip.publish(record, at: now)
        settle(number)
    }

    package func record(_ number: Int, sequence: UInt64, name: String = "") -> Signed {
        let address = Endpoint(host: "192.168.1.\(number % 250)", port: 7420)
        return PeerRecord(
            network: Self.network, version: RecordVersion(epoch: members[number].epoch, sequence: sequence),
            name: name.isEmpty ? "machine-\(number)" : name, addresses: address.map { [$0] } ?? [],
            grantedMemory: 8 << 30, held: [BlockRange(0...9)], loaded: [BlockRange(0...9)], applied: .none
        ).signed(by: members[number].key)
    }

    package func crash(_ number: Int) {
        members[number].isUp = false
        for other in members.indices where isLinked && other != number && members[other].isUp {
            members[other].gossip.linkClosed(peer(number), at: now)
            settle(other)
        }
    }

    package func restart(_ number: Int) {
        if members[number].isUp { crash(number) }
        members[number].epoch += 1
        members[number].sequence = 0
        members[number].isUp = true
        members[number].stalledUntil = nil
        members[number].inbox = []
        members[number].wakeAt = nil
        members[number].gossip = Gossip(
            network: Self.network, own: peer(number), epoch: members[number].epoch, settings: settings,
            seed: random.next(), now: now)
        join(number)
    }

    package func stall(_ number: Int, for length: Interval) {
        let until = now.advanced(by: length)
        members[number].stalledUntil = until
        queue.put(.resume(number), at: until)
    }

    package func change(_ number: Int, _ change: (inout Gossip, Instant) -> Void) {
        change(&members[number].gossip, now)
        settle(number)
    }

    package func at(_ time: Instant, _ work: @escaping () -> Void) { queue.put(.perform(work), at: time) }

    package func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    package func advance(_ length: Interval, until isDone: () -> Bool = { false }) {
        let end = now.advanced(by: length)
        while let next = queue.nextTime, next <= end, let (time, event) = queue.take() {
            now = time
            handle(event)
            if isDone() { return }
        }
        now = end
    }

    /// Hands a message to a member as if it came from that other one, now.
    package func inject(_ message: GossipMessage, from sender: Int, to receiver: Int) {
        guard members[receiver].isUp else { return }
        handle(.deliver(message, from: sender, to: receiver, .datagram))
    }

    // MARK: The machinery

    private func handle(_ event: Event) {
        switch event {
        case .perform(let work): work()
        case .deliver(let message, let sender, let receiver, let path):
            guard members[receiver].isUp else { return }
            if members[receiver].stalledUntil != nil || !members[receiver].inbox.isEmpty {
                if members[receiver].inbox.count < Self.inboxMax {
                    members[receiver].inbox.append((message, sender, path))
                }
                return
            }
            hear(message, from: sender, by: receiver, over: path)
        case .wake(let number, let due):
            guard members[number].isUp, members[number].stalledUntil == nil, members[number].wakeAt == due else {
                return
            }
            members[number].wakeAt = nil
            if members[number].gossip.nextWake <= now { members[number].gossip.passTime(at: now) }
            settle(number)
        case .resume(let number):
            guard let until = members[number].stalledUntil, until <= now, members[number].isUp else { return }
            members[number].stalledUntil = nil
            // Timers come first: the worst order for whoever judges others by them.
            members[number].gossip.passTime(at: now)
            settle(number)
            queue.put(.drain(number), at: now.advanced(by: faults.backlogCost))
        case .drain(let number):
            guard members[number].isUp, members[number].stalledUntil == nil, !members[number].inbox.isEmpty else {
                return
            }
            let (message, sender, path) = members[number].inbox.removeFirst()
            hear(message, from: sender, by: number, over: path)
            queue.put(.drain(number), at: now.advanced(by: faults.backlogCost))
        case .open(let one, let other):
            guard members[one].isUp, members[other].isUp else { return }
            for (here, there) in [(one, other), (other, one)] where members[here].stalledUntil == nil {
                members[here].gossip.linkOpened(peer(there), at: now)
                settle(here)
            }
        }
    }

    private func hear(_ message: GossipMessage, from sender: Int, by number: Int, over path: Path) {
        members[number].gossip.received(message, from: peer(sender), over: path, at: now)
        settle(number)
        onHearing(number, message)
    }

    private func settle(_ number: Int) {
        for action in members[number].gossip.takeActions() { perform(action, of: number) }
        let due = members[number].gossip.nextWake
        guard due != members[number].wakeAt, due.nanoseconds < .max else { return }
        members[number].wakeAt = due
        queue.put(.wake(number, due), at: max(due, now))
    }

    private func perform(_ action: Action, of number: Int) {
        onAction(number, action)
        switch action {
        case .send(let message, let to, let path):
            guard let receiver = places[to] else { return }
            send(message, from: number, to: receiver, path)
        case .livenessChanged(let about, let liveness):
            guard let place = places[about] else { return }
            note(UInt64(number) << 32 | UInt64(place) << 8 | UInt64(liveness.rawValue))
            onLiveness(number, place, liveness)
        case .news(let owner, let record): onNews(number, owner, record)
        case .recordRefused: refusals += 1
        case .equivocation, .ownEpochExceeded: break
        }
    }

    private func send(_ message: GossipMessage, from sender: Int, to receiver: Int, _ path: Path) {
        members[sender].sent += 1
        members[sender].bytes += message.estimatedBytes + 100
        note(UInt64(now.nanoseconds) ^ UInt64(sender) << 48 ^ UInt64(receiver) << 40 ^ message.summary)
        guard !cuts(sender, receiver) else { return }
        if path == .link {
            guard isLinked else { return }
            queue.put(.deliver(message, from: sender, to: receiver, path), at: now.advanced(by: delay()))
            return
        }
        guard message.estimatedBytes <= settings.datagramBytes, !blocksDatagram(sender, receiver) else { return }
        let copies = chance(faults.duplicates) ? 2 : 1
        for _ in 0..<copies where !chance(faults.loss) {
            queue.put(.deliver(message, from: sender, to: receiver, path), at: now.advanced(by: delay()))
        }
    }

    private func chance(_ share: Double) -> Bool { share > 0 && Double.random(in: 0..<1, using: &random) < share }

    private func delay() -> Interval {
        let (least, most) = (faults.delayLeast.nanoseconds, faults.delayMost.nanoseconds)
        return Interval(nanoseconds: Int64.random(in: least...max(least, most), using: &random))
    }

    private func note(_ word: UInt64) { trace = (trace &* 0x100_0000_01B3) ^ word }
}

extension World {
    /// Whether all that run hold the same records and think of each other what is so.
    package var isConverged: Bool {
        let up = members.indices.filter { members[$0].isUp }
        guard let first = up.first else { return true }
        let summary = members[first].gossip.summary
        return up.allSatisfy { here in
            members[here].gossip.summary == summary
                && members.indices.allSatisfy {
                    members[here].gossip.liveness(of: peer($0)) == (members[$0].isUp ? .alive : .dead)
                }
        }
    }
}
