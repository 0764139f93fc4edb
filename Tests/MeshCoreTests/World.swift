import Chain
import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore

/// A machine of the world: one core, and what a live shell would have around it.
final class Host {
    let index: Int
    let key: SigningKey
    /// Where it accepts links.
    let endpoint: Endpoint
    var settings: MeshSettings
    /// Nil while it is off.
    var core: MeshCore?
    /// Raised whenever it is switched on or off: what was under way in an earlier life never happens.
    var life = 0

    // What survives a crash.
    var epoch: UInt64 = 0
    var revisions: [NetworkID: [Revision: Signed]] = [:]
    var pieces: [Digest: [UInt8]] = [:]
    var partials: [Digest: [UInt8]] = [:]

    // What does not.
    var links: [LinkID: (pipe: Pipe, end: Int)] = [:]
    var lastLink: UInt64 = 0
    var openParts: [Digest: Piece] = [:]
    var memory: [NetworkID: Memory] = [:]
    var caches: [StageKey: Cache] = [:]
    var computeFree = Instant.zero
    var loaderFree = Instant.zero
    var wakeGeneration = 0
    /// When it was woken, lately.
    var wakes: [Instant] = []

    // How it misbehaves.
    /// Gives wrong bytes when asked for pieces.
    var lies = false
    /// Takes frames and never answers: its core hears nothing.
    var isHung = false
    /// Opening a download fails.
    var diskIsFull = false

    // What was counted.
    var partsRead = 0
    var partBytesWritten = 0
    var positionsComputed = 0
    var opensFailed = 0

    struct Memory {
        var loaded: [Int] = []
        var sizes: [UInt64] = []
    }

    struct Cache {
        var network: NetworkID
        var contents: FakeCache
        /// Another one after each `dropCache`.
        var incarnation: Int
    }

    init(index: Int, key: SigningKey, settings: MeshSettings) {
        self.index = index
        self.key = key
        self.settings = settings
        endpoint = Endpoint(host: "10.0.0.\(index + 1)", port: settings.linkPort)!
    }

    var peer: PeerID { key.peer }
    var isOn: Bool { core != nil }
    func revision(of network: NetworkID) -> Revision? { core?.networks[network]?.config.revision }
    func config(of network: NetworkID) -> NetworkConfig? { core?.networks[network]?.config }
}

/// Several cores on one local network with a virtual clock, a disk and a fake compute each. One seed decides everything.
///
/// It keeps the shell's side of the contract in `MeshCore`, and notes in `violations` whenever a core breaks its own: two payloads
/// under one revision, blocks computed that are not in memory, a KV cache with a hole, a wake that leads nowhere again and again, a
/// table that grows beyond its bound, a request that is answered twice.
final class World {
    struct Times {
        var frame = Interval(nanoseconds: 200_000)
        /// Up to this much more, drawn for each frame.
        var jitter = Interval(nanoseconds: 0)
        var dial = Interval(nanoseconds: 600_000)
        var dialTimeout = Interval.seconds(3)
        var silence = Interval.milliseconds(1500)
        /// Until a revision is durable, and from then until the core is told.
        var persist = Interval.milliseconds(2)
        var persistAnswer = Interval.milliseconds(1)
        var disk = Interval(nanoseconds: 300_000)
        var loadBlock = Interval.milliseconds(3)
        var position = Interval(nanoseconds: 100_000)
    }

    private struct Happening {
        let time: Instant
        let order: UInt64
        let action: () -> Void
        func isBefore(_ other: Happening) -> Bool { (time, order) < (other.time, other.order) }
    }

    var times = Times()
    var random: SeededGenerator
    private(set) var hosts: [Host] = []
    private(set) var now = Instant.zero
    var wallClock: UInt64 = 1_800_000_000
    private var heap: [Happening] = []
    private var happenings: UInt64 = 0

    var cables: Set<Int> = []
    /// Pairs that cannot reach one another.
    var walls: Set<[Int]> = []
    var multicastWorks = true
    /// In percent.
    var datagramLoss = 0

    private var lastRequest: UInt64 = 0
    private(set) var responses: [RequestID: [Response]] = [:]
    private(set) var answeredAt: [RequestID: Instant] = [:]
    private(set) var events: [(host: Int, time: Instant, event: Event)] = []
    private(set) var violations: [String] = []
    /// Every revision that is on any disk or was sent.
    private var payloads: [NetworkID: [Revision: Digest]] = [:]
    /// Of all effects of all cores, in order. Nil where nobody asks.
    var trace: [UInt8]?
    private(set) var handled = 0
    /// Frames that were sent since somebody asked to keep them.
    private(set) var recorded: [Frame] = []
    private var isRecording = false
    private var incarnations = 0

