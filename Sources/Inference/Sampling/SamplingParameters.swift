/// How the next token is chosen from the logits.
public struct SamplingParameters: Sendable, Equatable {
    /// The logits are divided by it; 0 takes the best token always.
    public let temperature: Double
    /// Only so many of the best tokens count; 0 for all.
    public let topK: Int
    /// Only the best tokens that together have this share of the probability count (Holtzman et al. 2019); 1 for all.
    public let topP: Double
    /// The same seed gives the same tokens.
    public let seed: UInt64

    public static let greedy = SamplingParameters(validated: 0, topK: 0, topP: 1, seed: 0)
    public static let temperatures = 0.0...100.0

    public init(temperature: Double, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) throws(SamplingError) {
        guard Self.temperatures.contains(temperature) else { throw .temperature(temperature) }
        guard topK >= 0 else { throw .topK(topK) }
        guard topP > 0, topP <= 1 else { throw .topP(topP) }
        self.init(validated: temperature, topK: topK, topP: topP, seed: seed)
    }

    private init(validated temperature: Double, topK: Int, topP: Double, seed: UInt64) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }
}

/// Why no token can be chosen.
public enum SamplingError: Error, Equatable, Sendable {
    case temperature(Double)
    case topK(Int)
    case topP(Double)
    /// Every logit is NaN or minus infinity, or there is none.
    case noCandidate(count: Int)
}

extension SamplingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .temperature(let value):
            "The temperature \(value) is not possible; give one from 0 (always the best token) to 100."
        case .topK(let value): "top-k \(value) is not possible; give 0 (all tokens) or more."
        case .topP(let value): "top-p \(value) is not possible; give one above 0 and up to 1 (all tokens)."
        case .noCandidate(let count):
            "None of \(count) tokens has a probability: the model's file is damaged; fetch it and add it again."
        }
    }
}
