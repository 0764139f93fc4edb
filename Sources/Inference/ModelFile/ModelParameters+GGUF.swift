extension ModelParameters {
    /// What a GGUF file says of its model; of a metadata piece, what it took over from the file.
    init(_ document: GGUFDocument) throws(ModelFileError) {
        let metadata = document.metadata
        guard let architecture = try metadata.string("general.architecture") else {
            throw .missing(what: "general.architecture")
        }
        guard let vocabularySize = try metadata.arrayCount("tokenizer.ggml.tokens") else {
            throw .missing(what: "tokenizer.ggml.tokens")
        }
        var tensors: [ModelTensor: [Float]] = [:]
        for tensor in ModelTensor.allCases {
            tensors[tensor] = try document.values(of: tensor)
            guard tensors[tensor] == nil else { continue }
            tensors[tensor] = try metadata.reals(
                ModelMetadata.key(of: tensor), atMost: GGUFDocument.modelTensorElementsMax)
        }
        self.init(
            architecture: architecture, convention: .gguf,
            source: GGUFParameters(metadata: metadata, architecture: architecture), vocabularySize: vocabularySize,
            tiedEmbeddings: try document.tiedEmbeddings, tensors: tensors)
    }
}

/// Parameters under the names that GGUF gives them.
private struct GGUFParameters: ModelParameterSource {
    let metadata: GGUFMetadata
    let architecture: String

    func name(of parameter: ModelParameter) -> String { "\(architecture).\(parameter.rawValue)" }

    func integer(_ parameter: ModelParameter) throws(ModelFileError) -> UInt64? {
        try metadata.integer(name(of: parameter))
    }
    func integers(_ parameter: ModelParameter) throws(ModelFileError) -> [Int64]? {
        guard metadata.isArray(name(of: parameter)) else { return nil }
        return try metadata.integers(name(of: parameter), atMost: 1024)
    }
    func real(_ parameter: ModelParameter) throws(ModelFileError) -> Double? {
        try metadata.real(name(of: parameter))
    }
    func bool(_ parameter: ModelParameter) throws(ModelFileError) -> Bool? {
        try metadata.bool(name(of: parameter))
    }
    func string(_ parameter: ModelParameter) throws(ModelFileError) -> String? {
        try metadata.string(name(of: parameter))
    }
}

extension GGUFDocument {
    /// Half of the dimensions of the widest head.
    static let modelTensorElementsMax = 512

    /// The elements of one of the tensors that the whole model shares; nil where the file has none.
    func values(of tensor: ModelTensor) throws(ModelFileError) -> [Float]? {
        guard let found = entry(named: tensor.rawValue) else { return nil }
        guard found.type == .f32, found.range.count <= 4 * Self.modelTensorElementsMax else {
            throw .malformed(
                what: "tensor \(tensor.rawValue)",
                reason: "it is not a vector of up to \(Self.modelTensorElementsMax) single-precision numbers")
        }
        let bytes = bytes(of: found)
        return stride(from: 0, to: bytes.count, by: 4).map {
            Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
        }
    }

    /// A metadata piece, which has no tensors, says so in an entry of its own.
    var tiedEmbeddings: Bool {
        get throws(ModelFileError) {
            guard tensors.isEmpty else { return entry(named: ModelLayout.headTensor) == nil }
            guard let value = try metadata.bool(ModelMetadata.tiedEmbeddingsKey) else {
                throw .missing(what: ModelMetadata.tiedEmbeddingsKey)
            }
            return value
        }
    }
}

extension Hyperparameters {
    init(_ document: GGUFDocument) throws(ModelFileError) { self = try Family.describe(ModelParameters(document)) }
}
