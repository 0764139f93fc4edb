extension Hyperparameters {
    /// What the metadata of a GGUF file of architecture `llama` says, refused where it cannot be right or asks for
    /// arithmetic that is not implemented.
    init(_ metadata: GGUFMetadata, tiedEmbeddings: Bool) throws(ModelFileError) {
        guard let architecture = try metadata.string("general.architecture") else {
            throw .missing(what: "general.architecture")
        }
        guard architecture == "llama" else {
            throw .unsupported(what: "the architecture \(quoted(architecture)) instead of \"llama\"")
        }
        try Self.refuseOtherArithmetic(metadata)
        let layerCount = try Self.count(metadata, "llama.block_count", in: 1...1024)
        let width = try Self.count(metadata, "llama.embedding_length", in: 1...65536)
        let headCount = try Self.count(metadata, "llama.attention.head_count", in: 1...1024)
        let keyValueHeadCount = try Self.count(
            metadata, "llama.attention.head_count_kv", in: 1...headCount, otherwise: headCount)
        guard headCount % keyValueHeadCount == 0 else {
            throw .implausible(
                what: "llama.attention.head_count_kv", value: "\(keyValueHeadCount)",
                allowed: "a divisor of \(headCount)")
        }
        var headDimension = width / headCount
        if metadata.has("llama.attention.key_length") {
            headDimension = try Self.count(metadata, "llama.attention.key_length", in: 2...1024)
        } else if width % headCount != 0 {
            throw .implausible(what: "llama.embedding_length", value: "\(width)", allowed: "a multiple of \(headCount)")
        }
        guard (2...1024).contains(headDimension), headDimension % 2 == 0 else {
            throw .implausible(
                what: "the width of a head", value: "\(headDimension)", allowed: "an even number from 2 to 1024")
        }
        let valueLength = try Self.count(
            metadata, "llama.attention.value_length", in: 1...65536, otherwise: headDimension)
        guard valueLength == headDimension else {
            throw .unsupported(what: "values of another width (\(valueLength)) than keys (\(headDimension))")
        }
        let ropeDimension = try Self.count(
            metadata, "llama.rope.dimension_count", in: 2...headDimension, otherwise: headDimension)
        guard ropeDimension % 2 == 0 else {
            throw .implausible(what: "llama.rope.dimension_count", value: "\(ropeDimension)", allowed: "an even number")
        }
        guard let vocabularySize = try metadata.arrayCount("tokenizer.ggml.tokens") else {
            throw .missing(what: "tokenizer.ggml.tokens")
        }
        guard (1...(1 << 22)).contains(vocabularySize) else {
            throw .implausible(what: "the number of tokens", value: "\(vocabularySize)", allowed: "1 to \(1 << 22)")
        }
        self.init(
            architecture: architecture,
            layerCount: layerCount,
            embeddingWidth: width,
            feedForwardWidth: try Self.count(metadata, "llama.feed_forward_length", in: 1...(1 << 20)),
            headCount: headCount,
            keyValueHeadCount: keyValueHeadCount,
            headDimension: headDimension,
            ropeDimension: ropeDimension,
            ropeBase: try Self.real(metadata, "llama.rope.freq_base", in: 1...1e12, otherwise: 10000),
            rmsEpsilon: try Self.real(metadata, "llama.attention.layer_norm_rms_epsilon", in: 1e-12...0.1),
            vocabularySize: vocabularySize,
            contextLength: try Self.count(metadata, "llama.context_length", in: 1...(1 << 26)),
            tiedEmbeddings: tiedEmbeddings)
    }

    private static func refuseOtherArithmetic(_ metadata: GGUFMetadata) throws(ModelFileError) {
        if let scaling = try metadata.string("llama.rope.scaling.type"), scaling != "none" {
            throw .unsupported(what: "rotary embeddings scaled by the method \(quoted(scaling))")
        }
        for key in ["llama.rope.scale_linear", "llama.rope.scaling.factor", "llama.rope.scaling.attn_factor"] {
            if let factor = try metadata.real(key), factor != 1, factor != 0 {
                throw .unsupported(what: "rotary embeddings scaled by \(key) = \(factor)")
            }
        }
        if let experts = try metadata.integer("llama.expert_count"), experts != 0 {
            throw .unsupported(what: "a mixture of \(experts) experts")
        }
        if let window = try metadata.integer("llama.attention.sliding_window"), window != 0 {
            throw .unsupported(what: "attention through a sliding window of \(window) positions")
        }
        if try metadata.bool("llama.attention.causal") == false {
            throw .unsupported(what: "attention to later positions")
        }
        if let clamp = try metadata.real("llama.attention.clamp_kqv"), clamp != 0 {
            throw .unsupported(what: "clamped queries, keys and values")
        }
    }

    private static func count(
        _ metadata: GGUFMetadata, _ key: String, in allowed: ClosedRange<Int>, otherwise fallback: Int? = nil
    ) throws(ModelFileError) -> Int {
        guard let value = try metadata.integer(key) else {
            guard let fallback else { throw .missing(what: key) }
            return fallback
        }
        guard let number = Int(exactly: value), allowed.contains(number) else {
            throw .implausible(
                what: key, value: "\(value)", allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return number
    }

    private static func real(
        _ metadata: GGUFMetadata, _ key: String, in allowed: ClosedRange<Double>, otherwise fallback: Double? = nil
    ) throws(ModelFileError) -> Float {
        guard let value = try metadata.real(key) else {
            guard let fallback else { throw .missing(what: key) }
            return Float(fallback)
        }
        guard allowed.contains(value) else {
            throw .implausible(
                what: key, value: "\(value)", allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return Float(value)
    }
}
