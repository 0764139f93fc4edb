import Identity
import Wire

/// One range of blocks in one session, on the peer that computes it.
///
/// A stage applies positions strictly in order, each exactly once, because its KV cache is a function of everything it has applied:
/// a hole or a double would not raise an error but yield fluent nonsense. It has two neighbours. From the one before it (the
/// driver, where it is the first) it gets tokens or hidden states, and tells it by `Resume` where to begin. For the one after it,
/// it keeps all that it produced in its log, and sends from wherever that neighbour asks. The last stage has no log but remembers
/// its last sample, in case the frame that carried it was lost.
///
/// A new route reaches it as a `RouteOpen` with a higher epoch. Where its range is the same, it keeps its KV cache, its log and its
/// place; a computation under way is given up and done again, which is how a result that was lost cannot stop it for good. Frames
/// of another epoch are dropped. They would do no harm if they were right, but they come from a peer that was replaced, perhaps
/// because it was not.
public struct Stage: Sendable {
    public enum Input: Hashable, Sendable {
        case opened(RouteOpen, from: PeerID)
        case received(Frame, from: PeerID)
        case computed(StageTicket, StageResult)
        /// The blocks of `needBlocks` can be computed now.
        case blocksReady(BlockRange)
        /// They cannot be had. One sentence that says why.
        case blocksRefused(BlockRange, reason: String)
        /// They went, and cannot be had again for now, whether this stage waited for them or had them.
        case blocksLost(BlockRange, reason: String)
        /// A link to this peer is up (again): what was under way on the one before may be lost.
        case linked(PeerID)
        /// The session is over.
        case closed
        /// Its memory is needed for something else. The driver is told, and opens a route anew when it goes on.
        case evicted
        case tick
    }

    enum Readiness: Hashable {
        /// Waiting for its blocks.
        case loading
        case ready
        /// It told the driver that it cannot go on; only a new route wakes it.
        case failed
    }

    struct Computation: Hashable {
        let ticket: StageTicket
        /// Of its positions.
        let tokens: [Int32]
        let output: StageWork.Output
        var count: Int { tokens.count }
    }

    public let key: StageKey
    /// The peer that this stage is on.
    public let peer: PeerID
    let incarnation: UInt64
    let settings: ChainSettings

    /// The route that it is part of; nil before the first `opened`.
    public internal(set) var route: RouteOpen?
    public internal(set) var driver: PeerID?
    /// The first position that it has not applied. Its KV cache holds exactly the positions below.
    public internal(set) var next = Position.zero
    /// When anything but `tick` was last handled.
    public internal(set) var lastActivity = Instant.zero
    var readiness = Readiness.loading
    /// The newest position after which a token is to be sampled.
    var samplePoint: Position?
    /// The last token or embedding told from here, and the position that it takes.
    var lastAnswer: (position: Position, result: StageResult)?
    /// What was produced for the next stage. `log.end == next`; empty on the last stage.
    var log = HopLog()
    /// How far the log was sent. Open from the next stage's `Resume` in this epoch on.
    var window = HopWindow()
    var queue = InputQueue()
    /// Bytes of one position of hidden states that come in; 0 before the first.
    var inputStride = 0
    var computing: Computation?
    var ticketsIssued: UInt64 = 0
    /// The `next` that the stage before was last told.
    var reported = Position.zero
    /// A frame was dropped that nobody will send again unless asked.
    var isMissing = false
    /// It was asked for, and has not come yet.
    var hasAsked = false
    /// Since when it loads or computes the same thing; nil while it waits for input.
    var busySince: Instant?
    var lastSign = Instant.zero

    /// `incarnation` is a number never used before for this key on this peer since it started.
    public init(key: StageKey, peer: PeerID, incarnation: UInt64, settings: ChainSettings = .standard) {
        self.key = key
        self.peer = peer
        self.incarnation = incarnation
        self.settings = settings
    }

    /// 0 before the first route.
    public var epoch: RouteEpoch { route?.epoch ?? RouteEpoch(0) }
    /// Its place in the route; nil before the first.
    public var index: Int? { route?.stage }
    public var blocks: BlockRange? { route.map { $0.stages[$0.stage].blocks } }
    /// Bytes of memory that its log takes.
    public var logBytes: Int { log.bytes }
    /// Positions received and not yet applied, those being computed included.
    public var queuedPositions: Int { queue.count + (computing?.count ?? 0) }
    var isLast: Bool { route.map { $0.stage == $0.stages.count - 1 } ?? false }
    /// Whoever feeds it.
    var upstream: PeerID? {
        guard let route else { return nil }
        return route.stage == 0 ? driver : route.stages[route.stage - 1].peer
    }
    var downstream: PeerID? {
        guard let route, route.stage + 1 < route.stages.count else { return nil }
        return route.stages[route.stage + 1].peer
    }

    /// When `tick` must come at the latest.
    public var nextDeadline: Instant? {
        guard let busySince, lastSign.since(busySince) < settings.busyPatience else { return nil }
        return lastSign.advanced(by: settings.heartbeat)
    }

    /// Frees the memory of the log, except for what the next stage still has to be sent. If a newcomer asks for what is gone, this
    /// stage goes back to that position and computes it again.
    public mutating func dropLog() {
        log.drop(before: window.isOpen ? min(window.sent, log.end) : log.end)
    }

    public mutating func handle(_ input: Input, at now: Instant) -> [StageEffect] {
        var effects: [StageEffect] = []
        if input != .tick { lastActivity = now }
        switch input {
        case .opened(let open, let driver): opened(open, from: driver, now, &effects)
        case .received(let frame, let sender): received(frame, from: sender, now, &effects)
        case .computed(let ticket, let result): computed(ticket, result, now, &effects)
        case .blocksReady(let range): blocksReady(range, now, &effects)
        case .blocksRefused(let range, let reason):
            if readiness == .loading, range == blocks { fail(reason, &effects) }
        case .blocksLost(let range, let reason):
            if readiness != .failed, range == blocks { fail(reason, &effects) }
        case .linked(let peer):
            guard peer == upstream, peer != self.peer else { break }
            isMissing = true
            hasAsked = false
            recover(&effects)
        case .evicted:
            fail("its memory was needed", &effects)
            effects.append(.dropCache(key))
        case .closed: effects.append(.dropCache(key))
        case .tick: tick(now, &effects)
        }
        return effects
    }
}
