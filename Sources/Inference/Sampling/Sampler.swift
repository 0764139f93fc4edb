/// Chooses a token from logits, as a pure function of logits, parameters, position and the session's tokens: whichever
/// peer holds the head and however often it computes a position, the same token comes out.
///
/// So the random number is drawn from (seed, position) and not from a generator that remembers; equal logits are
/// ordered by token number; sums have one fixed order; and the exponential is made of operations that give the same
/// bits everywhere (`SamplerNumbers`).
///
/// In order: bias, penalties, what the mask forbids, temperature, top-k, top-p of what top-k left, min-p. A NaN counts
/// as minus infinity. What stays here from one token to the next are buffers only, so that a token allocates nothing.
public struct Sampler: Sendable {
    private var adjusted: [Float] = []
    private var scratch = Scratch()

    /// Buffers that every token fills anew.
    struct Scratch: Sendable {
        var candidates: [Candidate] = []
        var window: [Int32] = []
        var blockSums: [Double] = []
        var binSums: [Double] = []
        var binLeast: [Double] = []
    }

    public init() {}

    /// One token, without anything to remember: for single calls.
    public static func sample(
        logits: [Float], parameters: SamplingParameters, position: Int
    ) throws(SamplingError) -> Int32 {
        var sampler = Sampler()
        return try sampler.sample(logits: logits, parameters: parameters, position: position).token
    }

    /// - Parameters:
    ///   - logits: one for each token of the vocabulary.
    ///   - position: of the token that is chosen, counted from the beginning of the sequence.
    ///   - history: the session's tokens up to `position`, of which the penalties read the last; may be empty where
    ///     there are no penalties.
    ///   - allowed: the tokens that may be chosen; nil for all.
    /// - Throws: `SamplingError.noCandidate` or `.nothingAllowed`.
    public mutating func sample(
        logits: [Float], parameters: SamplingParameters, position: Int, history: [Int32] = [],
        allowed: TokenMask? = nil
    ) throws(SamplingError) -> SampledToken {
        let token: Int32
        let penalties = parameters.penalties
        if parameters.logitBias.isEmpty, allowed == nil, !penalties.areActive {
            token = try logits.withUnsafeBufferPointer { (values) throws(SamplingError) in
                try Self.choose(values, parameters, position, &scratch)
            }
        } else {
            var values: [Float] = []
            swap(&values, &adjusted)
            defer { swap(&values, &adjusted) }
            values.removeAll(keepingCapacity: true)
            values.append(contentsOf: logits)
            guard Self.best(of: logits) != nil else { throw .noCandidate(count: logits.count) }
            for bias in parameters.logitBias where bias.token >= 0 && Int(bias.token) < values.count {
                values[Int(bias.token)] += bias.value
            }
            if penalties.areActive { Self.penalise(&values, penalties, history.suffix(penalties.window), &scratch) }
            if let allowed { Self.forbid(&values, except: allowed) }
            do {
                token = try values.withUnsafeBufferPointer { (values) throws(SamplingError) in
                    try Self.choose(values, parameters, position, &scratch)
                }
            } catch .noCandidate {
                throw .nothingAllowed
            }
        }
        guard let count = parameters.logProbabilities else { return SampledToken(token: token) }
        return logits.withUnsafeBufferPointer { Self.described(token, in: $0, best: count, &scratch) }
    }

    /// The index of the highest logit, the lowest of equal ones.
    private static func best(of logits: [Float]) -> Int? {
        logits.withUnsafeBufferPointer { best(of: $0) }
    }

    // MARK: Before the choice

    /// Each token in the window is penalised once for being there and by how often it is.
    private static func penalise(
        _ values: inout [Float], _ penalties: Penalties, _ window: ArraySlice<Int32>, _ scratch: inout Scratch
    ) {
        scratch.window.removeAll(keepingCapacity: true)
        scratch.window.append(contentsOf: window)
        scratch.window.sort()
        let repetition = Float(penalties.repetition)
        var index = 0
        while index < scratch.window.count {
            let token = scratch.window[index]
            var count = 0
            while index < scratch.window.count, scratch.window[index] == token {
                count += 1
                index += 1
            }
            guard token >= 0, Int(token) < values.count else { continue }
            let value = values[Int(token)]
            let repeated = value > 0 ? value / repetition : value * repetition
            values[Int(token)] = repeated - Float(penalties.frequency) * Float(count) - Float(penalties.presence)
        }
    }

