import Foundation
import Testing

@testable import Inference

/// Both real models after up to 2,000 positions, against a forward pass in numpy (tools/fixtures/record-contexts.py).
@Suite("Over long texts")
struct LongContextTests {
    struct Document: Decodable {
        struct Place: Decodable {
            /// Positions up to the one that was asked after, itself included.
            let length: Int
            let reference: ReferenceLogits

            private enum Key: CodingKey { case length }
            init(from decoder: any Decoder) throws {
                length = try decoder.container(keyedBy: Key.self).decode(Int.self, forKey: .length)
                reference = try ReferenceLogits(from: decoder)
            }
        }

        /// 32-bit numbers.
        let tokens: Data
        let places: [Place]
    }

    struct Outcome {
        var divergences: [Double] = []
        /// Places where another token was best although the reference's best two are further apart than this.
        var wrong: [String] = []
        var longest = 0
    }

    /// - Parameters:
    ///   - texts: so many of the five.
    ///   - apart: the least distance of the reference's best two logits at which the best token has to be the same.
    private func outcome(
        of path: String, _ fixture: String, texts: Int = 5, format: KeyValueFormat = .standard, apart: Double = 0.1
    ) throws -> Outcome {
        let file = try ModelFile(path: path)
        let model = BlockModel(hyperparameters: file.hyperparameters, pool: ComputePool(threads: 2))
        let blocks = 0...file.hyperparameters.headBlock
        for block in blocks { try model.load(block: block, from: file) }
        var outcome = Outcome()
        for (number, document) in try Fixture.decode([Document].self, from: fixture).prefix(texts).enumerated() {
            let tokens = document.tokens.words.map { Int32(bitPattern: $0) }
            // From place to place, as a conversation grows: pieces of 15 to 500 positions on top of what the cache has.
            let cache = model.makeCache(blocks: blocks, format: format)
            for place in document.places {
                let output = try model.run(
                    blocks: blocks, input: .tokens(Array(tokens[cache.length..<place.length])),
                    firstPosition: cache.length, cache: cache, logits: .last)
                guard case .logits(let rows) = output, let row = rows.last else {
                    throw SamplingError.noCandidate(count: 0)
                }
                outcome.divergences.append(place.reference.divergence(of: row))
                outcome.longest = max(outcome.longest, place.length)
                let best = try Int(Sampler.sample(logits: row, parameters: .greedy, position: 0))
                if place.reference.lead > apart, best != place.reference.bestTokens[0] {
                    outcome.wrong.append("text \(number) after \(place.length): \(best)")
                }
            }
        }
        return outcome
    }

    private func expectAgreement(of outcome: Outcome, contexts: Int = 50, mean allowed: Double) {
        #expect(outcome.divergences.count == contexts)
        #expect(outcome.longest >= 1900)
        let mean = outcome.divergences.reduce(0, +) / Double(max(outcome.divergences.count, 1))
        #expect(mean < allowed, "\(outcome.divergences)")
        #expect(outcome.divergences.allSatisfy { $0 > -1e-6 }, "\(outcome.divergences)")
        #expect(outcome.wrong.isEmpty, "\(outcome.wrong)")
    }

    @Test(
        "SmolLM2 diverges by less than 0.0001 in the mean of 50 contexts, and takes the same best token where two are not close"
    )
    func smolLM2() throws {
        let outcome = try outcome(of: RealModel.path(), "contexts-smollm2.json")
        expectAgreement(of: outcome, mean: 1e-4)
    }

    @Test("so does Gemma 3", .enabled(if: GemmaFile.isThere))
    func gemma() throws {
        let outcome = try outcome(of: GemmaFile.path, "contexts-gemma.json")
        expectAgreement(of: outcome, mean: 1e-4)
    }

    @Test("with keys and values in a byte each, SmolLM2 stays under 0.01")
    func bytes() throws {
        let outcome = try outcome(of: RealModel.path(), "contexts-smollm2.json", texts: 2, format: .q8_0, apart: 0.3)
        expectAgreement(of: outcome, contexts: 20, mean: 0.01)
    }
}
