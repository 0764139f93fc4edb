import Foundation
import Testing

@testable import Inference

/// Gemma 3 270M against a forward pass in numpy and single precision (tools/fixtures/record-gemma.py). Its file is
/// four times the default model's, so it is asked for only where it lies in the cache (tools/fetch-model gemma).
@Suite("Against an independent forward pass, Gemma", .enabled(if: GemmaFile.isThere))
struct GemmaAgreementTests {
    struct Recorded: Decodable {
        let tokens: [Int32]
        let reference: ReferenceLogits

        private enum Key: CodingKey { case tokens }
        init(from decoder: any Decoder) throws {
            tokens = try decoder.container(keyedBy: Key.self).decode([Int32].self, forKey: .tokens)
            reference = try ReferenceLogits(from: decoder)
        }
    }

    @Test("the engine has a mean divergence under 0.0001 and takes the same best token wherever two are not close")
    func agrees() throws {
        let file = try ModelFile(path: GemmaFile.path)
        let model = BlockModel(hyperparameters: file.hyperparameters, pool: ComputePool(threads: 2))
        let blocks = 0...file.hyperparameters.headBlock
        for block in blocks { try model.load(block: block, from: file) }
        let recorded = try Fixture.decode([Recorded].self, from: "gemma.json")
        #expect(recorded.contains { $0.tokens.count > 512 })
        var divergences: [Double] = []
        for case_ in recorded {
            let output = try model.run(
                blocks: blocks, input: .tokens(case_.tokens), firstPosition: 0,
                cache: model.makeCache(blocks: blocks), logits: .last)
            guard case .logits(let rows) = output else { throw SamplingError.noCandidate(count: 0) }
            let reference = case_.reference
            divergences.append(reference.divergence(of: rows[0]))
            if reference.lead > 0.05 {
                let best = try Sampler.sample(logits: rows[0], parameters: .greedy, position: 0)
                #expect(Int(best) == reference.bestTokens[0])
            }
        }
        #expect(divergences.reduce(0, +) / Double(divergences.count) < 1e-4, "\(divergences)")
    }
}

/// Where `tools/fetch-model gemma` puts it.
enum GemmaFile {
    static let path: String = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
        return environment["TIKTRUE_GEMMA"] ?? cache + "/tiktrue/models/gemma-3-270m.Q4_K_M.gguf"
    }()
    static var isThere: Bool { FileManager.default.fileExists(atPath: path) }
}
