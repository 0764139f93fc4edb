import Identity
import Wire

/// The driver's side of one session: it holds the tokens, opens routes and asks for one token after another.
///
/// The conversation is a sequence of tokens, prompt and answers alike. A turn adds to it, and may first go back to some place in it:
/// where the answer was cut short at a stop string, or the person has written the turn anew. What comes before that place the stages
/// have computed already and keep (`TextCut`). A route is a list of stages with an epoch. Whatever goes wrong in a route, a lost peer, a failed computation, silence, has one cure: open a route with the next
/// epoch. Stages that have been in the old one keep what they computed, newcomers are fed from the log of the stage before
/// them, and the driver asks for the same token again. Since a token is a function of the tokens before it, the settings and its
/// position, it does not matter how often or where it is computed: the driver takes the first answer of the current epoch for the
/// position that it waits for, and drops every other.
public struct Driver: Sendable {
    public enum Input: Hashable, Sendable {
        /// The answer to `routeWanted`, or a better route at any time; nil where none can be had now.
        case rerouted([RouteStage]?)
        /// A new turn: go back to the first `keeping` tokens of the conversation, to all of them where it is nil; feed these tokens,
        /// then generate until a token of `stop` or `maxNewTokens` have come; where the task is an embedding, until that has come.
        /// Only when `isIdle`.
        case append(tokens: [Int32], keeping: Int? = nil, maxNewTokens: Int, stop: [Int32], task: HeadTask)
        case received(Frame, from: PeerID)
        /// The link to this peer is closed.
        case stageLost(PeerID)
        /// A link to this peer is up (again).
        case linked(PeerID)
        /// End the turn. What was generated stays in the conversation.
        case cancel
        /// End the session.
        case close
        case tick
    }

    public enum Effect: Hashable, Sendable {
        case send(Frame, to: PeerID)
        /// Plan a route over peers that can be reached, without `avoiding`, with the stages `keeping` as they are, and answer with
        /// `rerouted`, at once or later. A newer wish replaces it.
        case routeWanted(avoiding: [PeerID], keeping: [RouteStage])
        /// The answer's next token, at this place in the conversation. A stop token is told too.
        case token(TokenChoice, at: Position)
        /// Of the whole conversation, as `Embedded` carries it.
        case embedding(Payload)
        case finished(Finish)
    }

    public enum Finish: Hashable, Sendable {
        /// A stop token came, or the embedding.
        case stop
        /// `maxNewTokens` have come, or the context is full.
        case length
        case cancelled
        /// One sentence that says why.
        case failed(String)
    }

    /// What is asked of the planner.
    public struct RouteWish: Hashable, Sendable {
        public let avoiding: [PeerID]
        public let keeping: [RouteStage]

        public init(avoiding: [PeerID], keeping: [RouteStage]) {
            self.avoiding = avoiding
            self.keeping = keeping
        }
    }

    enum RouteState: Hashable {
        /// No route, and nobody needs one now.
        case none
        case wanted(since: Instant, askAgain: Instant)
        case open
    }

    struct Turn: Hashable {
        var left: Int
        let stop: [Int32]
    }

    public let network: NetworkID
    /// The model that the session's tokens belong to: the digest of its manifest.
    public let model: Digest
    public let session: SessionID
    public let peer: PeerID
    public let blockCount: Int
    /// Tokens that the model can attend to.
    public let contextLimit: Int
    /// In which format the session's stages keep what they compute.
    public let cacheFormat: CacheFormat
    let settings: ChainSettings

    /// The conversation so far, with every token of `token` effects. The last token of an answer is fed only with the next turn.
    public internal(set) var tokens: [Int32] = []
    /// The end of what any stage may have applied of them.
    var fed = Position.zero
    /// Where the conversation last went back to what stages had applied; nil while it has only grown.
    var cut: TextCut?
    /// The route that was opened last; empty before the first.
    public internal(set) var route: [RouteStage] = []
    /// The epoch of that route; 0 before the first.
    public internal(set) var epoch = RouteEpoch(0)
    /// What is asked of the route's last stage.
    public internal(set) var task: HeadTask
    /// The position of the first token of the turn's answer.
    var answerStart = Position.zero
    /// What the stages were told of both when the route was opened, and which position's sample was waited for then.
    var told: (task: HeadTask, answerStart: Position, awaiting: Position?)?
    /// How often the route was opened anew though nothing failed: to tell them another task or text, or to ask for a token again.
    var retold: UInt64 = 0
    var state = RouteState.none
    var turn: Turn?
    var isClosed = false
    var window = HopWindow()
    /// Peers whose link was closed since the route was opened, and is not up again.
    var lost: [PeerID] = []
    /// Peers that failed or kept silent since the last token.
    var avoided: [PeerID] = []
    /// For each stage of the route, the last position that it reported in this epoch.
    var reported: [Position?] = []
    var lastSign = Instant.zero
    /// Whether the same route was opened again after silence, with no token since.
    var hasRetried = false
    var failures = 0

    public init(
        network: NetworkID, model: Digest, session: SessionID, peer: PeerID, blockCount: Int, task: HeadTask,
        cacheFormat: CacheFormat = .f16, contextLimit: Int = Limits.positions, settings: ChainSettings = .standard
    ) {
        self.network = network
        self.model = model
        self.session = session
        self.peer = peer
        self.blockCount = blockCount
        self.task = task
        self.cacheFormat = cacheFormat
        self.contextLimit = min(contextLimit, Limits.positions)
        self.settings = settings
    }

    /// Whether a turn may be appended.
    public var isIdle: Bool { turn == nil && !isClosed }
    /// How often the route was opened anew because something failed.
    public var reroutes: Int { Int(clamping: epoch.value - min(epoch.value, retold + 1)) }
    /// The position whose token is waited for.
    public var awaiting: Position? { turn == nil ? nil : Position(tokens.count) }
    /// What is asked of the planner, while an answer is awaited.
    public var routeWish: RouteWish? {
        guard case .wanted = state else { return nil }
        let avoiding = lost + avoided.filter { !lost.contains($0) }
        return RouteWish(avoiding: avoiding, keeping: route.filter { !avoiding.contains($0.peer) })
    }

    /// When `tick` must come at the latest.
    public var nextDeadline: Instant? {
        switch state {
        case .none: nil
        case .wanted(let since, let askAgain): min(askAgain, since.advanced(by: settings.routePatience))
        case .open: turn == nil ? nil : lastSign.advanced(by: settings.silence)
        }
    }

    public mutating func handle(_ input: Input, at now: Instant) -> [Effect] {
        guard !isClosed else { return [] }
        var effects: [Effect] = []
        switch input {
        case .rerouted(let route): rerouted(route, now, &effects)
        case .append(let new, let keeping, let maxNewTokens, let stop, let task):
            append(
                new, keeping: keeping ?? tokens.count, maxNewTokens: maxNewTokens, stop: stop, task, now, &effects)
        case .received(let frame, let sender): received(frame, from: sender, now, &effects)
        case .stageLost(let peer): stageLost(peer, now, &effects)
        case .linked(let peer): linked(peer, now, &effects)
        case .cancel: finish(.cancelled, &effects)
        case .close: close(&effects)
        case .tick: tick(now, &effects)
        }
        return effects
    }
}
