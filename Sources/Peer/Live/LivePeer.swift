import Chain
import Identity
import Logging
import MeshCore
import NIOCore
import NIOPosix
import Storage
import Synchronization
import Transport
import Wire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The live peer: a shell that runs one `MeshCore` on the real clock, network, disk and compute thread.
///
/// Links, discovery and the core share one event loop, so that a frame of a chain passes from the socket through the core and out
/// again without changing threads. Files are read and written on a thread of their own, in order; computing has another. What
/// those report comes back to the event loop as inputs.
///
/// Unchecked: all mutable state is touched on `eventLoop` only; the methods that others may call say so and hop there.
final class LivePeer: @unchecked Sendable {
    let eventLoop: any EventLoop
    private let log: Logger
    private let links: LinkService
    private let gossip: GossipService
    private let discovery: DiscoveryService
    private let disk: DiskService
    private var compute: ComputeService?

    private var core: MeshCore
    /// Inputs that arose while the core's effects were being done; they wait for their turn.
    private var waiting: [Input] = []
    private var isRunning = false
    private var isStopped = false
    /// Whether other threads may still hand things to the event loop. It ends before the compute thread and the disk do, and
    /// what they report after that has nobody to hear it.
    private let isOpen = Mutex(true)
    private var wake: Scheduled<Void>?
    private var wakeAt: Instant?
    private let started = NIODeadline.now()

    private var requests: [RequestID: (Response) -> Void] = [:]
    private var nextRequest: UInt64 = 0
    /// Called once, with a sentence, when the peer cannot go on.
    private let fail: @Sendable (String) -> Void

    struct Parts {
        let key: SigningKey
        let epoch: UInt64
        let networks: [StoredNetwork]
        let heldPieces: [Digest]
        let settings: MeshSettings
        let links: LinkService
        let gossip: GossipService
        let discovery: DiscoveryService
        let disk: DiskService
        let log: Logger
    }

    init(_ parts: Parts, eventLoop: any EventLoop, fail: @escaping @Sendable (String) -> Void) {
        self.eventLoop = eventLoop
        self.fail = fail
        log = parts.log
        links = parts.links
        gossip = parts.gossip
        discovery = parts.discovery
        disk = parts.disk
        core = MeshCore(
            signer: parts.key, settings: parts.settings, epoch: parts.epoch,
            seed: Entropy.bytes(8).reduce(0) { $0 << 8 | UInt64($1) }, networks: parts.networks,
            heldPieces: parts.heldPieces, now: .zero)
    }

    /// Connects the services and takes the first step. Called once.
    func start(compute: ComputeService) {
        eventLoop.execute { [self] in
            self.compute = compute
            links.delegate = self
            gossip.delegate = self
            discovery.delegate = self
            refreshAddresses()
            eventLoop.scheduleRepeatedTask(initialDelay: .seconds(5), delay: .seconds(5)) { [weak self] task in
                guard let self, !self.isStopped else { return task.cancel() }
                self.refreshAddresses()
            }
        }
    }

    /// How long a peer that is being stopped goes on, so that another voter can take its office over.
    private static let farewell = TimeAmount.milliseconds(200)

    /// Ends it in good order: the others are told, and then nothing is handled any more. May be called from anywhere.
    func stop() async {
        // A loop that is shut down already handles nothing either.
        try? await perform { [self] in
            handle(.stopping)
            return eventLoop.scheduleTask(in: core.status.isEmpty ? .zero : LivePeer.farewell) { [self] in
                isStopped = true
                wake?.cancel()
                for respond in requests.values { respond(.refused("this peer was stopped")) }
                requests = [:]
            }
        }?.futureResult.get()
        isOpen.withLock { $0 = false }
    }

    private var addresses: [Endpoint] = []

    private func refreshAddresses() {
        let hosts = discovery.localAddresses()
        let found = (hosts.isEmpty ? ["127.0.0.1"] : hosts).compactMap {
            Endpoint(host: $0, port: core.settings.linkPort)
        }
        guard found != addresses else { return }
        addresses = found
        handle(.addressesChanged(found))
    }