    private static func forbid(_ values: inout [Float], except allowed: TokenMask) {
        values.withUnsafeMutableBufferPointer { values in
            for (index, word) in allowed.words.enumerated() where word != .max {
                let start = index << 6
                for place in start..<max(start, min(start + 64, values.count))
                where word & 1 << UInt64(place - start) == 0 {
                    values[place] = -.infinity
                }
            }
            for place in min(allowed.count, values.count)..<values.count { values[place] = -.infinity }
        }
    }
}

// MARK: - The choice

extension Sampler {
    typealias Lanes = SamplerNumbers.Lanes

    /// Tokens further below the best than this, after temperature, are never drawn: all of a vocabulary together they
    /// have less than 10^-22 of the probability.
    static let lowest = -64.0

    fileprivate static func choose(
        _ logits: UnsafeBufferPointer<Float>, _ parameters: SamplingParameters, _ position: Int,
        _ scratch: inout Scratch
    ) throws(SamplingError) -> Int32 {
        guard let best = best(of: logits) else { throw .noCandidate(count: logits.count) }
        guard parameters.temperature > 0, parameters.topK != 1, logits[best] < .infinity else { return Int32(best) }
        let scale = Scale(highest: Double(logits[best]), temperature: parameters.temperature)
        let share = SamplerNumbers.uniform(seed: parameters.seed, position: position)
        if parameters.topK > 0, parameters.topK < logits.count {
            return chooseOfBest(logits, scale, parameters, share, &scratch)
        }
        if parameters.topP < 1 || parameters.minP > 0 {
            return chooseOfNucleus(logits, scale, parameters, share, &scratch)
        }
        return chooseOfAll(logits, scale, share, &scratch)
    }

    /// Turns logits into exponents: the best is 0 and all others are below.
    struct Scale {
        let highest: Double
        let temperature: Double

        func exponent(_ logit: Float) -> Double {
            logit.isNaN ? -.infinity : (Double(logit) - highest) / temperature
        }

        func weight(_ logit: Float) -> Double {
            let exponent = exponent(logit)
            return exponent < Sampler.lowest ? 0 : SamplerNumbers.exponential(exponent)
        }

        /// Eight weights; places behind the end weigh nothing.
        func weights(_ logits: UnsafeBufferPointer<Float>, at start: Int) -> (exponents: Lanes, weights: Lanes) {
            var values = SIMD8<Float>(repeating: -.infinity)
            if start + 8 <= logits.count {
                values = UnsafeRawBufferPointer(logits).loadUnaligned(fromByteOffset: start * 4, as: SIMD8<Float>.self)
            } else {
                for lane in 0..<logits.count - start { values[lane] = logits[start + lane] }
            }
            let exponents = (Lanes(values) - highest) / temperature
            // NaN is not above anything.
            let isCounted = exponents .>= Sampler.lowest
            let weights = SamplerNumbers.exponential(exponents.replacing(with: Sampler.lowest, where: .!isCounted))
            return (exponents, weights.replacing(with: 0, where: .!isCounted))
        }
    }

    static func best(of logits: UnsafeBufferPointer<Float>) -> Int? {
        var highest = SIMD16<Float>(repeating: -.infinity)
        let bytes = UnsafeRawBufferPointer(logits)
        let whole = logits.count / 16 * 16
        for start in stride(from: 0, to: whole, by: 16) {
            let values = bytes.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
            highest.replace(with: values, where: values .> highest)
        }
        var best = highest.max()
        for place in whole..<logits.count where logits[place] > best { best = logits[place] }
        return best > -.infinity ? logits.firstIndex(of: best) : nil
    }

    /// Of the whole vocabulary, in the order of tokens: first the block in which the share lies, then the token in it.
    private static func chooseOfAll(
        _ logits: UnsafeBufferPointer<Float>, _ scale: Scale, _ share: Double, _ scratch: inout Scratch
    ) -> Int32 {
        let blockTokens = 512
        scratch.blockSums.removeAll(keepingCapacity: true)
        var total = 0.0
        for block in stride(from: 0, to: logits.count, by: blockTokens) {
            var sums = Lanes(repeating: 0)
            for start in stride(from: block, to: min(block + blockTokens, logits.count), by: 8) {
                sums += scale.weights(logits, at: start).weights
            }
            scratch.blockSums.append(sums.sum())
            total += sums.sum()
        }
        let wanted = share * total
        var sum = 0.0
        var last: Int32 = 0
        for (block, blockSum) in scratch.blockSums.enumerated() {
            if sum + blockSum <= wanted, block + 1 < scratch.blockSums.count {
                sum += blockSum
                continue
            }
            for token in block * blockTokens..<min((block + 1) * blockTokens, logits.count) {
                let weight = scale.weight(logits[token])
                guard weight > 0 else { continue }
                sum += weight
                last = Int32(token)
                if sum > wanted { return last }
            }
        }
        return last
    }
}
