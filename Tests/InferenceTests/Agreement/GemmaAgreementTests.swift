import Foundation
import Testing

@testable import Inference

/// Gemma 3 270M against a forward pass in numpy and single precision (tools/fixtures/record-gemma.py). Its file is
/// four times the default model's, so it is asked for only where it lies in the cache (tools/fetch-model gemma).
@Suite("Against an independent forward pass, Gemma", .enabled(if: GemmaFile.isThere))
struct GemmaAgreementTests {
    struct Recorded: Decodable {
        let tokens: [Int32]
        /// The most probable tokens, descending: 32-bit numbers, and their logits: 32-bit floats.
        let best: Data
        let logits: Data
        let logsumexp: Double

        private func words(_ data: Data) -> [UInt32] {
            data.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 4).map {
                    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
                }
            }
        }
        var bestTokens: [Int] { words(best).map(Int.init) }
        var bestLogits: [Double] { words(logits).map { Double(Float(bitPattern: $0)) } }
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
            let (best, reference, logits) = (case_.bestTokens, case_.bestLogits, rows[0])
            let highest = Double(logits.max() ?? 0)
            let total = highest + log(logits.reduce(0) { $0 + exp(Double($1) - highest) })
            // All tokens that were not kept taken for one: a lower bound of the divergence over all.
            var (sum, referenceRest, engineRest) = (0.0, 1.0, 1.0)
            for (token, logit) in zip(best, reference) {
                let (known, ours) = (logit - case_.logsumexp, Double(logits[token]) - total)
                sum += exp(known) * (known - ours)
                referenceRest -= exp(known)
                engineRest -= exp(ours)
            }
            if referenceRest > 1e-9, engineRest > 1e-9 { sum += referenceRest * log(referenceRest / engineRest) }
            divergences.append(sum)
            if reference[0] - reference[1] > 0.05 {
                #expect(try Sampler.sample(logits: logits, parameters: .greedy, position: 0) == Int32(best[0]))
            }
        }
        #expect(divergences.reduce(0, +) / Double(divergences.count) < 1e-4, "\(divergences)")
    }
}

/// Where `tools/fetch-model gemma` puts it.
private enum GemmaFile {
    static let path: String = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
        return environment["TIKTRUE_GEMMA"] ?? cache + "/tiktrue/models/gemma-3-270m.Q4_K_M.gguf"
    }()
    static var isThere: Bool { FileManager.default.fileExists(atPath: path) }
}
