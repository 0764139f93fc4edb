import Foundation
import Testing

@testable import Inference

/// The engine against a forward pass in numpy and single precision (tools/fixtures/record-logits.py).
@Suite("Against an independent forward pass, the engine")
struct AgreementTests {
    /// One context with what the reference gave for its last position.
    struct Recorded: Decodable {
        let tokens: [Int32]
        let reference: ReferenceLogits

        private enum Key: CodingKey { case tokens }
        init(from decoder: any Decoder) throws {
            tokens = try decoder.container(keyedBy: Key.self).decode([Int32].self, forKey: .tokens)
            reference = try ReferenceLogits(from: decoder)
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

    @Test("has a mean divergence under 0.00001 on 20 contexts, and none over 0.0001")
    func divergence() throws {
        try #require(recorded.count == 20)
        let divergences = zip(recorded, engineLogits).map { $0.reference.divergence(of: $1) }
        let mean = divergences.reduce(0, +) / Double(divergences.count)
        #expect(mean < 1e-5, "\(divergences)")
        #expect(divergences.allSatisfy { $0 < 1e-4 && $0 > -1e-6 }, "\(divergences)")
    }

    @Test("takes the same best token wherever the reference's best two are more than 0.05 apart")
    func bestToken() throws {
        var compared = 0
        for (reference, logits) in zip(recorded.map(\.reference), engineLogits) where reference.lead > 0.05 {
            compared += 1
            #expect(
                try Sampler.sample(logits: logits, parameters: .greedy, position: 0) == Int32(reference.bestTokens[0]))
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
