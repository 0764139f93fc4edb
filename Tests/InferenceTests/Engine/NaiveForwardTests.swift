import Foundation
import Inference
import Testing

/// The llama forward pass in double precision, from its description alone: what the engine must come near to.
private struct NaiveForward {
    let model: SyntheticModel

    func values(_ name: String) -> [Double] {
        guard let view = model.tensors.tensor(named: name + ".weight") else { return [] }
        return view.bytes.bindMemory(to: Float.self).map(Double.init)
    }

    func multiply(_ name: String, _ x: [Double]) -> [Double] {
        let w = values(name)
        return (0..<w.count / x.count).map { row in
            var sum = 0.0
            for k in 0..<x.count { sum += w[row * x.count + k] * x[k] }
            return sum
        }
    }

    func norm(_ name: String, _ x: [Double]) -> [Double] {
        let scale =
            1 / (x.reduce(0) { $0 + $1 * $1 } / Double(x.count) + Double(model.hyperparameters.rmsEpsilon)).squareRoot()
        return zip(x, values(name)).map { $0 * scale * $1 }
    }

    func rotate(_ x: [Double], position: Int) -> [Double] {
        guard let attention = model.hyperparameters.layers[0].attention else { return [] }
        let size = attention.headDimension
        var y = x
        for head in 0..<x.count / size {
            for i in 0..<attention.rotary.dimension / 2 {
                let exponent = -2 * Double(i) / Double(attention.rotary.dimension)
                let angle = Double(position) * pow(Double(attention.rotary.base), exponent)
                let (a, b) = (x[head * size + 2 * i], x[head * size + 2 * i + 1])
                y[head * size + 2 * i] = a * cos(angle) - b * sin(angle)
                y[head * size + 2 * i + 1] = a * sin(angle) + b * cos(angle)
            }
        }
        return y
    }

    func logits(_ tokens: [Int32]) -> [[Double]] {
        let p = model.hyperparameters
        guard let attention = p.layers[0].attention else { return [] }
        let size = attention.headDimension
        let embedding = values("token_embd")
        var x = tokens.map { Array(embedding[Int($0) * p.embeddingWidth..<(Int($0) + 1) * p.embeddingWidth]) }
        for layer in 0..<p.layerCount {
            func name(_ part: String) -> String { "blk.\(layer).\(part)" }
            let normed = x.map { norm(name("attn_norm"), $0) }
            let q = normed.enumerated().map { rotate(multiply(name("attn_q"), $1), position: $0) }
            let k = normed.enumerated().map { rotate(multiply(name("attn_k"), $1), position: $0) }
            let v = normed.map { multiply(name("attn_v"), $0) }
            for position in tokens.indices {
                var attended: [Double] = []
                for head in 0..<attention.headCount {
                    let shared = head / (attention.headCount / attention.keyValueHeadCount) * size
                    let scores = (0...position).map { key in
                        (0..<size).reduce(0) { $0 + q[position][head * size + $1] * k[key][shared + $1] }
                            / Double(size).squareRoot()
                    }
                    let greatest = scores.max() ?? 0
                    let weights = scores.map { exp($0 - greatest) }
                    let total = weights.reduce(0, +)
                    attended += (0..<size).map { d in
                        (0...position).reduce(0) { $0 + weights[$1] / total * v[$1][shared + d] }
                    }
                }
                x[position] = zip(x[position], multiply(name("attn_output"), attended)).map(+)
                let h = norm(name("ffn_norm"), x[position])
                let activated = zip(multiply(name("ffn_gate"), h), multiply(name("ffn_up"), h)).map {
                    $0 / (1 + exp(-$0)) * $1
                }
                x[position] = zip(x[position], multiply(name("ffn_down"), activated)).map(+)
            }
        }
        return x.map { multiply("output", norm("output_norm", $0)) }
    }
}

@Suite("Forward pass")
struct NaiveForwardTests {
    @Test("Single-precision weights give the logits of a naive double-precision pass", arguments: [16, 8])
    func agreesWithNaiveForward(ropeDimension: Int) throws {
        var synthetic = SyntheticModel(types: [.f32], seed: 9)
        for layer in synthetic.hyperparameters.layers.indices {
            synthetic.hyperparameters.layers[layer].attention?.rotary.dimension = ropeDimension
        }
        let tokens = synthetic.tokens(24)
        let model = try synthetic.load(synthetic.allBlocks)
        let output = try model.run(
            blocks: synthetic.allBlocks, input: .tokens(tokens), firstPosition: 0,
            cache: model.makeCache(blocks: synthetic.allBlocks, format: .f32), logits: .all)
        guard case .logits(let rows) = output else { throw EngineError.noPositions }
        let expected = NaiveForward(model: synthetic).logits(tokens)
        let error = zip(rows.joined(), expected.joined()).map { abs(Double($0) - $1) }.max() ?? .infinity
        let largest = expected.joined().map(abs).max() ?? 0
        #expect(error < 2e-5 * largest, "off by \(error) where logits reach \(largest)")
    }
}
