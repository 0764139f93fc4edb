/// Why no token can be chosen.
public enum SamplingError: Error, Equatable, Sendable {
    case temperature(Double)
    case topK(Int)
    case topP(Double)
    case minP(Double)
    case penalty(String, Double)
    case penaltyWindow(Int)
    case bias(token: Int32, value: Float)
    case tooManyBiases(Int)
    case logProbabilities(Int)
    case stopStrings(String)
    /// Every logit is NaN or minus infinity, or there is none.
    case noCandidate(count: Int)
    /// Biases or the grammar leave no token that could follow.
    case nothingAllowed
}

extension SamplingError: CustomStringConvertible {
    public var description: String {
        typealias Limit = SamplingParameters.Limit
        return switch self {
        case .temperature(let value):
            "The temperature \(value) is not possible; give one from 0 (always the best token) to 100."
        case .topK(let value): "top-k \(value) is not possible; give 0 (all tokens) or more."
        case .topP(let value): "top-p \(value) is not possible; give one above 0 and up to 1 (all tokens)."
        case .minP(let value): "min-p \(value) is not possible; give one from 0 (all tokens) to 1 (only the best)."
        case .penalty("repetition", let value):
            "The repetition penalty \(value) is not possible; give one from 0.01 to 100, 1 for none."
        case .penalty(let name, let value):
            "The \(name) penalty \(value) is not possible; give one from -100 to 100, 0 for none."
        case .penaltyWindow(let value):
            "A penalty over the last \(value) tokens is not possible; give 0 (no penalty) to \(Limit.window)."
        case .bias(let token, let value):
            "The bias \(value) of token \(token) is not possible; give each token once, from -\(Limit.bias) to "
                + "\(Limit.bias)."
        case .tooManyBiases(let count):
            "Biases of \(count) tokens are too many; give up to \(Limit.biases)."
        case .logProbabilities(let value):
            "Log-probabilities of \(value) tokens are not possible; ask for 0 to "
                + "\(Limit.logProbabilities.upperBound)."
        case .stopStrings(let problem): "These stop strings are not possible: \(problem)."
        case .noCandidate(let count):
            "None of \(count) tokens has a probability: the model's file is damaged; fetch it and add it again."
        case .nothingAllowed:
            "No token of the model may follow here: biases or the asked format exclude all of them; loosen them."
        }
    }
}
