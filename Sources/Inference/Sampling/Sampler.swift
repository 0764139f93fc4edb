/// Chooses a token from logits, as a pure function of logits, parameters and position: whichever peer holds the head
/// and however often it computes a position, the same token comes out.
///
/// So the random number is drawn from (seed, position) and not from a generator that remembers; equal logits are
/// ordered by token number; sums have one fixed order; and the exponential is made of additions and multiplications
/// (`exponential`), because those of different C libraries differ in the last bit.
///
/// In order: temperature, then top-k, then top-p of what top-k left. A NaN counts as minus infinity.
public enum Sampler {
    /// - Parameters:
    ///   - logits: one for each token of the vocabulary.
    ///   - position: of the token that is chosen, counted from the beginning of the sequence.
    /// - Throws: `SamplingError.noCandidate`.
    public static func sample(
        logits: [Float], parameters: SamplingParameters, position: Int
    ) throws(SamplingError) -> Int32 {
        guard let best = best(of: logits) else { throw .noCandidate(count: logits.count) }
        let highest = logits[best]
        guard parameters.temperature > 0, highest < .infinity else { return Int32(best) }
        // Scaled so that the best is 0 and all others are below.
        let scaled = logits.map { logit in
            logit.isNaN ? -Double.infinity : (Double(logit) - Double(highest)) / parameters.temperature
        }
        let share = uniform(seed: parameters.seed, position: position)
        guard parameters.topK > 0 || parameters.topP < 1 else {
            return Int32(choose(Array(scaled.indices), weights: scaled.map(exponential), share: share))
        }
        let (tokens, weights) = candidates(scaled, parameters)
        return Int32(choose(tokens, weights: weights, share: share))
    }

    /// The index of the highest logit, the lowest of equal ones.
    private static func best(of logits: [Float]) -> Int? {
        var best: Int?
        var highest = -Float.infinity
        for (index, logit) in logits.enumerated() where logit > highest {
            best = index
            highest = logit
        }
        return best
    }

    /// What top-k and top-p leave, the most probable first, with weights relative to the best one's.
    ///
    /// Sorting a whole vocabulary takes longer than computing its logits, so only a window below the best is sorted,
    /// and a wider one where that was not enough. The result does not depend on the windows.
    private static func candidates(
        _ scaled: [Double], _ parameters: SamplingParameters
    ) -> (tokens: [Int], weights: [Double]) {
        let allWeights = parameters.topK > 0 ? 0 : scaled.reduce(0) { $0 + exponential($1) }
        var window = 2.0
        while true {
            var tokens = scaled.indices.filter { scaled[$0] >= -window }
            let isAll = window > lowestExponent
            tokens.sort { scaled[$0] != scaled[$1] ? scaled[$0] > scaled[$1] : $0 < $1 }
            let isEnough = parameters.topK > 0 && tokens.count >= parameters.topK
            if parameters.topK > 0, !isEnough, !isAll {
                window *= 2
                continue
            }
            if isEnough { tokens.removeSubrange(parameters.topK...) }
            let weights = tokens.map { exponential(scaled[$0]) }
            let wanted = parameters.topP * (parameters.topK > 0 ? weights.reduce(0, +) : allWeights)
            var sum = 0.0
            for (index, weight) in weights.enumerated() {
                sum += weight
                if parameters.topP < 1, sum >= wanted { return (Array(tokens[...index]), Array(weights[...index])) }
            }
            if parameters.topK > 0 || isAll { return (tokens, weights) }
            window *= 2
        }
    }

    /// The token at `share` of the weights' sum.
    private static func choose(_ tokens: [Int], weights: [Double], share: Double) -> Int {
        let wanted = share * weights.reduce(0, +)
        var sum = 0.0
        var last = 0
        for (index, weight) in weights.enumerated() where weight > 0 {
            sum += weight
            last = index
            if sum > wanted { break }
        }
        return tokens[last]
    }

    // MARK: Numbers that are the same everywhere

    /// A number in 0..<1 for each seed and position: two rounds of SplitMix64's finaliser (Steele, Lea, Flood 2014).
    static func uniform(seed: UInt64, position: Int) -> Double {
        func mixed(_ input: UInt64) -> UInt64 {
            var word = input
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        let place = UInt64(bitPattern: Int64(position)) &* 0x9E37_79B9_7F4A_7C15
        let word = mixed(mixed(seed &+ 0x9E37_79B9_7F4A_7C15) &+ place)
        return Double(word >> 11) * 0x1p-53
    }

    private static let lowestExponent = 708.0

    /// e^x for x up to 0, within 2 units in the last place; 0 below -708, where results would be subnormal.
    ///
    /// x = n ln 2 + r with |r| up to half of ln 2, e^r by its series to the 13th power, scaled by 2^n: additions,
    /// multiplications and one rounding, which IEEE 754 fixes to the bit.
    static func exponential(_ x: Double) -> Double {
        guard x > -lowestExponent else { return 0 }
        let n = (x * 0x1.71547652b82fep+0).rounded(.toNearestOrEven)
        // ln 2 in two parts; the first has so few digits that its product with n is exact.
        let r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33
        var series = 1.0 / 6_227_020_800
        for factor in inverseFactorials { series = series * r + factor }
        return series * Double(sign: .plus, exponent: Int(n), significand: 1)
    }

    /// 1/12!, 1/11!, ... 1/1!, 1/0!
    private static let inverseFactorials: [Double] = [
        1.0 / 479_001_600, 1.0 / 39_916_800, 1.0 / 3_628_800, 1.0 / 362_880, 1.0 / 40_320, 1.0 / 5_040, 1.0 / 720,
        1.0 / 120,
        1.0 / 24, 1.0 / 6, 0.5, 1, 1,
    ]
}
