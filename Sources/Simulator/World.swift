import Chain
import Identity
import MeshCore
import NetworkConfig
import Wire

/// Several complete peers on one local network, with a virtual clock, network, disk and compute. One seed decides everything.
///
/// It keeps the shell's side of the contract in `MeshCore`, and notes in `violations` whenever a core breaks its own: blocks computed
/// that are not in memory, a KV cache with a hole, a wake that leads nowhere again and again, a table that grows beyond its bound, a
/// request that is answered twice. `checks` adds what must hold of all of them together.
///
/// Machines never share anything but what the network carries. Nothing here is walked in the order of a hash.
public final class World {
    public struct Times {
        /// One way, for whatever travels.
        public var frame = Interval(nanoseconds: 200_000)
        /// Up to this much more, drawn anew each time.
        public var jitter = Interval(nanoseconds: 0)
        /// Until a link stands: the connection, its keys, and the first word of the other side.
        public var dial = Interval(nanoseconds: 600_000)
        public var dialTimeout = Interval.seconds(3)
        /// A link over which nothing is heard is given up after this.
        public var silence = Interval.milliseconds(1500)
        /// A side notices silence up to this much later, since it asks only so often.
        public var silenceSpread = Interval(nanoseconds: 0)
        /// Whoever doubts a link waits so long for a sign of life.
        public var probe = Interval.milliseconds(500)
        /// What was lost on a link is sent again after this, and after twice as long the next time.
        public var retransmission = Interval.milliseconds(200)
        /// Until small state is durable, and from then until the core is told.
        public var persist = Interval.milliseconds(2)
        public var persistSpread = Interval(nanoseconds: 0)
        public var persistAnswer = Interval.milliseconds(1)
        /// From being told to stop until the process ends.
        public var farewell = Interval.milliseconds(100)
        /// Reading or writing a part of a piece.
        public var disk = Interval(nanoseconds: 300_000)
        public var loadBlock = Interval.milliseconds(3)
        public var position = Interval(nanoseconds: 100_000)
        public init() {}
    }

    enum Happening {
        case wake(Host, life: Int)
        case action(() -> Void)
    }

    public var times = Times()
    /// Where its models' caches can be cut (`FakeCache`).
    public var cacheGrain = 1
    public var random: SeededGenerator
    public internal(set) var hosts: [Host] = []
    public private(set) var now = Instant.zero
    /// Seconds since 1970 at the beginning.
    public var wallClock: UInt64 = 1_800_000_000
    private var queue = EventQueue<Happening>()

    var paths = Paths()
    public var multicastWorks = true
    /// How many faults keep multicast from passing.
    var multicastStopped = 0
    /// Shares of datagrams. What is lost on a link comes later.
    public var loss = 0.0
    public var duplicates = 0.0
    /// The share of datagrams that others overtake.
    public var reordered = 0.0
    /// Counts what travels, while somebody wants to know.
    var meter: TrafficMeter?
    /// Datagrams called out to everybody so far.
    public internal(set) var multicasts = 0
    /// Bytes of gossip sent so far.
    public internal(set) var gossipBytes = 0
    /// The share of frames and datagrams that are coded and read again on their way.
    public var codedShare = 1.0
    var hostAt: [Endpoint: Int] = [:]
    var indexOf: [PeerID: Int] = [:]
    var addressesGiven = 0

    var lastRequest: UInt64 = 0
    public internal(set) var responses: [RequestID: [Response]] = [:]
    public internal(set) var answeredAt: [RequestID: Instant] = [:]
    /// Which requests have had their last answer.
    private var outcomes: [RequestID: Response] = [:]
    /// Told of each response when it has been noted. Must not speak to a core at once.
    var responded: ((RequestID, Response, Host) -> Void)?
    public private(set) var events: [(host: Int, time: Instant, event: Event)] = []
    /// Whether `events` is kept.
    public var keepsEvents = true
    public internal(set) var violations: [String] = []
    /// The first one, by the name of its invariant.
    public internal(set) var firstViolation: (invariant: String, what: String, at: Instant, hosts: [Int])?
    /// The last events before it, of the machines concerned.
    var diagram: [String] = []
    /// What must hold of all machines together. Nil where nobody asks.
    var checks: Checks?
    public internal(set) var coverage = Coverage()
    var trace = Trace()
    /// Folds every byte of what cores send into the trace.
    public var tracesBytes = false
    public private(set) var handled = 0
    /// Frames that were sent since somebody asked to keep them.
    public private(set) var recorded: [Frame] = []
    var isRecording = false
    var recordedDatagrams: [[UInt8]] = []
    /// Records that gossip carried since then.
    var recordedRecords: [Signed] = []
    var incarnations = 0
    /// Wakes of one machine within a second that are taken for a core that spins.
    var wakesMax = 200

