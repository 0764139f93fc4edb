import Foundation
import Testing

@testable import Inference

/// The engine against a forward pass in numpy and single precision (tools/fixtures/record-logits.py).
@Suite("Against an independent forward pass, the engine")
struct AgreementTests {
    /// One context with what the reference gave for its last position.
    struct Recorded: Decodable {
        let tokens: [Int32]
        /// The most probable tokens, descending: 16-bit numbers, and their logits: 32-bit floats.
        let best: Data
        let logits: Data
        /// Of all logits, also those not kept.
        let logsumexp: Double
        let rest: Double

        var bestTokens: [Int] {
            stride(from: 0, to: best.count, by: 2).map { Int(best[$0]) | Int(best[$0 + 1]) << 8 }
        }
        var bestLogits: [Double] {
            stride(from: 0, to: logits.count, by: 4).map { start in
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(logits[start + $1]) << (8 * $1) }
                return Double(Float(bitPattern: bits))
            }
        }
    }

    let recorded: [Recorded]
    let engineLogits: [[Float]]

    init() throws {
        recorded = try Fixture.decode([Recorded].self, from: "logits.json")
        engineLogits = try Self.computed.get()
    }

    /// Computed once for all tests of the suite.
    private static let computed = Result {
        let file = try RealModel.open()
        let model = BlockModel(
            hyperparameters: file.hyperparameters,
            pool: ComputePool(threads: min(2, ProcessInfo.processInfo.activeProcessorCount)))
        let blocks = 0...file.hyperparameters.headBlock
        for block in blocks { try model.load(block: block, from: file) }
        return try Fixture.decode([Recorded].self, from: "logits.json").map { recorded in
            let output = try model.run(
                blocks: blocks, input: .tokens(recorded.tokens), firstPosition: 0,
                cache: model.makeCache(blocks: blocks),
                logits: .last)
            guard case .logits(let rows) = output, let row = rows.last else {
                throw SamplingError.noCandidate(count: 0)
            }
            return row
        }
    }

    /// KL(reference || engine) with all tokens that were not kept taken for one: a lower bound of the divergence over
    /// all.
    private func divergence(_ recorded: Recorded, _ logits: [Float]) -> Double {
        let highest = Double(logits.max() ?? 0)
        let total = highest + log(logits.reduce(0) { $0 + exp(Double($1) - highest) })
        var sum = 0.0
        var (referenceRest, engineRest) = (1.0, 1.0)
        for (token, logit) in zip(recorded.bestTokens, recorded.bestLogits) {
            let (reference, engine) = (logit - recorded.logsumexp, Double(logits[token]) - total)
            sum += exp(reference) * (reference - engine)
            referenceRest -= exp(reference)
            engineRest -= exp(engine)
        }
        guard referenceRest > 1e-9, engineRest > 1e-9 else { return sum }
        return sum + referenceRest * log(referenceRest / engineRest)
    }

    @Test("has a mean divergence under 0.00001 on 20 contexts, and none over 0.0001")
    func divergence() throws {
        try #require(recorded.count == 20)
        let divergences = zip(recorded, engineLogits).map { divergence($0, $1) }
        let mean = divergences.reduce(0, +) / Double(divergences.count)
        #expect(mean < 1e-5, "\(divergences)")
        #expect(divergences.allSatisfy { $0 < 1e-4 && $0 > -1e-6 }, "\(divergences)")
    }

    @Test("takes the same best token wherever the reference's best two are more than 0.05 apart")
    func bestToken() throws {
        var compared = 0
        for (recorded, logits) in zip(recorded, engineLogits) {
            let reference = recorded.bestLogits
            guard reference[0] - reference[1] > 0.05 else { continue }
            compared += 1
            #expect(
                try Sampler.sample(logits: logits, parameters: .greedy, position: 0) == Int32(recorded.bestTokens[0]))
        }
        #expect(compared >= 15)
    }

    @Test("keeps to the right answer where the reference's best two are less than 0.1 apart")
    func closeCall() throws {
        let file = try RealModel.open()
        let metadata = try ModelMetadata(file)
        let model = BlockModel(hyperparameters: file.hyperparameters, pool: ComputePool(threads: 1))
        let blocks = 0...file.hyperparameters.headBlock
        for block in blocks { try model.load(block: block, from: file) }
        let cache = model.makeCache(blocks: blocks)
        var tokens = try metadata.promptTokens(for: [
            ChatMessage(role: "user", content: "What is the capital of France?")
        ])
        var answer: [Int32] = []
        while answer.count < 12 {
            let output = try model.run(
                blocks: blocks, input: .tokens(tokens), firstPosition: cache.length, cache: cache, logits: .last)
            guard case .logits(let rows) = output else { break }
            let token = try Sampler.sample(logits: rows[0], parameters: .greedy, position: cache.length)
            if metadata.tokenizer.isEndOfGeneration(token) { break }
            answer.append(token)
            tokens = [token]
        }
        #expect(String(decoding: metadata.tokenizer.decode(answer), as: UTF8.self) == "The capital of France is Paris.")
    }

    @Test("gives the same logits bit for bit from the model's pieces as from its file")
    func pieces() throws {
        let scratch = try ScratchDirectory()
        let cut = try ModelCutter.cut(RealModel.open(), directory: scratch.path)
        let metadata = try ModelMetadata(path: scratch.file(cut.metadata.fileName))
        let model = BlockModel(hyperparameters: metadata.hyperparameters, pool: ComputePool(threads: 1))
        for (block, pieces) in cut.blockPieces.enumerated() {
            let set = PieceSet(try pieces.map { try PieceFile(path: scratch.file($0.fileName)) })
            try model.load(block: block, from: set)
        }
        let blocks = 0...metadata.hyperparameters.headBlock
        let output = try model.run(
            blocks: blocks, input: .tokens(recorded[0].tokens), firstPosition: 0,
            cache: model.makeCache(blocks: blocks),
            logits: .last)
        #expect(output == .logits([engineLogits[0]]))
    }
}
