import Foundation
import Testing

@testable import Inference

@Suite("Sampling")
struct SamplerTests {
    private func sample(
        _ logits: [Float], temperature: Double = 1, topK: Int = 0, topP: Double = 1, seed: UInt64 = 1, position: Int = 0
    ) throws -> Int32 {
        try Sampler.sample(
            logits: logits,
            parameters: SamplingParameters(temperature: temperature, topK: topK, topP: topP, seed: seed),
            position: position)
    }

    private func randomLogits(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SplitMix(state: seed)
        return (0..<count).map { _ in Float.random(in: -10...10, using: &generator) }
    }

    @Test("at temperature 0 takes the best token, of equal ones the lowest")
    func greedy() throws {
        #expect(try sample([1, 3, 2], temperature: 0) == 1)
        #expect(try sample([1, 3, 3, 3], temperature: 0) == 1)
        #expect(try sample([-5], temperature: 0) == 0)
        #expect(try Sampler.sample(logits: [0, 1], parameters: .greedy, position: 9) == 1)
    }

    @Test("never takes a token whose logit is NaN or minus infinity", arguments: [0, 1.0])
    func notANumber(temperature: Double) throws {
        for position in 0..<50 {
            #expect(try sample([.nan, 1, -.infinity, .nan], temperature: temperature, position: position) == 1)
        }
        #expect(try sample([.nan, 1, .infinity, .infinity], temperature: temperature) == 2)
    }

    @Test("without any candidate says so")
    func noCandidate() {
        #expect(throws: SamplingError.noCandidate(count: 2)) { try sample([.nan, -.infinity]) }
        #expect(throws: SamplingError.noCandidate(count: 0)) { try sample([], temperature: 0) }
    }

    @Test("depends on seed and position and on nothing else")
    func pure() throws {
        let logits = randomLogits(1000, seed: 3)
        let once = try (0..<50).map { try sample(logits, temperature: 2, seed: 7, position: $0) }
        let backwards = try (0..<50).reversed().map { try sample(logits, temperature: 2, seed: 7, position: $0) }
        #expect(once == backwards.reversed())
        #expect(Set(once).count > 20)
        #expect(try once != (0..<50).map { try sample(logits, temperature: 2, seed: 8, position: $0) })
    }

    @Test("gives the tokens that it has always given")
    func golden() throws {
        let logits = randomLogits(500, seed: 11)
        func tokens(topK: Int, topP: Double) throws -> [Int32] {
            try (0..<8).map { try sample(logits, temperature: 1.5, topK: topK, topP: topP, seed: 42, position: $0) }
        }
        #expect(try tokens(topK: 0, topP: 1) == [373, 202, 472, 280, 21, 362, 21, 112])
        #expect(try tokens(topK: 40, topP: 1) == [212, 429, 339, 440, 21, 470, 21, 335])
        #expect(try tokens(topK: 0, topP: 0.9) == [301, 95, 208, 397, 14, 11, 14, 378])
        #expect(try tokens(topK: 40, topP: 0.9) == [282, 236, 446, 430, 21, 282, 21, 335])
        #expect(SamplerNumbers.uniform(seed: 42, position: 0) == 0.6977363416157777)
        #expect(SamplerNumbers.uniform(seed: .max, position: .max) == 0.29947775259568277)
    }

    @Test("follows the probabilities")
    func distribution() throws {
        // Probabilities 0.5, 0.3, 0.2; 4000 draws deviate by 3 standard deviations, 0.024, once in hundreds of seeds.
        let logits: [Float] = [0.5, 0.3, 0.2].map { Float(log($0)) }
        var counts = [0, 0, 0]
        for position in 0..<4000 { counts[Int(try sample(logits, seed: 5, position: position))] += 1 }
        for (count, probability) in zip(counts, [0.5, 0.3, 0.2]) {
            #expect(abs(Double(count) / 4000 - probability) < 0.024)
        }
    }

