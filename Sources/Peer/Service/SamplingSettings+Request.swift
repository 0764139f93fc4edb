import Inference
import Wire

extension SamplingSettings {
    /// - Throws: `SamplingError`, `GrammarError`, `JSONError` or `ServiceFailure`: what cannot be is told before anything is computed.
    init(_ request: TokenChoiceRequest, format: FormatRequest?, seed: UInt64, vocabulary: Int) throws {
        let hasPenalties =
            request.repetitionPenalty != 1 || request.frequencyPenalty != 0 || request.presencePenalty != 0
        self.init(
            temperature: request.temperature, topK: request.topK, topP: request.topP, minP: request.minP, seed: seed,
            penalties: hasPenalties
                ? PenaltySettings(
                    repetition: request.repetitionPenalty, frequency: request.frequencyPenalty,
                    presence: request.presencePenalty, window: request.penaltyWindow)
                : nil,
            bias: request.bias.map { TokenBias(token: $0.token, value: $0.value ?? -.infinity) }
                .sorted { $0.token < $1.token },
            logProbabilities: request.logProbabilities, format: format.map(AnswerFormat.init))
        _ = try SamplingParameters(self)
        guard topK <= Limits.vocabulary else { throw SamplingError.topK(topK) }
        if let token = bias.map(\.token).first(where: { !(0..<vocabulary).contains(Int($0)) }) {
            throw ServiceFailure("there is no token \(token) to bias; the model has tokens 0 to \(vocabulary - 1)")
        }
        guard let format = self.format else { return }
        guard format.text.utf8.count <= Limits.formatBytes else {
            throw ServiceFailure(
                "a format of \(format.text.utf8.count >> 10) KiB is too long; \(Limits.formatBytes >> 10) KiB are allowed"
            )
        }
        _ = try Grammar(format)
    }
}

extension AnswerFormat {
    init(_ request: FormatRequest) {
        switch request {
        case .json: self = .schema(#"{"type":"object"}"#)
        case .schema(let text): self = .schema(text)
        case .grammar(let text): self = .grammar(text)
        }
    }

    var text: String {
        switch self {
        case .schema(let text), .grammar(let text): text
        }
    }
}
