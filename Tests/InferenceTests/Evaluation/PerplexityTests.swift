import Foundation
import Testing

@testable import Inference

@Suite("Perplexity")
struct PerplexityTests {
    private static let text = Array(
        String(repeating: "The cat sat on the mat. The dog lay by the door, and nobody said a word. ", count: 4).utf8)

    private let model: BlockModel
    private let tokenizer: Tokenizer

    init() throws {
        let file = try RealModel.open()
        model = BlockModel(hyperparameters: file.hyperparameters, pool: ComputePool(threads: 1))
        for block in 0..<file.hyperparameters.blockCount { try model.load(block: block, from: file) }
        tokenizer = try ModelMetadata(file).tokenizer
    }

    /// Windows of the text computed in one go each, the second half of each counted.
    private func obvious(_ tokens: [Int32], context: Int) throws -> Double {
        let blocks = 0...model.hyperparameters.headBlock
        var surprises: [Double] = []
        for start in stride(from: 0, through: tokens.count - context, by: context) {
            let window = Array(tokens[start..<start + context])
            let output = try model.run(
                blocks: blocks, input: .tokens(window), firstPosition: 0, cache: model.makeCache(blocks: blocks),
                logits: .all)
            guard case .logits(let rows) = output else { break }
            for position in context / 2..<context - 1 {
                surprises.append(Perplexity.surprise(at: window[position + 1], logits: rows[position]))
            }
        }
        return exp(surprises.reduce(0, +) / Double(surprises.count))
    }

    @Test("is that of the second half of each window", arguments: [10, 37])
    func secondHalves(context: Int) throws {
        var shares: [Double] = []
        let measured = try Perplexity.measure(
            model: model, tokenizer: tokenizer, text: Self.text, context: context
        ) { shares.append($0) }
        let tokens = tokenizer.encode(bytes: Self.text, parseSpecial: false)
        #expect(measured.tokenCount == tokens.count)
        #expect(measured.windowCount == tokens.count / context)
        #expect(measured.scoredCount == measured.windowCount * (context - 1 - context / 2))
        #expect(shares.count == measured.windowCount && shares.last == 1)
        let expected = try obvious(tokens, context: context)
        #expect(abs(measured.perplexity / expected - 1) < 1e-9)
    }

    /// The real model, but what its head normalises with is no number.
    private struct Damaged: TensorSource {
        let file: any TensorSource
        let damage = SyntheticTensors()

        init(_ file: any TensorSource, width: Int) {
            self.file = file
            let values = [Float](repeating: .nan, count: width).withUnsafeBytes(Array.init)
            damage.set("output_norm.weight", .f32, [width], values)
        }

        func tensor(named name: String) -> TensorView? { damage.tensor(named: name) ?? file.tensor(named: name) }
    }

    @Test("of weights that are no numbers is refused")
    func damagedWeights() throws {
        let file = try RealModel.open()
        let head = file.hyperparameters.headBlock
        model.unload(block: head)
        try model.load(block: head, from: Damaged(file, width: file.hyperparameters.embeddingWidth))
        #expect(throws: EngineError.logitsNotFinite) {
            try Perplexity.measure(model: model, tokenizer: tokenizer, text: Self.text, context: 37)
        }
    }

    @Test("differs a little with keys and values of eight bits")
    func formats() throws {
        func perplexity(_ format: KeyValueFormat) throws -> Double {
            try Perplexity.measure(
                model: model, tokenizer: tokenizer, text: Self.text, context: 37, format: format
            ).perplexity
        }
        let (halves, bytes) = (try perplexity(.f16), try perplexity(.q8_0))
        #expect(bytes != halves)
        #expect(abs(bytes / halves - 1) < 0.02)
    }

    @Test("of a text shorter than a window counts from the second token on")
    func shortText() throws {
        let measured = try Perplexity.measure(
            model: model, tokenizer: tokenizer, text: Array("The cat sat on the mat.".utf8), context: 512)
        #expect(measured.windowCount == 1)
        #expect(measured.scoredCount == measured.tokenCount - 1)
    }

    @Test("of order is lower than that of disorder")
    func orderIsExpected() throws {
        func perplexity(_ text: String) throws -> Double {
            try Perplexity.measure(model: model, tokenizer: tokenizer, text: Array(text.utf8), context: 512).perplexity
        }
        #expect(
            try perplexity("One, two, three, four, five, six, seven.")
                < perplexity("Six, cat seven two door, one ten, maybe."))
    }

    @Test("is refused for texts of no length and windows that the model cannot hold")
    func refusals() throws {
        #expect(throws: PerplexityError.tooShort(tokens: 0)) {
            try Perplexity.measure(model: model, tokenizer: tokenizer, text: [], context: 512)
        }
        for context in [-1, 0, 1, model.hyperparameters.contextLength + 1] {
            #expect(throws: PerplexityError.context(context, limit: model.hyperparameters.contextLength)) {
                try Perplexity.measure(model: model, tokenizer: tokenizer, text: Self.text, context: context)
            }
        }
    }

    @Test("Surprise is minus the logarithm of the softmax")
    func surpriseOfSoftmax() {
        #expect(abs(Perplexity.surprise(at: 1, logits: [0, 0, 0, 0]) - log(4)) < 1e-6)
        let sum = exp(1.0) + exp(3.0) + exp(-2.0)
        #expect(abs(Perplexity.surprise(at: 0, logits: [1, 3, -2]) - (log(sum) - 1)) < 1e-6)
        // As far apart as single precision goes.
        #expect(Perplexity.surprise(at: 0, logits: [0, 3e38]) == Double(Float(3e38)))
    }
}
