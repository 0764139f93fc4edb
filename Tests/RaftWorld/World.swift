import Consensus
import Identity
import Wire

/// A few Rafts on a network and disks that fail in every way that Raft is made for. One seed decides everything; what
/// must hold is checked after each step.
package final class World {
    /// What this seed's world is like: each draws its own (swarm testing).
    struct Weather {
        var loss = 0
        var duplicates = 0
        /// Milliseconds, at most.
        var delay = 1
        var clogs = 0
        var diskDelay = 1
        var crashes = 0
        /// Leaders die young.
        var coups = 0
        var partitions = 0
        var voterChanges = 0
        var transfers = 0
        var compactions = 0
        var announcesLosses = false
    }

    final class Peer {
        let id: PeerID
        var raft: Raft?
        var disk: RaftState
        /// Begun and not on disk, in order.
        var writes: [(token: WriteToken, write: RaftWrite)] = []
        /// Rises with each start, so that what was meant for an earlier life is dropped.
        var life = 0
        var state = Application()
        var nextWake = Raft.never
        var diskIsFreeAt = Instant.zero

        init(id: PeerID, disk: RaftState) {
            self.id = id
            self.disk = disk
        }
    }

    enum Happening {
        case arrival(RaftMessage, from: Int, to: Int, life: Int)
        case wake(Int, life: Int)
        case written(Int, WriteToken, life: Int)
        case fault
        case client
        case coup(Int, life: Int)
        case rise(Int, life: Int)
    }

    package let seed: UInt64
    var random: SeededGenerator
    var weather: Weather
    var settings = RaftSettings()
    var peers: [Peer] = []
    var places: [PeerID: Int] = [:]
    var now = Instant.zero
    var queue = EventQueue<Happening>()
    var checks = Checks()
    /// Pairs that cannot hear each other, `from * 16 + to`.
    var cut: Set<Int> = []
    var nextCommand: UInt64 = 0
    var nextRead: UInt64 = 0
    var readFloors: [ReadID: LogIndex] = [:]
    var isCalm = false
    package private(set) var counts: [String: Int] = [:]

    package init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        weather = Weather()
        let size = 3 + draw(5)
        let voterCount = min(size, [1, 2, 3, 3, 3, 4, 5, 5][draw(8)])
        drawWeather()
        settings.maxEntryBytesPerMessage = [40, 100, 1000][draw(3)]
        settings.maxInflightAppends = 1 + draw(6)
        settings.maxWritesUnderWay = 1 + draw(4)
        settings.maxUncommittedBytes = 4000
        // A leader that is missed sooner: more elections in the same time, and with slow disks entries are replaced while they are
        // being written. No draw, so that the other worlds stay what they were.
        if seed % 2 == 1 { settings.times = RaftTimes(heartbeat: .milliseconds(300), heartbeatsMissed: 4) }
        let ids = (0..<size).map(World.id)
        let founding = RaftState(
            hard: HardState(term: Term(1), vote: nil),
            snapshot: RaftSnapshot(
                index: LogIndex(1), term: Term(1), voters: VoterSet(voters: Array(ids[..<voterCount])),
                state: Application().bytes),
            entries: [])
        for (place, id) in ids.enumerated() {
            places[id] = place
            // Who is no voter begins with nothing.
            peers.append(Peer(id: id, disk: place < voterCount ? founding : .empty))
        }
        checks.begin(founding)
        for place in peers.indices { start(place) }
        queue.add(.client, at: .zero)
        queue.add(.fault, at: .zero)
    }

    /// A, B, C ...
    private static let ids = (0..<26).map { PeerID([UInt8](repeating: 0, count: 31) + [UInt8($0 + 1)])! }
    package static func id(_ place: Int) -> PeerID { ids[place] }

    func draw(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    func chance(_ percent: Int) -> Bool { draw(100) < percent }
    func count(_ what: String) { counts[what, default: 0] += 1 }

    private func drawWeather() {
        weather.loss = chance(50) ? draw(30) : 0
        weather.duplicates = chance(50) ? draw(50) : 0
        weather.delay = 1 + draw(chance(30) ? 300 : 40)
        weather.clogs = chance(30) ? draw(5) : 0
        weather.diskDelay = 1 + draw([2, 20, 300][draw(3)])
        weather.crashes = chance(70) ? draw(25) : 0
        weather.coups = chance(30) ? 30 + draw(70) : 0
        weather.partitions = chance(70) ? draw(25) : 0
        weather.voterChanges = chance(60) ? draw(40) : 0
        weather.transfers = chance(40) ? draw(20) : 0
        weather.compactions = chance(60) ? draw(40) : 0
        weather.announcesLosses = chance(50)
    }

    // MARK: Running

    /// Nil where everything held.
    package func run() -> Broken? {
        run(until: .zero.advanced(by: .seconds(15)))
        if let failure = checks.failure { return failure }
        calmDown()
        run(until: now.advanced(by: .seconds(10)))
        return checks.failure ?? converge()
    }

    func run(until end: Instant) {
        while checks.failure == nil, let time = queue.nextTime, time <= end, let happening = queue.take() {
            now = time
            handle(happening)
        }
        now = end
    }

    private func handle(_ happening: Happening) {
        switch happening {
        case .arrival(let message, let from, let to, let life):
            guard peers[to].raft != nil, peers[to].life == life, !cut.contains(from * 16 + to) else { return }
            peers[to].raft?.received(message, from: World.id(from), at: now)
            settle(to)
        case .wake(let place, let life):
            guard let raft = peers[place].raft, peers[place].life == life else { return }
            peers[place].nextWake = Raft.never
            if raft.nextWake <= now { peers[place].raft?.passTime(at: now) }
            settle(place)
        case .written(let place, let token, let life):
            guard peers[place].raft != nil, peers[place].life == life else { return }
            let write = peers[place].writes.removeFirst()
            peers[place].disk.apply(write.write)
            peers[place].raft?.stored(token, at: now)
            settle(place)
        case .fault:
            guard !isCalm else { return }
            misfortune()
            queue.add(.fault, at: now.advanced(by: .milliseconds(Int64(50 + draw(400)))))
        case .coup(let place, let life):
            guard !isCalm, peers[place].raft != nil, peers[place].life == life else { return }
            crash(place)
            let rise = now.advanced(by: .milliseconds(Int64(draw(4000))))
            queue.add(.rise(place, life: peers[place].life), at: rise)
        case .rise(let place, let life):
            if peers[place].raft == nil, peers[place].life == life { start(place) }
        case .client:
            askSomething()
            queue.add(.client, at: now.advanced(by: .milliseconds(Int64(10 + draw(150)))))
        }
    }

    /// Does what a Raft has ready, and checks it.
    func settle(_ place: Int) {
        while let ready = peers[place].raft?.takeReady() {
            if let (token, write) = ready.write {
                checks.writes(write, peer: peers[place])
                if let first = write.entries.first, first.index <= peers[place].disk.lastIndex { count("log repaired") }
                if peers[place].writes.count > 1 { count("several writes under way") }
                peers[place].writes.append((token, write))
                let begin = max(now, peers[place].diskIsFreeAt)
                let slow = !isCalm && chance(2) ? 20 : 1
                let time = Int64(1 + draw(isCalm ? 2 : weather.diskDelay)) * Int64(slow)
                let done = begin.advanced(by: .milliseconds(time))
                peers[place].diskIsFreeAt = done
                queue.add(.written(place, token, life: peers[place].life), at: done)
            }
            for (recipient, message) in ready.messages {
                checks.sends(message, to: recipient, peer: peers[place])
                if let to = places[recipient] { send(message, from: place, to: to) }
            }
            if let snapshot = ready.restored {
                peers[place].state = checks.restored(snapshot, peer: peers[place])
                count("snapshot restored")
            }
            for entry in ready.committed {
                checks.applies(entry, peer: peers[place])
                peers[place].state.apply(entry)
                checks.applied(peers[place].state)
            }
            for read in ready.reads {
                guard let floor = readFloors.removeValue(forKey: read.id), let granted = read.granted else { continue }
                count("read granted")
                checks.reads(at: granted, floor: floor)
            }
            guard let change = ready.roleChange else { continue }
            checks.changes(change, peer: peers[place], raft: peers[place].raft!)
            if change.role == .leader { countLeader(peers[place].raft!) }
            if change.role == .leader, chance(weather.coups) {
                count("coup")
                let time = now.advanced(by: .milliseconds(Int64(draw(4 * weather.delay + 100))))
                queue.add(.coup(place, life: peers[place].life), at: time)
            }
        }
        guard peers[place].raft != nil else { return }
        checks.stands(peers[place].raft!, peer: peers[place]) { self.peers[self.places[$0]!].disk }
        if peers[place].raft!.role == .leader, peers[place].raft!.isJointCommitted, chance(30) {
            if case .appended = peers[place].raft!.leaveJoint(at: now) {
                count("voter change finished")
                settle(place)
            }
        }
        let wake = peers[place].raft!.nextWake
        if wake < peers[place].nextWake {
            peers[place].nextWake = wake
            queue.add(.wake(place, life: peers[place].life), at: max(wake, now))
        }
    }

    private func send(_ message: RaftMessage, from: Int, to: Int) {
        var copies = 1
        if !isCalm {
            if chance(weather.loss) { copies = 0 }
            if chance(weather.duplicates) { copies += 1 }
        }
        for _ in 0..<copies {
            var delay = Int64(1 + draw(isCalm ? 2 : weather.delay))
            if !isCalm, chance(weather.clogs) { delay += Int64(draw(5000)) }
            queue.add(
                .arrival(message, from: from, to: to, life: peers[to].life), at: now.advanced(by: .milliseconds(delay)))
        }
    }

    func start(_ place: Int) {
        peers[place].life += 1
        peers[place].writes = []
        peers[place].nextWake = Raft.never
        peers[place].diskIsFreeAt = now
        peers[place].state = Application(bytes: peers[place].disk.snapshot.state)
        checks.restarts(peers[place].id)
        if !peers[place].disk.entries.isEmpty { count("log recovered") }
        peers[place].raft = Raft(
            own: peers[place].id, state: peers[place].disk, settings: settings, seed: random.next(), now: now)
        settle(place)
    }

    /// A prefix of the writes under way may have reached the disk.
    func crash(_ place: Int) {
        count("crash")
        let survivors = draw(peers[place].writes.count + 1)
        for write in peers[place].writes[..<survivors] { peers[place].disk.apply(write.write) }
        peers[place].writes = []
        peers[place].raft = nil
        peers[place].life += 1
        for other in peers.indices where other != place { announceLoss(of: place, to: other) }
    }
}

/// What is decided, folded: equal states saw equal entries.
struct Application: Hashable {
    var index = LogIndex(1)
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    init() {}
    init(bytes: [UInt8]) {
        guard bytes.count == 16 else { return }
        func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        index = LogIndex(word(bytes[..<8]))
        hash = word(bytes[8...])
    }
    var bytes: [UInt8] {
        [index.value, hash].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
    }

    mutating func apply(_ entry: LogEntry) {
        index = entry.index
        mix(entry.term.value)
        mix(entry.index.value)
        if case .command(let bytes) = entry.body { for byte in bytes { mix(UInt64(byte)) } }
    }

    private mutating func mix(_ word: UInt64) { hash = (hash ^ word) &* 0x100_0000_01b3 }
}