    public init(seed: UInt64, hosts count: Int, memory: [UInt64], seeds: [Int: [Int]] = [:]) {
        random = SeededGenerator(seed: seed)
        for index in 0..<count {
            let host = addHost(
                key: World.key(name: "host\(index)", seed: seed), name: "host\(index)",
                memory: memory[index % memory.count])
            host.settings.seeds = (seeds[index] ?? []).map(World.endpoint)
        }
    }

    static func key(name: String, seed: UInt64) -> SigningKey {
        guard let key = SigningKey(seed: Digest.of(Array("\(name) of \(seed)".utf8)).bytes) else {
            preconditionFailure("a digest is a seed")
        }
        return key
    }

    public static func endpoint(of index: Int) -> Endpoint {
        guard let endpoint = Endpoint(host: "10.\(index >> 16).\(index >> 8 & 255).\(index & 255)", port: 7420) else {
            preconditionFailure("machine \(index) has no address")
        }
        return endpoint
    }

    /// Another machine on the network, switched off.
    @discardableResult
    func addHost(key: SigningKey, name: String, memory: UInt64, isPuppet: Bool = false) -> Host {
        let index = hosts.count
        let host = Host(
            index: index, key: key,
            settings: MeshSettings(name: name, sharedMemory: memory, linkPort: 7420, seeds: []),
            endpoint: World.endpoint(of: index + 1), isPuppet: isPuppet)
        hosts.append(host)
        hostAt[host.endpoint] = index
        paths.grow(to: hosts.count)
        return host
    }

    // MARK: Time

    public func after(_ interval: Interval, _ action: @escaping () -> Void) { at(now.advanced(by: interval), action) }

    public func at(_ time: Instant, _ action: @escaping () -> Void) {
        queue.plan(.action(action), at: max(time, now))
    }

    /// What a host does later, unless its process has ended by then.
    func later(_ host: Host, _ interval: Interval, _ action: @escaping () -> Void) {
        let life = host.life
        after(interval) { if host.life == life { action() } }
    }

    /// Does the next thing that happens. False where nothing ever will.
    @discardableResult
    public func step() -> Bool {
        guard let (time, event) = queue.takeNext() else { return false }
        now = time
        switch event {
        case .action(let action): action()
        case .wake(let host, let life): wake(host, life: life)
        }
        return true
    }

    public func run(for interval: Interval) {
        let end = now.advanced(by: interval)
        while let next = queue.nextTime, next <= end { step() }
        now = end
    }

    /// Runs until the condition holds, which is looked at after each step. False where it did not within the limit.
    @discardableResult
    public func run(within limit: Interval, until condition: () -> Bool) -> Bool {
        let end = now.advanced(by: limit)
        if condition() { return true }
        while let next = queue.nextTime, next <= end {
            step()
            if condition() { return true }
        }
        now = end
        return false
    }

    /// The machine's own time.
    func time(of host: Host) -> Time {
        let wall = Int64(wallClock) + now.nanoseconds / 1_000_000_000 + host.wallOffset
        return Time(
            instant: Instant(nanoseconds: now.nanoseconds + host.clockOffset), wallClock: UInt64(clamping: wall))
    }

    // MARK: Inputs

    /// Hands an input to a host's core, at once or, where the machine is paused or slow, in its time.
    public func feed(_ host: Host, _ input: Input) {
        guard host.isOn, !host.isHung else { return }
        guard !host.isPaused, host.handling.nanoseconds == 0, host.inbox.isEmpty else {
            host.inbox.append(input)
            if !host.isPaused { drain(host) }
            return
        }
        handle(input, on: host)
    }

    /// Takes the next waiting input when the machine is ready for it.
    func drain(_ host: Host) {
        guard !host.isPaused, host.inbox.nextAt == nil, !host.inbox.isEmpty else { return }
        let due = now.advanced(by: host.handling)
        host.inbox.nextAt = due
        later(host, host.handling) { [self] in
            guard host.inbox.nextAt == due else { return }
            host.inbox.nextAt = nil
            guard !host.isPaused else { return }
            if let input = host.inbox.takeFirst() { handle(input, on: host) }
            drain(host)
        }
    }

    private func handle(_ input: Input, on host: Host) {
        guard host.isOn else { return }
        handled += 1
        trace.note(.takes, Mark(input), by: host.index, with: sender(of: input, to: host), at: now)
        let time = time(of: host)
        var wake = time.instant
        let effects = host.withCore { core in
            let effects = core.handle(input, at: time)
            wake = core.nextWake(after: time.instant)
            return effects
        }
        guard let effects else { return }
        for effect in effects { perform(effect, on: host) }
        checks?.after(input, effects, on: host, in: self)
        if host.isOn { planWake(of: host, at: wake) }
    }

