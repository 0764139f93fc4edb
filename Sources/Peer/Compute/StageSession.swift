import Chain
import Identity
import Inference
import Wire

/// What one stage of one session has computed: its KV cache, and beside it what the last stage answers by.
///
/// Tokens, states and the place in a format are functions of the positions that the cache holds, and are cut back with it.
final class StageSession {
    let network: NetworkID
    let blocks: BlockRange
    private(set) var cache: KeyValueCache?
    /// At the positions that the cache holds.
    private(set) var tokens: [Int32] = []
    /// Of their final states, where an embedding will be wanted.
    private var pooled = PooledStates()
    private var guide: FormatGuide?
    /// The settings that the last token was chosen by, and what the sampler makes of them.
    private var known: (settings: SamplingSettings, parameters: SamplingParameters)?

    init(network: NetworkID, blocks: BlockRange) {
        self.network = network
        self.blocks = blocks
    }

    var length: Int { cache?.length ?? 0 }

    func truncate(to position: Int) {
        let length = cache.map { $0.truncate(to: position) } ?? 0
        tokens.removeLast(max(0, tokens.count - length))
        if let guide, guide.end > length { self.guide = nil }
    }

    /// Makes ready for work that begins where the cache ends. What a computation left behind that was given up is cut off.
    ///
    /// - Returns: The position from which on something is missing that the work builds upon; nil where nothing is.
    func prepare(for work: StageWork, on model: BlockModel) -> Position? {
        let format = KeyValueFormat(work.cacheFormat)
        if let cache, cache.format != format {
            truncate(to: 0)
            self.cache = nil
        }
        cache = cache ?? model.makeCache(blocks: work.blocks.closedRange, format: format)
        truncate(to: work.first.value)
        guard length == work.first.value else { return Position(length) }
        switch work.output {
        case .states, .embedding:
            if length == 0 { pooled = PooledStates() }
            guard pooled.count == length else { return .zero }
        case .hidden, .nothing, .token:
            pooled = PooledStates()
        }
        return nil
    }

    var hasGuide: Bool { guide != nil }

    /// Gives back the memory of the place in a format; the tokens lead there again.
    func dropGuide() { guide = nil }

    /// The tokens of a computation that has succeeded.
    func advance(by new: [Int32]) { tokens += new }

    // MARK: Answers

    /// What is no number is told as impossible: a frame carries nothing else.
    private static func number(_ logProbability: Double) -> Double {
        logProbability.isNaN ? -.infinity : logProbability
    }

    func keep(state: UnsafeBufferPointer<Float>, pooling: Pooling) { pooled.add(state, pooling) }

    /// Of all positions.
    func embedding(pooling: Pooling) -> Payload { pooled.embedding(pooling) }

    /// - Parameter new: the tokens of the computation, which are not counted among the cache's yet.
    func choose(
        _ logits: [Float], _ settings: SamplingSettings, at position: Int, answerStart: Int, after new: [Int32],
        with sampler: inout Sampler, matcher: (AnswerFormat) throws -> GrammarMatcher
    ) throws -> TokenChoice {
        if known?.settings != settings { known = (settings, try SamplingParameters(settings)) }
        guard let parameters = known?.parameters else { throw ComputeError.noLogits(blocks) }
        // Most answers look at no token before theirs.
        let history = settings.penalties == nil && settings.format == nil ? [] : tokens + new
        var allowed: TokenMask?
        if let format = settings.format {
            if guide?.format != format || guide?.start != answerStart {
                guide = nil
                guide = FormatGuide(format: format, start: answerStart, matcher: try matcher(format))
            }
            allowed = try guide?.mask(after: history)
        } else {
            guide = nil
        }
        let sampled = try sampler.sample(
            logits: logits, parameters: parameters, position: position, history: history, allowed: allowed)
        return TokenChoice(
            token: sampled.token, logProbability: sampled.logProbability.map(Self.number),
            best: sampled.best.map { .init(token: $0.token, logProbability: Self.number($0.logProbability)) })
    }
}

/// Final states of a sequence's positions, as far as its embedding is made of them.
private struct PooledStates {
    private(set) var count = 0
    /// The first or last state, or the sum of all in the order of positions.
    private var values: [Float] = []

    mutating func add(_ state: UnsafeBufferPointer<Float>, _ pooling: Pooling) {
        count += 1
        switch pooling {
        case .first: if count == 1 { values = Array(state) }
        case .last: values = Array(state)
        case .mean:
            if values.isEmpty { values = .init(repeating: 0, count: state.count) }
            for index in values.indices { values[index] += state[index] }
        }
    }

    func embedding(_ pooling: Pooling) -> Payload {
        let pooled = pooling == .mean ? values.map { $0 / Float(count) } : values
        return Payload(pooled.withUnsafeBytes(Array.init))
    }
}

/// Where an answer stands in its format.
private struct FormatGuide {
    let format: AnswerFormat
    /// The position of the answer's first token.
    let start: Int
    var matcher: GrammarMatcher
    /// The answer's tokens that the matcher has gone through.
    private var accepted = 0

    init(format: AnswerFormat, start: Int, matcher: GrammarMatcher) {
        self.format = format
        self.start = start
        self.matcher = matcher
    }

    /// The position after the last one that it has gone through.
    var end: Int { start + accepted }

    /// What may follow these tokens of the session.
    mutating func mask(after history: [Int32]) throws -> TokenMask {
        while end < history.count {
            guard try matcher.accept(history[end]) else { throw ComputeError.formatBroken }
            accepted += 1
        }
        return try matcher.mask()
    }
}

extension KeyValueFormat {
    init(_ format: CacheFormat) {
        switch format {
        case .f16: self = .f16
        case .q8_0: self = .q8_0
        }
    }
}

extension Grammar {
    /// - Throws: `GrammarError`, or `JSONError` for a schema that is no JSON.
    init(_ format: AnswerFormat) throws {
        switch format {
        case .grammar(let text): try self.init(gbnf: text)
        case .schema(let text): try self.init(jsonSchema: JSONValue(parsing: text))
        }
    }
}

extension SamplingParameters {
    /// - Throws: `SamplingError`.
    init(_ settings: SamplingSettings) throws(SamplingError) {
        var penalties = Penalties.none
        if let wanted = settings.penalties {
            penalties = try Penalties(
                repetition: wanted.repetition, frequency: wanted.frequency, presence: wanted.presence,
                window: wanted.window)
        }
        try self.init(
            temperature: settings.temperature, topK: settings.topK, topP: settings.topP, minP: settings.minP,
            penalties: penalties, logitBias: settings.bias.map { LogitBias(token: $0.token, value: $0.value) },
            logProbabilities: settings.logProbabilities, seed: settings.seed)
    }
}
