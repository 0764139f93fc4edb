import GossipWorld
import Identity
import Membership
import Wire

/// One member among others that are played by the test.
struct Lone {
    static let me = 0
    var gossip: Gossip
    var now = Instant.zero
    private(set) var actions: [Action] = []

    static func key(_ number: Int) -> SigningKey {
        guard let key = SigningKey(seed: [UInt8(number), 9] + Array(repeating: 1, count: 30)) else {
            preconditionFailure("a seed of 32 bytes was refused")
        }
        return key
    }
    static func peer(_ number: Int) -> PeerID { key(number).peer }

    init(among count: Int, epoch: UInt64 = 3, settings: GossipSettings = .standard, seed: UInt64 = 1) {
        gossip = Gossip(
            network: World.network, own: Self.peer(Self.me), epoch: epoch, settings: settings, seed: seed, now: now)
        gossip.rosterChanged((0..<count).map(Self.peer), at: now)
        collect()
    }

    private mutating func collect() { actions += gossip.takeActions() }

    static func record(
        _ owner: Int, epoch: UInt64 = 1, _ sequence: UInt64, name: String = "", network: NetworkID = World.network,
        ranges: Int = 0
    ) -> Signed {
        PeerRecord(
            network: network, version: RecordVersion(epoch: epoch, sequence: sequence), name: name, addresses: [],
            grantedMemory: 1, held: (0..<ranges).map { BlockRange(2 * $0...2 * $0) }, loaded: [], applied: .none
        ).signed(by: key(owner))
    }

    // MARK: What happens to it

    mutating func hear(
        _ kind: GossipMessage.Kind = .news, from sender: Int, epoch: UInt64 = 1, count: UInt64 = 0,
        rumours: [Rumour] = [], records: [Signed] = [], summary: UInt64? = nil, digest: RecordDigest? = nil,
        over path: Path = .datagram
    ) {
        let message = GossipMessage(
            kind: kind, incarnation: Incarnation(epoch: epoch, count: count), rumours: rumours,
            summary: summary ?? gossip.summary, digest: digest, records: records)
        gossip.received(message, from: Self.peer(sender), over: path, at: now)
        collect()
    }

    mutating func hear(_ rumour: Rumour, from sender: Int) { hear(from: sender, rumours: [rumour]) }

    mutating func change(_ change: (inout Gossip, Instant) -> Void) {
        change(&gossip, now)
        collect()
    }

    /// Lets time pass, waking whenever asked. `answer` plays the others: it sees each message as it is sent.
    mutating func pass(_ length: Interval, answer: (inout Lone, GossipMessage, Int, Path) -> Void = { _, _, _, _ in }) {
        let end = now.advanced(by: length)
        while true {
            let due = gossip.nextWake
            guard due <= end else { break }
            now = max(now, due)
            gossip.passTime(at: now)
            for action in gossip.takeActions() {
                actions.append(action)
                if case .send(let message, let to, let path) = action,
                    let number = (0..<64).first(where: { Self.peer($0) == to })
                {
                    answer(&self, message, number, path)
                }
            }
        }
        now = end
    }

    // MARK: What it did

    mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    func liveness(of number: Int) -> Liveness { gossip.liveness(of: Self.peer(number)) }

    var sent: [(message: GossipMessage, to: PeerID, path: Path)] {
        actions.compactMap { if case .send(let message, let to, let path) = $0 { (message, to, path) } else { nil } }
    }

    /// What it has said about a member, in order.
    func told(of number: Int) -> [Rumour] {
        sent.flatMap(\.message.rumours).filter { $0.about == Self.peer(number) }
    }

    var changes: [Liveness] {
        actions.compactMap { if case .livenessChanged(_, let liveness) = $0 { liveness } else { nil } }
    }
}

extension Rumour {
    init(_ about: Int, _ liveness: Liveness, epoch: UInt64 = 1, count: UInt64 = 0, by: Int = 1) {
        self.init(
            about: Lone.peer(about), incarnation: Incarnation(epoch: epoch, count: count), liveness: liveness,
            by: Lone.peer(by))
    }
}

/// Plays members that answer every ping.
func answering(except silent: Set<Int> = []) -> (inout Lone, GossipMessage, Int, Path) -> Void {
    { lone, message, to, path in
        if case .ping(let number) = message.kind, !silent.contains(to) {
            lone.hear(.ack(sequence: number), from: to, over: path)
        }
    }
}
