/// The tensors that a layer may have. Their names behind "blk.N." are those of GGUF; a source in another format
/// translates.
public enum LayerTensor: String, Sendable, CaseIterable {
    case attentionNorm = "attn_norm.weight"
    case query = "attn_q.weight"
    case key = "attn_k.weight"
    case value = "attn_v.weight"
    /// Query, key and value one after the other.
    case queryKeyValue = "attn_qkv.weight"
    case queryBias = "attn_q.bias"
    case keyBias = "attn_k.bias"
    case valueBias = "attn_v.bias"
    case queryKeyValueBias = "attn_qkv.bias"
    case queryNorm = "attn_q_norm.weight"
    case keyNorm = "attn_k_norm.weight"
    case attentionOutput = "attn_output.weight"
    case attentionOutputBias = "attn_output.bias"
    case attentionPostNorm = "post_attention_norm.weight"
    /// What is convolved, and what gates it, one after the other: b, c and v.
    case convolutionInput = "shortconv.in_proj.weight"
    /// For each channel a weight for each position, the oldest first.
    case convolutionTaps = "shortconv.conv.weight"
    case convolutionOutput = "shortconv.out_proj.weight"
    case feedForwardNorm = "ffn_norm.weight"
    case gate = "ffn_gate.weight"
    /// Of a fused pair, gate and up one after the other.
    case up = "ffn_up.weight"
    case down = "ffn_down.weight"
    case feedForwardPostNorm = "post_ffw_norm.weight"
    case router = "ffn_gate_inp.weight"
    case routerBias = "exp_probs_b.bias"
    /// Of each expert one after the other.
    case expertGates = "ffn_gate_exps.weight"
    case expertUps = "ffn_up_exps.weight"
    case expertDowns = "ffn_down_exps.weight"
    case sharedGateInput = "ffn_gate_inp_shexp.weight"
    case sharedGate = "ffn_gate_shexp.weight"
    case sharedUp = "ffn_up_shexp.weight"
    case sharedDown = "ffn_down_shexp.weight"

    func name(inLayer layer: Int) -> String { "blk.\(layer).\(rawValue)" }
}

/// One of a layer's tensors with its shape.
struct ExpectedLayerTensor {
    let tensor: LayerTensor
    /// GGUF order: row length first.
    let dimensions: [Int]
    let isOptional: Bool

    /// Whether it is computed with as it is, in single precision: vectors, and what a convolution multiplies with.
    var isSingle: Bool { dimensions.count == 1 || tensor == .convolutionTaps }
}

extension LayerDescription {
    /// The tensors of a layer like this, in the order in which it computes with them.
    func tensors(width: Int) -> [ExpectedLayerTensor] {
        var result: [ExpectedLayerTensor] = []
        func add(_ tensor: LayerTensor, _ dimensions: Int..., presence: Presence = .always) {
            guard presence != .never else { return }
            result.append(
                ExpectedLayerTensor(tensor: tensor, dimensions: dimensions, isOptional: presence == .perhaps))
        }
        func addTensors(of attention: AttentionDescription) {
            let (query, keyValue) = (attention.queryWidth, attention.keyValueWidth)
            if attention.hasPreNorm { add(.attentionNorm, width) }
            if attention.isFused {
                add(.queryKeyValue, width, query + 2 * keyValue)
                add(.queryKeyValueBias, query + 2 * keyValue, presence: attention.biases)
            } else {
                add(.query, width, query)
                add(.key, width, keyValue)
                add(.value, width, keyValue)
                add(.queryBias, query, presence: attention.biases)
                add(.keyBias, keyValue, presence: attention.biases)
                add(.valueBias, keyValue, presence: attention.biases)
            }
            if attention.hasQueryKeyNorms {
                add(.queryNorm, attention.headDimension)
                add(.keyNorm, attention.headDimension)
            }
            add(.attentionOutput, query, width)
            add(.attentionOutputBias, width, presence: attention.outputBias)
            if attention.hasPostNorm { add(.attentionPostNorm, width) }
        }
        switch mixer {
        case .attention(let attention): addTensors(of: attention)
        case .convolution(let convolution):
            add(.attentionNorm, width)
            add(.convolutionInput, width, 3 * width)
            add(.convolutionTaps, convolution.length, width)
            add(.convolutionOutput, width, width)
        }
        if feedForward.hasPreNorm { add(.feedForwardNorm, width) }
        let inner = feedForward.width
        if let experts = feedForward.experts {
            add(.router, width, experts.count)
            if experts.hasRouterBias { add(.routerBias, experts.count) }
            if feedForward.isGated { add(.expertGates, width, experts.width, experts.count) }
            add(.expertUps, width, experts.width, experts.count)
            add(.expertDowns, experts.width, width, experts.count)
            if experts.hasSharedGate { add(.sharedGateInput, width) }
            if inner > 0 {
                if feedForward.isGated { add(.sharedGate, width, inner) }
                add(.sharedUp, width, inner)
                add(.sharedDown, inner, width)
            }
        } else if feedForward.isGated && feedForward.isFused {
            add(.up, width, 2 * inner)
            add(.down, inner, width)
        } else {
            if feedForward.isGated { add(.gate, width, inner) }
            add(.up, width, inner)
            add(.down, inner, width)
        }
        if feedForward.hasPostNorm { add(.feedForwardPostNorm, width) }
        return result
    }
}