    init(seed: UInt64, hosts count: Int, memory: [UInt64], seeds: [Int: [Int]] = [:]) {
        random = SeededGenerator(seed: seed)
        for index in 0..<count {
            let name = "host\(index)"
            let key = SigningKey(seed: Digest.of(Array("\(name) of \(seed)".utf8)).bytes)!
            var settings = MeshSettings(
                name: name, sharedMemory: memory[index % memory.count], linkPort: 7420, seeds: [])
            settings.seeds = (seeds[index] ?? []).map { Endpoint(host: "10.0.0.\($0 + 1)", port: 7420)! }
            hosts.append(Host(index: index, key: key, settings: settings))
            cables.insert(index)
        }
    }

    // MARK: Time

    func after(_ interval: Interval, _ action: @escaping () -> Void) { at(now.advanced(by: interval), action) }

    func at(_ time: Instant, _ action: @escaping () -> Void) {
        happenings += 1
        heap.append(Happening(time: max(time, now), order: happenings, action: action))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// What a host does later, unless it was switched off by then.
    func later(_ host: Host, _ interval: Interval, _ action: @escaping () -> Void) {
        let life = host.life
        after(interval) { if host.life == life { action() } }
    }

    /// Does the next thing that happens. False where nothing ever will.
    @discardableResult
    func step() -> Bool {
        guard let next = heap.first else { return false }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2]
                where child < heap.count && heap[child].isBefore(heap[least]) {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        now = next.time
        next.action()
        return true
    }

    func run(for interval: Interval) {
        let end = now.advanced(by: interval)
        while let next = heap.first, next.time <= end { step() }
        now = end
    }

    /// Runs until the condition holds, which is looked at after each step. False where it did not within the limit.
    @discardableResult
    func run(within limit: Interval, until condition: () -> Bool) -> Bool {
        let end = now.advanced(by: limit)
        if condition() { return true }
        while let next = heap.first, next.time <= end {
            step()
            if condition() { return true }
        }
        now = end
        return false
    }

    // MARK: Machines

    func start(_ index: Int) {
        let host = hosts[index]
        precondition(host.core == nil, "host \(index) is on already")
        host.life += 1
        host.epoch += 1
        var ledgers: [ConfigLedger] = []
        for network in host.revisions.keys.sorted() {
            guard let stored = host.revisions[network], let first = stored[.first],
                let latest = stored.max(by: { $0.key < $1.key })?.value,
                let ledger = try? ConfigLedger(network: network, first: first, latest: latest)
            else {
                violated("host \(index) cannot read what it wrote of network \(network.short)")
                continue
            }
            ledgers.append(ledger)
        }
        host.computeFree = now
        host.loaderFree = now
        host.core = MeshCore(
            signer: host.key, settings: host.settings, epoch: host.epoch, seed: random.next(), networks: ledgers,
            heldPieces: host.pieces.keys.sorted())
        feed(host, .addressesChanged([host.endpoint]))
    }

    func startAll() { for host in hosts { start(host.index) } }

    /// Power fails: everything that is not on disk is lost, and others see their connections reset.
    func crash(_ index: Int) {
        let host = hosts[index]
        host.life += 1
        host.core = nil
        for id in host.links.keys.sorted() {
            guard let (pipe, end) = host.links[id] else { continue }
            pipe.isOpen = false
            closeFarEnd(of: pipe, from: end, reason: "the connection was reset")
        }
        host.links = [:]
        host.openParts = [:]
        host.memory = [:]
        host.caches = [:]
    }

    func feed(_ host: Host, _ input: Input) {
        guard host.core != nil, !host.isHung else { return }
        handled += 1
        let effects = host.core!.handle(
            input, at: Time(instant: now, wallClock: wallClock + UInt64(now.nanoseconds / 1_000_000_000)))
        if trace != nil { note(effects, of: host) }
        for effect in effects { perform(effect, on: host) }
        check(host)
        scheduleWake(of: host)
    }

    private func scheduleWake(of host: Host) {
        guard let wake = host.core?.nextWake(after: now) else { return }
        if wake <= now {
            violated("host \(host.index) wants to be woken at \(wake.nanoseconds), and it is \(now.nanoseconds)")
        }
        host.wakeGeneration += 1
        let generation = host.wakeGeneration
        let life = host.life
        at(wake) { [self] in
            guard host.life == life, host.wakeGeneration == generation else { return }
            host.wakes.append(now)
            if host.wakes.count > 100 { host.wakes.removeFirst() }
            if host.wakes.count == 100, now.since(host.wakes[0]) < .seconds(1) {
                violated("host \(host.index) was woken 100 times within \(now.since(host.wakes[0]).milliseconds) ms")
                host.wakes = []
            }
            feed(host, .woke)
        }
    }

    /// Lets a host free a session, as it does where memory is short.
    func evict(_ session: SessionID, on index: Int) {
        let host = hosts[index]
        host.core?.runStages(.evicted(session), at: now)
        feed(host, .woke)
    }

    // MARK: Requests

    func request(_ index: Int, _ request: Request) -> RequestID {
        lastRequest += 1
        let id = RequestID(lastRequest)
        responses[id] = []
        feed(hosts[index], .requested(id, request))
        return id
    }

    func cancel(_ index: Int, _ id: RequestID) { feed(hosts[index], .cancelled(id)) }

    /// The last response, where there is one.
    func outcome(_ id: RequestID) -> Response? {
        responses[id]?.last.flatMap { response in
            switch response {
            case .token, .waiting: nil
            default: response
            }
        }
    }

    /// Runs until the request is answered.
    @discardableResult
    func answer(_ id: RequestID, within limit: Interval = .seconds(30)) -> Response? {
        run(within: limit) { outcome(id) != nil }
        return outcome(id)
    }

    func tokens(_ id: RequestID) -> [Int32] {
        (responses[id] ?? []).compactMap { if case .token(let token) = $0 { token } else { nil } }
    }

    // MARK: What cores do

    private func perform(_ effect: Effect, on host: Host) {
        switch effect {
        case .multicast(let datagram): multicast(datagram, from: host)
        case .dial(let endpoint, let expecting, let purpose, let tag):
            dial(endpoint, expecting: expecting, purpose: purpose, tag: tag, from: host)
        case .send(let frame, let link):
            if case .config(let network, _, let latest) = frame { noteRevision(latest, of: network, by: host) }
            if isRecording, recorded.count < 500 { recorded.append(frame) }
            send(frame, on: link, from: host)
        case .closeLink(let link, let reason): close(link, of: host, reason: reason)
        case .persistRevision(let ticket, let network, let revision, let signed):
            later(host, times.persist) { [self] in
                noteRevision(signed, of: network, by: host)
                host.revisions[network, default: [:]][revision] = signed
                later(host, times.persistAnswer) { [self] in feed(host, .persisted(ticket)) }
            }
        case .forgetNetwork(let network):
            later(host, times.persist) { host.revisions[network] = nil }
            host.memory[network] = nil
        case .openPart(let piece): open(piece, on: host)
        case .writePart(let digest, let offset, let bytes): write(digest, offset: offset, bytes: bytes.bytes, on: host)
        case .readPart(let link, let request): read(request, for: link, on: host)
        case .reside(let network, let manifest, let pinned, let wanted):
            reside(network, manifest, pinned: pinned, wanted: wanted, on: host)
        case .compute(let work): compute(work, on: host)
        case .truncateCache(let key, let position): host.caches[key]?.contents.truncate(to: position.value)
        case .resetCache(let key, let network, let blocks):
            if host.caches[key] == nil { incarnations += 1 }
            host.caches[key] = Host.Cache(
                network: network, contents: FakeCache(blocks: blocks),
                incarnation: host.caches[key]?.incarnation ?? incarnations)
        case .dropCache(let key): host.caches[key] = nil
        case .respond(let id, let response):
            if outcome(id) != nil { violated("request \(id.value) was answered twice: \(response)") }
            responses[id, default: []].append(response)
            answeredAt[id] = now
        case .log(let event): events.append((host.index, now, event))
        }
    }

    // MARK: What is watched

    func startRecording() { isRecording = true }

    func violated(_ what: String) { violations.append("at \(Double(now.nanoseconds) / 1e9) s: \(what)") }

    private func noteRevision(_ signed: Signed, of network: NetworkID, by host: Host) {
        guard let config = try? NetworkConfig(payload: signed.payload) else {
            return violated("host \(host.index) sends a config that cannot be read")
        }
        let digest = Digest.of(signed.payload)
        if let known = payloads[network]?[config.revision], known != digest {
            violated("two different revisions \(config.revision) of network \(network.short) are signed")
        }
        payloads[network, default: [:]][config.revision] = digest
    }

    private func check(_ host: Host) {
        guard let core = host.core else { return }
        for (what, count, limit) in core.tableSizes where count > limit {
            violated("host \(host.index) keeps \(count) \(what), more than \(limit)")
        }
    }

    func saw(_ index: Int? = nil, _ isWanted: (Event) -> Bool) -> Bool {
        events.contains { (index == nil || $0.host == index) && isWanted($0.event) }
    }
}

extension RequestID: CustomStringConvertible {
    public var description: String { "request \(value)" }
}
