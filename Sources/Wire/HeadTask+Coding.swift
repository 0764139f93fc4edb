#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension HeadTask {
    init(message: PBRouteOpenFrame) throws(WireError) {
        guard message.hasSampling != message.embedding else {
            throw .malformed("route: it asks for a token and an embedding, or for neither")
        }
        self = message.embedding ? .embedding : .sampling(try SamplingSettings(message: message.sampling))
    }
}

extension SamplingSettings {
    var message: PBSamplingMessage {
        var message = PBSamplingMessage()
        message.temperature = temperature
        message.topK = UInt32(topK)
        message.topP = topP
        message.minP = minP
        message.seed = seed
        if let penalties {
            message.penalties.repetition = penalties.repetition
            message.penalties.frequency = penalties.frequency
            message.penalties.presence = penalties.presence
            message.penalties.window = UInt32(penalties.window)
        }
        message.bias = bias.map { bias in
            var inner = PBTokenBiasMessage()
            inner.token = UInt32(bias.token)
            inner.value = bias.value
            return inner
        }
        if let logProbabilities { message.logProbabilities = UInt32(logProbabilities) }
        switch format {
        case .grammar(let text): message.format.grammar = text
        case .schema(let text): message.format.schema = text
        case nil: break
        }
        return message
    }

    /// Whether numbers suit each other is for the sampler to judge; here they are what can be told at all.
    fileprivate init(message: PBSamplingMessage) throws(WireError) {
        guard message.temperature >= 0, message.temperature <= 100 else {
            throw .outOfRange(field: "temperature", value: "\(message.temperature)")
        }
        guard message.topP >= 0, message.topP <= 1 else { throw .outOfRange(field: "top_p", value: "\(message.topP)") }
        guard message.minP >= 0, message.minP <= 1 else { throw .outOfRange(field: "min_p", value: "\(message.minP)") }
        guard message.bias.count <= Limits.biases else {
            throw .outOfRange(field: "bias", value: "\(message.bias.count) entries")
        }
        var bias: [TokenBias] = []
        for entry in message.bias {
            let token = try Field.token(entry.token)
            guard !entry.value.isNaN, bias.last.map({ $0.token < token }) ?? true else {
                throw .outOfRange(field: "bias", value: "\(entry.value) of token \(token)")
            }
            bias.append(TokenBias(token: token, value: entry.value))
        }
        self.init(
            temperature: message.temperature, topK: try Field.number(message.topK, "top_k", in: 0...Limits.vocabulary),
            topP: message.topP, minP: message.minP, seed: message.seed,
            penalties: message.hasPenalties ? try PenaltySettings(message: message.penalties) : nil, bias: bias,
            logProbabilities: message.hasLogProbabilities
                ? try Field.number(message.logProbabilities, "log_probabilities", in: 0...Limits.logProbabilities)
                : nil,
            format: message.hasFormat ? try AnswerFormat(message: message.format) : nil)
    }
}

extension PenaltySettings {
    fileprivate init(message: PBPenaltiesMessage) throws(WireError) {
        for (name, value) in [
            ("repetition", message.repetition), ("frequency", message.frequency), ("presence", message.presence),
        ] where !(abs(value) <= 100) {
            throw .outOfRange(field: name, value: "\(value)")
        }
        self.init(
            repetition: message.repetition, frequency: message.frequency, presence: message.presence,
            window: try Field.number(message.window, "window", in: 0...Limits.positions))
    }
}

extension AnswerFormat {
    fileprivate init(message: PBFormatMessage) throws(WireError) {
        switch message.kind {
        case .grammar(let text): self = .grammar(try Field.text(text, "grammar", limit: Limits.formatBytes))
        case .schema(let text): self = .schema(try Field.text(text, "schema", limit: Limits.formatBytes))
        case nil: throw .malformed("format: it is of no known kind")
        }
    }
}

extension TokenChoice {
    init(message: PBSampledFrame) throws(WireError) {
        guard message.best.count <= Limits.logProbabilities else {
            throw .outOfRange(field: "best", value: "\(message.best.count) entries")
        }
        var best: [Candidate] = []
        for entry in message.best {
            best.append(
                Candidate(
                    token: try Field.token(entry.token), logProbability: try Self.logarithm(entry.logProbability)))
        }
        self.init(
            token: try Field.token(message.token),
            logProbability: message.hasLogProbability ? try Self.logarithm(message.logProbability) : nil, best: best)
    }

    /// Of a probability: up to 0, or a hair above where it was rounded.
    private static func logarithm(_ value: Double) throws(WireError) -> Double {
        guard value <= 1e-3 else { throw .outOfRange(field: "log_probability", value: "\(value)") }
        return value
    }
}