    // MARK: The loop

    private func now() -> Time {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let elapsed = NIODeadline.now() - started
        return Time(instant: Instant(nanoseconds: elapsed.nanoseconds), wallClock: UInt64(max(0, time.tv_sec)))
    }

    /// Hands an input to the core and does what comes of it. On the event loop.
    func handle(_ input: Input) {
        eventLoop.assertInEventLoop()
        waiting.append(input)
        guard !isRunning else { return }
        isRunning = true
        while !waiting.isEmpty, !isStopped {
            let input = waiting.removeFirst()
            for effect in core.handle(input, at: now()) { perform(effect) }
        }
        isRunning = false
        scheduleWake()
    }

    /// The same from any thread.
    func submit(_ input: Input) {
        isOpen.withLock { isOpen in
            if isOpen { eventLoop.execute { self.handle(input) } }
        }
    }

    /// Does something on the event loop, from anywhere; nil where the peer has stopped.
    private func perform<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
        let future = isOpen.withLock { isOpen in isOpen ? eventLoop.submit(body) : nil }
        return try? await future?.get()
    }

    private func scheduleWake() {
        guard !isStopped else { return }
        let now = now().instant
        let at = core.nextWake(after: now)
        if let wakeAt, let _ = wake, wakeAt <= at, wakeAt > now { return }
        wake?.cancel()
        wakeAt = at
        wake = eventLoop.scheduleTask(in: .nanoseconds(max(0, at.since(now).nanoseconds))) { [weak self] in
            guard let self else { return }
            self.wake = nil
            self.handle(.woke)
        }
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .multicast(let datagram): _ = discovery.multicast(datagram)
        case .dial(let endpoint, let expecting, let purpose, let tag):
            links.dial(
                endpoint, expecting: expecting, purpose: purpose == .member ? .member : .admission,
                dial: DialID(tag.value))
        case .send(let frame, let link):
            switch links.send(frame, on: link) {
            case .sent, .overflow, .noLink: break
            case .unsendable: log.error("a frame was over the limits and was not sent", metadata: ["link": "\(link)"])
            }
        case .closeLink(let link, let reason): links.close(link, reason: reason)
        case .probeLink(let link): links.probe(link)
        case .gossip(let network, let message, let peer, let endpoint):
            gossip.send(message.datagram(network: network), to: peer, at: endpoint)
        case .persistLedger(let ticket, let network, let certified):
            persist(.ledger(network, certified), ticket)
        case .persistRaft(let ticket, let network, let generation, let write):
            persist(.raft(network, generation: generation, write), ticket)
        case .forgetNetwork(let network):
            compute?.forget(network)
            persist(.removal(network), nil)
        case .raiseEpoch(let ticket, let epoch):
            disk.persist(.epoch(epoch)) { [self] error in
                if let error { return fail("\(error)") }
                eventLoop.execute { [self] in
                    gossip.raise(epoch: epoch)
                    submit(.persisted(ticket))
                }
            }
        case .openPart(let piece): disk.open(piece) { [self] in submit($0) }
        case .writePart(let digest, let offset, let bytes):
            disk.write(digest, offset: offset, bytes: bytes) { [self] in submit($0) }
        case .readPart(let link, let request): disk.read(request, for: link) { [self] in submit($0) }
        case .reside(let network, let manifest, let pinned, let wanted):
            compute?.reside(network, manifest, pinned: pinned, wanted: wanted)
        case .compute(let work): compute?.compute(work)
        case .truncateCache(let key, let position): compute?.truncateCache(key, to: position)
        case .resetCache(let key, let network, let blocks): compute?.resetCache(key, network: network, blocks: blocks)
        case .dropCache(let key): compute?.dropCache(key)
        case .respond(let request, let response):
            guard let respond = requests[request] else { return }
            if response.isLast { requests[request] = nil }
            respond(response)
        case .log(let event):
            log.log(level: event.level, "\(event)")
            if event.level >= .info { disk.note("\(event)", at: now().wallClock) }
        }
    }

    private func persist(_ write: AgreedWrite, _ ticket: StorageTicket?) {
        disk.persist(write) { [self] error in
            if let error { return fail("\(error)") }
            if let ticket { submit(.persisted(ticket)) }
        }
    }

    // MARK: For services

    /// Starts a request. `respond` is called on the event loop, the last time with a response that is the last. May be called from
    /// anywhere.
    func request(_ request: Request, respond: @escaping @Sendable (Response) -> Void) async -> RequestID? {
        await perform { [self] () -> RequestID? in
            guard !isStopped else {
                respond(.refused("this peer is stopping"))
                return nil
            }
            nextRequest += 1
            let id = RequestID(nextRequest)
            requests[id] = respond
            handle(.requested(id, request))
            return id
        } ?? nil
    }

    /// Gives a request up: it is not answered any more, except a chat, which ends as cancelled.
    func cancel(_ id: RequestID) {
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            eventLoop.execute { [self] in
                handle(.cancelled(id))
                // Most requests get no answer after that, and nobody would hear it.
                requests[id] = nil
            }
        }
    }

    /// Reads the core, on the event loop.
    func read<Value: Sendable>(_ body: @escaping @Sendable (MeshCore) -> Value) async -> Value? {
        await perform { body(self.core) }
    }
}