    @Test("with top-k takes only the k best, the lower ones of equals")
    func topK() throws {
        let seen = Set(try (0..<300).map { try sample([1, 2, 2, 2, 0], temperature: 5, topK: 2, position: $0) })
        #expect(seen == [1, 2])
        #expect(Set(try (0..<50).map { try sample([1, 2, 3], temperature: 50, topK: 1, position: $0) }) == [2])
        #expect(
            Set(try (0..<300).map { try sample([1, 2, 3], temperature: 50, topK: 99, position: $0) }) == [0, 1, 2])
    }

    @Test("with top-p takes the fewest best tokens that have that share, one at least")
    func topP() throws {
        let logits: [Float] = [0.2, 0.5, 0.3].map { Float(log($0)) }
        func seen(_ topP: Double) throws -> Set<Int32> {
            Set(try (0..<300).map { try sample(logits, topP: topP, position: $0) })
        }
        #expect(try seen(0.001) == [1])
        #expect(try seen(0.45) == [1])
        #expect(try seen(0.6) == [1, 2])
        #expect(try seen(0.95) == [0, 1, 2])
    }

    @Test("with top-k and top-p gives what sorting everything gives", arguments: [0.3, 1.0, 20.0])
    func plainReference(temperature: Double) throws {
        let logits = randomLogits(3000, seed: 17)
        for (topK, topP) in [(0, 0.5), (0, 0.999), (5, 1), (100, 0.7), (2999, 0.9), (3000, 0.3)] {
            let order = logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
            let kept = topK > 0 ? Array(order.prefix(topK)) : order
            let weights = kept.map { exp((Double(logits[$0]) - Double(logits[order[0]])) / temperature) }
            let total = weights.reduce(0, +)
            var nucleus = 0
            var sum = 0.0
            while nucleus < kept.count, sum < topP * total {
                sum += weights[nucleus]
                nucleus += 1
            }
            for position in 0..<20 {
                let wanted = SamplerNumbers.uniform(seed: 1, position: position) * weights[..<nucleus].reduce(0, +)
                var running = 0.0
                let index = weights[..<nucleus].firstIndex {
                    running += $0
                    return running > wanted
                }
                #expect(
                    try sample(logits, temperature: temperature, topK: topK, topP: topP, position: position)
                        == Int32(kept[index ?? nucleus - 1]))
            }
        }
    }

    @Test("has an exponential within 2 units in the last place")
    func exponential() {
        var generator = SplitMix(state: 1)
        for _ in 0..<20000 {
            let x = -Double.random(in: 0...700, using: &generator)
            let expected = exp(x)
            #expect(abs(SamplerNumbers.exponential(x) - expected) <= 2 * expected.ulp)
        }
        #expect(SamplerNumbers.exponential(0) == 1)
        #expect(SamplerNumbers.exponential(-.infinity) == 0)
        #expect(SamplerNumbers.exponential(-1000) == 0)
    }

    @Test("draws numbers that fill 0 to 1 evenly")
    func uniform() {
        var counts = [Int](repeating: 0, count: 10)
        for position in 0..<10000 { counts[Int(SamplerNumbers.uniform(seed: 3, position: position) * 10)] += 1 }
        #expect(counts.allSatisfy { (850...1150).contains($0) })
    }

    @Test("refuses parameters that mean nothing")
    func parameters() {
        #expect(throws: SamplingError.temperature(-1)) { try SamplingParameters(temperature: -1) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: .nan) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: .infinity) }
        #expect(throws: SamplingError.topK(-1)) { try SamplingParameters(temperature: 1, topK: -1) }
        #expect(throws: SamplingError.topP(0)) { try SamplingParameters(temperature: 1, topP: 0) }
        #expect(throws: SamplingError.topP(1.5)) { try SamplingParameters(temperature: 1, topP: 1.5) }
        #expect(throws: SamplingError.self) { try SamplingParameters(temperature: 1, topP: .nan) }
    }
}

@Suite("Sampling against sorting")
struct SamplerAgainstSortingTests {
    /// What the sampler promises, done in the plainest way.
    private func plain(_ logits: [Float], _ parameters: SamplingParameters, position: Int) -> Int32 {
        var order = logits.indices.filter { logits[$0] > -.infinity }
        order.sort { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
        let highest = Double(logits[order[0]])
        func weight(_ token: Int) -> Double { exp((Double(logits[token]) - highest) / parameters.temperature) }
        if parameters.topK > 0 { order = Array(order.prefix(parameters.topK)) }
        let wanted = parameters.topP * order.reduce(0) { $0 + weight($1) }
        var kept: [Int] = []
        var sum = 0.0
        for token in order where sum < wanted || parameters.topP == 1 {
            guard weight(token) >= parameters.minP else { break }
            kept.append(token)
            sum += weight(token)
        }
        let countsAll = parameters.topK == 0 || parameters.topK >= logits.count
        let isInTokenOrder = countsAll && parameters.topP == 1 && parameters.minP == 0
        if isInTokenOrder { kept.sort() }
        let place = SamplerNumbers.uniform(seed: parameters.seed, position: position) * sum
        var reached = 0.0
        for token in kept {
            reached += weight(token)
            if reached > place { return Int32(token) }
        }
        return Int32(kept[kept.count - 1])
    }

    @Test("gives the token that sorting everything would give", arguments: 0..<60)
    func same(round: Int) throws {
        var generator = SplitMix(state: UInt64(round))
        let count = Int.random(in: 1...5000, using: &generator)
        let spread = Float([0.001, 1, 10, 100][round % 4])
        var logits = (0..<count).map { _ in Float.random(in: -spread...spread, using: &generator) }
        // Many equal ones, as quantised weights give them.
        if round % 3 == 0 { logits = logits.map { ($0 * 2).rounded() / 2 } }
        var sampler = Sampler()
        for position in 0..<40 {
            let parameters = try SamplingParameters(
                temperature: Double.random(in: 0.1...3, using: &generator),
                topK: Bool.random(using: &generator) ? Int.random(in: 1...300, using: &generator) : 0,
                topP: Bool.random(using: &generator) ? Double.random(in: 0.01...1, using: &generator) : 1,
                minP: Bool.random(using: &generator) ? Double.random(in: 0...1, using: &generator) : 0,
                seed: UInt64(round))
            let token = try sampler.sample(logits: logits, parameters: parameters, position: position).token
            #expect(token == plain(logits, parameters, position: position), "\(parameters)")
        }
    }
}
