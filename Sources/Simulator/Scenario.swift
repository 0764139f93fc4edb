/// A story for a world of peers, with everything in it that is drawn anew for each seed.
public struct Scenario: Sendable, Hashable {
    public var name: String
    /// What it is about, for people.
    public var story: String
    /// How many machines there are.
    public var peers: ClosedRange<Int>
    public var model: Model
    /// What each machine lends, as a share of the model's memory: drawn for each machine by itself.
    public var lends: ClosedRange<Double>
    public var network: Network
    public var disk: Disk
    public var opening: Opening
    public var workload: Workload
    /// What happens at set times.
    public var timeline: [Step]
    /// What happens by chance; nil for a quiet world.
    public var chaos: Chaos?
    /// How long faults and workload go on, in simulated seconds, once the network has been set up.
    public var lasts: ClosedRange<Double>
    /// How long the world may take, once everything has been mended, until all is well again, in simulated seconds.
    public var recoversWithin: Double

    /// The fake model: its blocks hash what they are given.
    public struct Model: Sendable, Hashable {
        public var blocks = 9
        /// Of each block, in made-up bytes.
        public var blockMemory: UInt64 = 100
        public var pieceBytes = 64
        public init() {}
    }

    /// Each range is drawn once for each seed.
    public struct Network: Sendable, Hashable {
        /// One way, in milliseconds.
        public var latency: ClosedRange<Double> = 0.1...1
        /// Added to the latency, anew for each packet, in milliseconds.
        public var jitter: ClosedRange<Double> = 0...0.5
        /// Shares of datagrams. What is lost on a link is sent again by TCP: it comes later.
        public var loss: ClosedRange<Double> = 0...0
        public var duplicates: ClosedRange<Double> = 0...0
        /// Whether multicast passes at all: the chance of it.
        public var multicast = 1.0
        /// The share of pairs between which no datagram passes.
        public var pairsWithoutDatagrams: ClosedRange<Double> = 0...0
        public init() {}
    }

    public struct Disk: Sendable, Hashable {
        /// How long a write takes until it would survive a loss of power, in milliseconds.
        public var write: ClosedRange<Double> = 0.2...3
        public init() {}
    }

    /// How the network comes about.
    public enum Opening: Sendable, Hashable {
        /// All have joined and hold their blocks before the story begins.
        case ready
        /// The founder alone stands at the beginning; the others are switched on and join within so many seconds.
        case arrivals(within: ClosedRange<Double>)
    }

    /// What people do, each by chance, so many times a minute in the whole world.
    public struct Workload: Sendable, Hashable {
        public var chats: ClosedRange<Double> = 2...10
        /// Tokens of an answer.
        public var answer: ClosedRange<Int> = 8...64
        /// Changes of the config: roles, grants, policy, model.
        public var changes: ClosedRange<Double> = 0...4
        /// Newcomers with an invitation; they are machines beyond `peers`.
        public var joins: ClosedRange<Double> = 0...0
        public var leaves: ClosedRange<Double> = 0...0
        public init() {}
    }

    /// Something that happens at a set time.
    public struct Step: Sendable, Hashable {
        /// Seconds from the beginning of the story; drawn for each seed.
        public var at: ClosedRange<Double>
        public var fault: Fault
        public var who: Who
        /// Machines follow each other, in an order drawn by the seed, within so many seconds; 0 strikes all at once.
        public var over: ClosedRange<Double> = 0...0
        /// Comes again after so many seconds, drawn anew each time, until the story ends; nil for once.
        public var every: ClosedRange<Double>?
        public init(at: ClosedRange<Double>, fault: Fault, who: Who) {
            self.at = at
            self.fault = fault
            self.who = who
        }
    }

    /// Machines, as a story names them.
    public enum Who: Sendable, Hashable {
        case all
        /// By number, from 0; the founder is 0.
        case machines([Int])
        /// So many of them, drawn by the seed.
        case some(Int)
        case share(Double)
        case allBut(Int)
        /// Whoever it is at that time.
        case leader
        /// One voter that does not lead, drawn by the seed; the leader where it votes alone.
        case voter
        case voters
        case majorityOfVoters
        /// The machine that drives a running chat.
        case driver
        /// A machine that holds a stage of a running chat.
        case stage
    }

    /// How often faults come by chance. Each kind is drawn for each seed: most worlds have some of them and not the others.
    public struct Chaos: Sendable, Hashable {
        /// Faults a minute in the whole world.
        public var rate: ClosedRange<Double> = 2...12
        /// How long each lasts, in seconds.
        public var lasting: ClosedRange<Double> = 0.5...30
        /// Which kinds may come; each is in this world with the chance `each`.
        public var kinds: [Fault.Kind] = Fault.Kind.ordinary
        public var each = 0.4
        public init() {}
    }

    public init(
        name: String, story: String, peers: ClosedRange<Int>, model: Model = Model(),
        lends: ClosedRange<Double> = 0.6...1.2, network: Network = Network(), disk: Disk = Disk(),
        opening: Opening = .ready, workload: Workload = Workload(), timeline: [Step] = [], chaos: Chaos? = nil,
        lasts: ClosedRange<Double> = 30...60, recoversWithin: Double = 60
    ) {
        self.name = name
        self.story = story
        self.peers = peers
        self.model = model
        self.lends = lends
        self.network = network
        self.disk = disk
        self.opening = opening
        self.workload = workload
        self.timeline = timeline
        self.chaos = chaos
        self.lasts = lasts
        self.recoversWithin = recoversWithin
    }
}
