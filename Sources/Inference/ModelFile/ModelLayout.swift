/// Which tensors each block of a model consists of, and their shapes, in the names of GGUF.
///
/// Block 0 is the embedding, blocks 1 to `layerCount` are the layers, block `layerCount + 1` is the output norm and
/// head. The tensors that the whole model shares (`ModelTensor`) belong to no block.
public struct ModelLayout: Sendable {
    public struct Expected: Sendable, Equatable {
        public let name: String
        /// GGUF order: row length first.
        public let dimensions: [Int]
        /// Computed with where the file has it.
        public var isOptional = false
    }

    public static let embeddingTensor = "token_embd.weight"
    /// As all but a few files name it (`Hyperparameters.outputNormTensor`).
    public static let headNormTensor = "output_norm.weight"
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
        switch block {
        case 0:
            return [Expected(name: Self.embeddingTensor, dimensions: [width, shape.vocabularySize])]
        case shape.headBlock:
            let norm = Expected(name: shape.outputNormTensor, dimensions: [width])
            let head = Expected(name: Self.headTensor, dimensions: [width, shape.vocabularySize])
            return shape.tiedEmbeddings ? [norm] : [norm, head]
        case 1..<shape.headBlock:
            return shape.layers[block - 1].tensors(width: width).map {
                Expected(
                    name: $0.tensor.name(inLayer: block - 1), dimensions: $0.dimensions, isOptional: $0.isOptional)
            }
        default:
            return []
        }
    }

    /// Every tensor must be there in its shape, and none beyond them: one that is not computed with (a bias, an expert)
    /// would make every answer wrong without a word.
    func check(_ tensors: [TensorShape]) throws(ModelFileError) {
        var left: [String: TensorShape] = [:]
        for tensor in tensors { left[tensor.name] = tensor }
        for block in 0..<hyperparameters.blockCount {
            for expected in self.tensors(ofBlock: block) {
                guard let tensor = left.removeValue(forKey: expected.name) else {
                    if expected.isOptional { continue }
                    throw .missing(what: "tensor \(expected.name)")
                }
                try Self.check(tensor.dimensions, of: expected)
            }
        }
        for tensor in ModelTensor.allCases { left[tensor.rawValue] = nil }
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
