import Chain
import Identity
import MeshCore
import NetworkConfig
import Wire

/// A machine of the world: one core, and what a live shell would have around it.
public final class Host {
    public let index: Int
    /// Another one after the disk was wiped.
    public internal(set) var key: SigningKey
    /// Where it accepts links, and whence its datagrams come.
    public internal(set) var endpoint: Endpoint
    public var settings: MeshSettings
    /// The process; nil while it does not run.
    private var process: Process?
    /// Raised whenever it is started or ends: what was under way in an earlier life never happens.
    public internal(set) var life = 0

    public var disk = Disk()
    /// Pieces that have lost a bit since they were written.
    var rotten: Set<Digest> = []
    /// As the disk was at times, oldest first.
    var backups: [Disk] = []

    // What ends with the process.
    var links: [LinkID: LinkEnd] = [:]
    var lastLink: UInt64 = 0
    var openParts: [Digest: Piece] = [:]
    var memory = SortedMap<NetworkID, Memory>()
    public internal(set) var caches: [StageKey: Cache] = [:]
    var computeFree = Instant.zero
    var loaderFree = Instant.zero
    var diskFree = Instant.zero
    /// When the core wishes to be woken, and when an event stands in the queue for that.
    var wakeWanted = Instant.zero
    var wakePlanned: Instant?
    var wakes = WakeMeter()
    /// Inputs that wait, since the machine is paused or slow.
    var inbox = Inbox()

    // How it fares.
    /// Its cable is pulled.
    var isUnplugged = false
    /// Without power nothing answers; otherwise a dial is refused at once where no process runs.
    var hasPower = true
    var isPaused = false
    var pausedAt = Instant.zero
    /// How long each input takes to be handled.
    var handling = Interval(nanoseconds: 0)
    /// Computing and loading take so many times longer.
    var slowness: Int64 = 1
    /// Its monotonic clock, less the world's.
    public internal(set) var clockOffset: Int64 = 0
    /// Its wall clock, less the world's, in seconds.
    public var wallOffset: Int64 = 0
    var writeDelay: Interval?
    var nextSyncFails = false
    /// Opening a download fails, and so does whatever must be written.
    public var diskIsFull = false
    /// Gives wrong bytes when asked for pieces.
    public var lies = false
    /// Takes frames and never answers: its core hears nothing.
    public var isHung = false
    /// Breaks rules by what it says: what becomes of it is nobody's concern any more.
    public internal(set) var isMalicious = false
    /// Another machine with the same identity: neither is judged while both run.
    public internal(set) var cloneOf: Int?
    /// Machines with the same identity, whether they still run or not.
    var twins: [Int] = []
    /// Its disk was set back to what it was earlier, or a copy of it has spoken: it does not know all that was promised in its name,
    /// and no other machine has told it yet.
    var wasSetBack = false
    /// Off or out of reach for ever: nobody starts it again, and nobody waits for it.
    public internal(set) var isGone = false
    /// No process, only something that speaks over links.
    let isPuppet: Bool

    // What was counted.
    public internal(set) var partsRead = 0
    public internal(set) var partBytesWritten = 0
    public internal(set) var positionsComputed = 0
    public internal(set) var opensFailed = 0

    /// In a box of its own, since to look at a core as a value, be it only whether it is there, copies all of its parts.
    private final class Process {
        var core: MeshCore
        init(_ core: MeshCore) { self.core = core }
    }

    /// A copy, or nil while the process does not run.
    public var core: MeshCore? {
        get { process?.core }
        set { process = newValue.map(Process.init) }
    }

    struct Memory {
        var loaded: [Int] = []
        /// What the core wished for last, whether it fitted or not.
        var asked: [BlockRange] = []
        var sizes: [UInt64] = []
    }

    public struct Cache {
        public let network: NetworkID
        public var contents: FakeCache
        /// Another one after each `dropCache`.
        let incarnation: Int
    }

    init(index: Int, key: SigningKey, settings: MeshSettings, endpoint: Endpoint, isPuppet: Bool = false) {
        self.index = index
        self.key = key
        self.settings = settings
        self.endpoint = endpoint
        self.isPuppet = isPuppet
    }

    /// In the order in which they were made.
    var orderedLinks: [LinkEnd] { links.keys.sorted().compactMap { links[$0] } }

    public var peer: PeerID { key.peer }
    public var isOn: Bool { process != nil }
    public var name: String { settings.name }

    /// On, awake and at full speed.
    var isWell: Bool { isOn && !isPaused && !isHung && handling.nanoseconds == 0 && !isMalicious }

    /// The core where it lies.
    func withCore<Result>(_ body: (inout MeshCore) -> Result) -> Result? {
        guard let process else { return nil }
        return body(&process.core)
    }

    func inspect(_ network: NetworkID) -> NetworkInspection? { withCore { $0.inspect(network) } ?? nil }

    public func revision(of network: NetworkID) -> Revision? { inspect(network)?.config.revision }
    public func config(of network: NetworkID) -> NetworkConfig? { inspect(network)?.config }

    public var epoch: UInt64 { disk.epoch }
    public var pieces: [Digest: [UInt8]] {
        get { disk.pieces }
        _modify { yield &disk.pieces }
    }
    public var partials: [Digest: [UInt8]] {
        get { disk.partials }
        _modify { yield &disk.partials }
    }
}

/// Notices a core that is woken again and again.
struct WakeMeter {
    private var windowStart = Instant.zero
    private var count = 0

    /// How often it was woken within the second that began at the first of them; the second one after the other.
    mutating func woke(at now: Instant) -> Int {
        if now.since(windowStart) >= .seconds(1) {
            windowStart = now
            count = 0
        }
        count += 1
        return count
    }
}

/// Inputs that wait for a machine which is paused or slow. Datagrams that find the socket's buffer full are lost.
struct Inbox {
    static let datagramsMax = 256
    private var inputs: [Input] = []
    private var first = 0
    private var datagrams = 0
    /// When the machine takes the next one.
    var nextAt: Instant?

    var isEmpty: Bool { first == inputs.count }
    var count: Int { inputs.count - first }

    mutating func append(_ input: Input) {
        if Inbox.isDatagram(input) {
            guard datagrams < Inbox.datagramsMax else { return }
            datagrams += 1
        }
        inputs.append(input)
    }

    mutating func takeFirst() -> Input? {
        guard first < inputs.count else { return nil }
        let input = inputs[first]
        first += 1
        if Inbox.isDatagram(input) { datagrams -= 1 }
        if first > 64, first * 2 > inputs.count {
            inputs.removeFirst(first)
            first = 0
        }
        return input
    }

    private static func isDatagram(_ input: Input) -> Bool {
        switch input {
        case .datagramReceived, .gossipReceived: true
        default: false
        }
    }
}
