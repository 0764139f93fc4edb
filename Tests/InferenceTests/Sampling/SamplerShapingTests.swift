import Foundation
import Testing

@testable import Inference

@Suite("Sampling, shaped")
struct SamplerShapingTests {
    private func token(
        _ logits: [Float], _ parameters: SamplingParameters, history: [Int32] = [], allowed: TokenMask? = nil
    ) throws -> Int32 {
        var sampler = Sampler()
        return try sampler.sample(
            logits: logits, parameters: parameters, position: 0, history: history, allowed: allowed
        ).token
    }

    @Test("a bias moves the choice, and minus infinity bans a token")
    func bias() throws {
        let raised = try SamplingParameters(temperature: 0, logitBias: [.init(token: 2, value: 5)])
        #expect(try token([1, 3, 0], raised) == 2)
        let banned = try SamplingParameters(temperature: 0, logitBias: [.init(token: 1, value: -.infinity)])
        #expect(try token([1, 3, 0], banned) == 0)
        let elsewhere = try SamplingParameters(temperature: 0, logitBias: [.init(token: 77, value: 5)])
        #expect(try token([1, 3, 0], elsewhere) == 1)
    }

    @Test("a repetition penalty divides logits above 0 and multiplies those below")
    func repetition() throws {
        let parameters = try SamplingParameters(temperature: 0, penalties: Penalties(repetition: 2))
        #expect(try token([4, 3], parameters, history: [0]) == 1)
        #expect(try token([4, 1.5], parameters, history: [0]) == 0)
        #expect(try token([-2, -3], parameters, history: [0]) == 1)
    }

    @Test("a frequency penalty counts, a presence penalty does not")
    func frequencyAndPresence() throws {
        let frequency = try SamplingParameters(temperature: 0, penalties: Penalties(frequency: 1))
        #expect(try token([4, 2.5], frequency, history: [0]) == 0)
        #expect(try token([4, 2.5], frequency, history: [0, 1, 0, 0]) == 1)
        let presence = try SamplingParameters(temperature: 0, penalties: Penalties(presence: 1))
        #expect(try token([4, 2.5], presence, history: [0, 0, 0]) == 0)
        #expect(try token([4, 3.5], presence, history: [0]) == 1)
    }

    @Test("penalties see the window's tokens and no earlier ones, and none that the model lacks")
    func window() throws {
        let parameters = try SamplingParameters(temperature: 0, penalties: Penalties(presence: 10, window: 2))
        #expect(try token([4, 3, 2], parameters, history: [0, 1, 2]) == 0)
        #expect(try token([4, 3, 2], parameters, history: [2, 0, 1]) == 2)
        #expect(try token([4, 3, 2], parameters, history: [-1, 99]) == 0)
    }

    @Test("a mask leaves only what it allows", arguments: [0, 1.0])
    func mask(temperature: Double) throws {
        var allowed = TokenMask(count: 200)
        allowed[3] = true
        allowed[130] = true
        let logits = (0..<200).map { Float($0) }
        let parameters = try SamplingParameters(temperature: temperature)
        #expect(try token(logits, parameters, allowed: allowed) == 130)
        #expect(throws: SamplingError.nothingAllowed) {
            try token(logits, parameters, allowed: TokenMask(count: 200))
        }
        // A mask that is shorter than the vocabulary allows nothing behind its end.
        var short = TokenMask(count: 2)
        short[1] = true
        #expect(try token([0, 1, 9], parameters, allowed: short) == 1)
    }

    @Test("log-probabilities are the model's own, whatever shaped the choice")
    func logProbabilities() throws {
        let logits: [Float] = [0.5, 0.3, 0.2].map { Float(log($0)) } + [.nan]
        var sampler = Sampler()
        let parameters = try SamplingParameters(
            temperature: 0, logitBias: [.init(token: 0, value: -.infinity)], logProbabilities: 2)
        let sampled = try sampler.sample(logits: logits, parameters: parameters, position: 0)
        #expect(sampled.token == 1)
        #expect(abs(try #require(sampled.logProbability) - log(0.3)) < 1e-6)
        #expect(sampled.best.map(\.token) == [0, 1])
        #expect(abs(sampled.best[0].logProbability - log(0.5)) < 1e-6)
    }

    @Test("the logarithm is right to the last digits")
    func logarithm() {
        var generator = SplitMix(state: 5)
        for _ in 0..<5000 {
            let x = Double.random(in: 1...300000, using: &generator)
            #expect(abs(SamplerNumbers.logarithm(x) - log(x)) <= 1e-14 * max(1, log(x)))
        }
        #expect(SamplerNumbers.logarithm(1) == 0)
    }

    @Test("refuses shapes that mean nothing")
    func refusals() {
        #expect(throws: SamplingError.minP(1.5)) { try SamplingParameters(temperature: 1, minP: 1.5) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: 1, minP: .nan) }
        #expect(throws: SamplingError.penalty("repetition", 0)) { try Penalties(repetition: 0) }
        #expect(throws: SamplingError.self) { try Penalties(frequency: .nan) }
        #expect(throws: SamplingError.penaltyWindow(-1)) { try Penalties(window: -1) }
        #expect(throws: SamplingError.logProbabilities(-1)) {
            try SamplingParameters(temperature: 1, logProbabilities: -1)
        }
        #expect(throws: SamplingError.self) {
            try SamplingParameters(
                temperature: 1, logitBias: [.init(token: 1, value: 1), .init(token: 1, value: 2)])
        }
        #expect(throws: SamplingError.self) {
            try SamplingParameters(temperature: 1, logitBias: [.init(token: 1, value: .nan)])
        }
    }
}
