/// Which tensors each block of a `llama` model consists of, and their shapes, in the names of GGUF.
///
/// Block 0 is the embedding, blocks 1 to `layerCount` are the layers, block `layerCount + 1` is the output norm and
/// head.
public struct ModelLayout: Sendable {
    public struct Expected: Sendable, Equatable {
        public let name: String
        /// GGUF order: row length first.
        public let dimensions: [Int]
    }

    public static let embeddingTensor = "token_embd.weight"
    public static let headTensor = "output.weight"

    private let hyperparameters: Hyperparameters

    public init(_ hyperparameters: Hyperparameters) {
        self.hyperparameters = hyperparameters
    }

    /// The block's own tensors. The head of a model with tied embeddings also reads `embeddingTensor`, which is block
    /// 0's. A block that the model does not have has none.
    public func tensors(ofBlock block: Int) -> [Expected] {
        let shape = hyperparameters
        let width = shape.embeddingWidth
        let queryWidth = shape.headCount * shape.headDimension
        let keyValueWidth = shape.keyValueHeadCount * shape.headDimension
        switch block {
        case 0:
            return [Expected(name: Self.embeddingTensor, dimensions: [width, shape.vocabularySize])]
        case shape.headBlock:
            let norm = Expected(name: "output_norm.weight", dimensions: [width])
            let head = Expected(name: Self.headTensor, dimensions: [width, shape.vocabularySize])
            return shape.tiedEmbeddings ? [norm] : [norm, head]
        case 1...shape.layerCount:
            let layer = "blk.\(block - 1)"
            return [
                Expected(name: "\(layer).attn_norm.weight", dimensions: [width]),
                Expected(name: "\(layer).attn_q.weight", dimensions: [width, queryWidth]),
                Expected(name: "\(layer).attn_k.weight", dimensions: [width, keyValueWidth]),
                Expected(name: "\(layer).attn_v.weight", dimensions: [width, keyValueWidth]),
                Expected(name: "\(layer).attn_output.weight", dimensions: [queryWidth, width]),
                Expected(name: "\(layer).ffn_norm.weight", dimensions: [width]),
                Expected(name: "\(layer).ffn_gate.weight", dimensions: [width, shape.feedForwardWidth]),
                Expected(name: "\(layer).ffn_up.weight", dimensions: [width, shape.feedForwardWidth]),
                Expected(name: "\(layer).ffn_down.weight", dimensions: [shape.feedForwardWidth, width]),
            ]
        default:
            return []
        }
    }

    /// Every tensor must be there in its shape, and none beyond them: one that is not computed with (a bias, an expert,
    /// the frequency factors of a scaled rotation) would make every answer wrong without a word.
    func check(_ tensors: [GGUFDocument.Tensor]) throws(ModelFileError) {
        var left: [String: GGUFDocument.Tensor] = [:]
        for tensor in tensors { left[tensor.name] = tensor }
        for block in 0..<hyperparameters.blockCount {
            for expected in self.tensors(ofBlock: block) {
                guard let tensor = left.removeValue(forKey: expected.name) else {
                    throw .missing(what: "tensor \(expected.name)")
                }
                try Self.check(tensor.dimensions, of: expected)
            }
        }
        for tensor in tensors where left[tensor.name] != nil {
            throw .unsupported(what: "the tensor \(quoted(tensor.name))")
        }
    }

    private static func check(_ dimensions: [Int], of expected: Expected) throws(ModelFileError) {
        let padding = max(0, dimensions.count - expected.dimensions.count)
        guard dimensions == expected.dimensions + [Int](repeating: 1, count: padding) else {
            let shape = { (lengths: [Int]) in lengths.map(String.init).joined(separator: " x ") }
            throw .malformed(
                what: "tensor \(expected.name)",
                reason: "its shape is \(shape(dimensions)) and not \(shape(expected.dimensions))")
        }
    }
}
