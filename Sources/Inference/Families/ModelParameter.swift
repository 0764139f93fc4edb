/// What a model's metadata may say of its shape. The raw values are the names in GGUF, behind the architecture's.
enum ModelParameter: String, CaseIterable {
    case layerCount = "block_count"
    case contextLength = "context_length"
    case embeddingWidth = "embedding_length"
    case feedForwardWidth = "feed_forward_length"
    case headCount = "attention.head_count"
    case keyValueHeadCount = "attention.head_count_kv"
    case keyLength = "attention.key_length"
    case valueLength = "attention.value_length"
    case rmsEpsilon = "attention.layer_norm_rms_epsilon"
    case slidingWindow = "attention.sliding_window"
    case causal = "attention.causal"
    case clamp = "attention.clamp_kqv"
    case scoreCap = "attn_logit_softcapping"
    case logitCap = "final_logit_softcapping"
    case ropeDimension = "rope.dimension_count"
    case ropeBase = "rope.freq_base"
    /// Of the layers with a window.
    case localRopeBase = "rope.freq_base_swa"
    case ropeScaling = "rope.scaling.type"
    case ropeFactor = "rope.scaling.factor"
    case ropeLinearFactor = "rope.scale_linear"
    case ropeOriginalContext = "rope.scaling.original_context_length"
    case ropeMagnitude = "rope.scaling.attn_factor"
    case yarnFast = "rope.scaling.yarn_beta_fast"
    case yarnSlow = "rope.scaling.yarn_beta_slow"
    case yarnExtrapolation = "rope.scaling.yarn_ext_factor"
    case yarnMagnitude = "rope.scaling.yarn_attn_factor"
    case expertCount = "expert_count"
    case expertsUsed = "expert_used_count"
    case expertWidth = "expert_feed_forward_length"
    case sharedExpertWidth = "expert_shared_feed_forward_length"
    case expertScale = "expert_weights_scale"
    /// 2: by sigmoids, as an integer.
    case expertGating = "expert_gating_func"
    /// How many layers, the first ones, have no experts.
    case denseLayers = "leading_dense_block_count"
    case convolutionLength = "shortconv.l_cache"
    case pooling = "pooling_type"
}

/// Where such parameters come from. Values are as found; `ModelParameters` checks them.
protocol ModelParameterSource {
    /// Nil where the source says nothing.
    func integer(_ parameter: ModelParameter) throws(ModelFileError) -> UInt64?
    /// Of a parameter that has a value for each layer; nil where the source says nothing, or one number for all.
    func integers(_ parameter: ModelParameter) throws(ModelFileError) -> [Int64]?
    func real(_ parameter: ModelParameter) throws(ModelFileError) -> Double?
    func bool(_ parameter: ModelParameter) throws(ModelFileError) -> Bool?
    func string(_ parameter: ModelParameter) throws(ModelFileError) -> String?
    /// What people find the parameter under, for messages.
    func name(of parameter: ModelParameter) -> String
}

/// How a source stores what there are several ways to store.
enum StorageConvention {
    /// The rows of Llama's queries and keys are interleaved, so that pairs are adjacent; one is added to Gemma's norms.
    case gguf
    /// As the `transformers` library computes with them.
    case transformers
}

/// Tensors that belong to the model as a whole. They are small and needed in every layer, so that they travel with the
/// metadata.
public enum ModelTensor: String, Sendable, CaseIterable {
    case ropeDivisors = "rope_freqs.weight"
    case ropeDivisorsShort = "rope_factors_short.weight"
    case ropeDivisorsLong = "rope_factors_long.weight"
}

/// A model's parameters, checked as they are asked for.
struct ModelParameters {
    let architecture: String
    let convention: StorageConvention
    let source: any ModelParameterSource
    let vocabularySize: Int
    let tiedEmbeddings: Bool
    let tensors: [ModelTensor: [Float]]

    func count(
        _ parameter: ModelParameter, in allowed: ClosedRange<Int>, otherwise fallback: Int? = nil
    ) throws(ModelFileError) -> Int {
        guard let value = try source.integer(parameter) else {
            guard let fallback else { throw .missing(what: source.name(of: parameter)) }
            return fallback
        }
        guard let number = Int(exactly: value), allowed.contains(number) else {
            throw implausible(parameter, "\(value)", "\(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return number
    }

    func real(
        _ parameter: ModelParameter, in allowed: ClosedRange<Double>, otherwise fallback: Double? = nil
    ) throws(ModelFileError) -> Float {
        guard let value = try source.real(parameter) else {
            guard let fallback else { throw .missing(what: source.name(of: parameter)) }
            return Float(fallback)
        }
        guard allowed.contains(value) else {
            throw implausible(parameter, "\(value)", "\(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return Float(value)
    }

    func implausible(_ parameter: ModelParameter, _ value: String, _ allowed: String) -> ModelFileError {
        .implausible(what: source.name(of: parameter), value: value, allowed: allowed)
    }
}