    private func sender(of input: Input, to host: Host) -> Int? {
        guard trace.keeps || trace.printer != nil else { return nil }
        switch input {
        case .received(_, let link): return host.links[link]?.pipe.ends[1 - (host.links[link]?.end ?? 0)].host.index
        case .linkOpened(let info):
            return host.links[info.id]?.pipe.ends[1 - (host.links[info.id]?.end ?? 0)].host.index
        case .gossipReceived(_, _, _, let endpoint): return hostAt[endpoint]
        default: return nil
        }
    }

    // MARK: Waking

    /// `wanted` is by the host's own clock.
    private func planWake(of host: Host, at wanted: Instant) {
        let own = Instant(nanoseconds: now.nanoseconds + host.clockOffset)
        if wanted <= own {
            violated("bounds", "machine \(host.index) wants to be woken at a time that has passed", [host.index])
        }
        let wake = Instant(nanoseconds: max(wanted.nanoseconds - host.clockOffset, now.nanoseconds + 1))
        host.wakeWanted = wake
        // An event that comes too early does for a later wish: it plans itself anew.
        if let planned = host.wakePlanned, planned <= wake { return }
        host.wakePlanned = wake
        queue.plan(.wake(host, life: host.life), at: wake)
    }

    private func wake(_ host: Host, life: Int) {
        guard host.life == life, host.wakePlanned == now else { return }
        host.wakePlanned = nil
        guard host.wakeWanted <= now else {
            host.wakePlanned = host.wakeWanted
            queue.plan(.wake(host, life: life), at: host.wakeWanted)
            return
        }
        guard !host.isPaused else { return }
        if host.wakes.woke(at: now) > wakesMax {
            violated("bounds", "machine \(host.index) was woken \(wakesMax) times within a second", [host.index])
        }
        feed(host, .woke)
    }

    /// After a pause: timers that have run out meanwhile fire.
    func wakeNow(_ host: Host) {
        host.wakePlanned = nil
        feed(host, .woke)
    }

    // MARK: Requests

    public func request(_ index: Int, _ request: Request) -> RequestID {
        lastRequest += 1
        let id = RequestID(lastRequest)
        responses[id] = []
        checks?.requested(id, request, on: hosts[index], in: self)
        feed(hosts[index], .requested(id, request))
        return id
    }

    public func cancel(_ index: Int, _ id: RequestID) { feed(hosts[index], .cancelled(id)) }

    /// The last response, where there is one.
    public func outcome(_ id: RequestID) -> Response? { outcomes[id] }

    /// Runs until the request is answered.
    @discardableResult
    public func answer(_ id: RequestID, within limit: Interval = .seconds(30)) -> Response? {
        run(within: limit) { outcomes[id] != nil }
        return outcomes[id]
    }

    public func tokens(_ id: RequestID) -> [Int32] {
        (responses[id] ?? []).compactMap { if case .token(let choice) = $0 { choice.token } else { nil } }
    }

    func note(_ response: Response, to id: RequestID, by host: Host) {
        if let first = outcomes[id] {
            violated("answer", "request \(id.value) was answered twice: \(first), then \(response)", [host.index])
        }
        if let checks {
            checks.answered(id, response, on: host, in: self)
        } else {
            responses[id, default: []].append(response)
        }
        answeredAt[id] = now
        switch response {
        case .token, .embedding, .waiting: break
        default: outcomes[id] = response
        }
        responded?(id, response, host)
    }

    // MARK: What is watched

    public func startRecording() { isRecording = true }

    func record(_ frame: Frame) {
        if isRecording, recorded.count < 500 { recorded.append(frame) }
    }

    /// Something happened that never may. `hosts` are the machines to look at.
    func violated(_ invariant: String, _ what: String, _ hosts: [Int] = []) {
        guard checks?.isMoot != true else { return }
        if firstViolation == nil {
            firstViolation = (invariant, what, now, hosts)
            drawDiagram(of: hosts)
        }
        guard violations.count < 1000 else { return }
        violations.append("at \(Double(now.nanoseconds) / 1e9) s: \(what)")
    }

    func note(_ event: Event, by host: Host) {
        coverage.saw(event)
        if keepsEvents { events.append((host.index, now, event)) }
    }

    public func saw(_ index: Int? = nil, _ isWanted: (Event) -> Bool) -> Bool {
        events.contains { (index == nil || $0.host == index) && isWanted($0.event) }
    }

    /// The same for the same seed, in every process.
    public var traceHash: UInt64 { trace.hash }
    /// Things that wait to happen.
    var planned: Int { queue.count }

    /// A number from 0 up to this, itself left out.
    func draw(below bound: Int64) -> Int64 { bound <= 0 ? 0 : Int64(random.next() % UInt64(bound)) }
    /// True in this share of cases.
    func chance(_ share: Double) -> Bool { share > 0 && Double(random.next() >> 11) * 0x1p-53 < share }
}

extension RequestID: CustomStringConvertible {
    public var description: String { "request \(value)" }
}