extension LivePeer: LinkDelegate {
    func linkAccepts(_ peer: PeerID, purpose: LinkPurpose, direction: LinkDirection) -> Bool {
        core.accepts(peer, purpose: purpose == .member ? .member : .admission)
    }

    func linkOpened(_ link: LinkOpened) {
        handle(
            .linkOpened(
                LinkInfo(
                    id: link.id, peer: link.peer, purpose: link.purpose == .member ? .member : .admission,
                    isOutbound: link.direction == .outbound, remote: link.remote,
                    dial: link.dial.map { DialTag($0.value) })))
    }

    func linkReceived(_ frame: Frame, on id: LinkID) { handle(.received(frame, on: id)) }

    func linkClosed(_ id: LinkID, reason: LinkCloseReason) { handle(.linkClosed(id, reason: reason.description)) }

    func dialFailed(_ dial: DialID, endpoint: Endpoint, reason: String) {
        handle(.dialFailed(DialTag(dial.value), reason: reason))
    }
}

extension LivePeer: GossipDelegate {
    func gossipAccepts(_ peer: PeerID) -> Bool { core.accepts(peer, purpose: .member) }

    func gossipReceived(_ bytes: [UInt8], from peer: PeerID, at source: Endpoint) {
        // What a later version says, and this one cannot read, is as good as lost on the way.
        guard let (network, message) = try? GossipMessage.read(datagram: bytes) else { return }
        handle(.gossipReceived(network, message, from: peer, at: source))
    }

    func gossipSocketChanged(failure: String?) {
        if let failure {
            log.warning("gossip goes over links only, since no datagrams can be exchanged: \(failure)")
        } else {
            log.info("gossip goes by datagrams again")
        }
    }
}

extension LivePeer: DiscoveryDelegate {
    func datagramReceived(_ bytes: [UInt8], from host: String) { handle(.datagramReceived(bytes, host: host)) }
}

extension Response {
    var isLast: Bool {
        switch self {
        case .token, .embedding, .waiting: false
        default: true
        }
    }
}

extension Event {
    /// What a person who watches the peer wants to see, and what only a person who looks for a fault does.
    fileprivate var level: Logger.Level {
        switch self {
        case .equivocationSeen, .configRefused, .stageFailed, .ownIdentityElsewhere, .votesGivenUp, .diskTrusted:
            .warning
        case .peerSeen, .recordRefused, .pieceFetched, .pieceRefused, .routeOpened: .debug
        default: .info
        }
    }
}
