/// Which tensors of a model in the `transformers` library's names one of GGUF's is made of, and how.
struct SafetensorsRecipe: Equatable {
    enum Change: Equatable {
        case none
        /// One is added: Gemma's norms multiply with 1 + weight, those of GGUF with the weight.
        case plusOne
        /// The rows of each of so many heads are reordered, so that the two halves that rotate with each other come to
        /// lie in pairs.
        case interleaveHeads(Int)
        /// A convolution's weights: the dimension of one is left out, and they are in single precision.
        case taps
    }

    /// One after the other, along the slowest dimension.
    var parts: [String]
    var change = Change.none
    /// Whether the parts are joined along a new dimension, as experts are.
    var isStack = false
    /// Whether it is of single precision whatever the file has.
    var isSingle = false
}

/// The names of one model's tensors.
struct SafetensorsNames {
    let architecture: String
    let headCount: Int
    let keyValueHeadCount: Int
    let expertCount: Int

    static let skipped = ["rotary_emb.inv_freq", "masked_bias", "attn.bias"]

    private var isGemma: Bool { architecture.hasPrefix("gemma") }
    private var isHybrid: Bool { architecture.hasPrefix("lfm2") }

    /// nil for a name that this architecture does not have.
    func recipe(for name: String) -> SafetensorsRecipe? {
        switch name {
        case "token_embd.weight": return SafetensorsRecipe(parts: ["model.embed_tokens.weight"])
        case "output_norm.weight": return isHybrid ? nil : norm("model.norm.weight")
        case "token_embd_norm.weight": return isHybrid ? norm("model.embedding_norm.weight") : nil
        case "output.weight": return SafetensorsRecipe(parts: ["lm_head.weight"])
        default: break
        }
        let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]), "\(layer)" == parts[1], layer >= 0 else {
            return nil
        }
        return recipe(for: String(parts[2]), at: "model.layers.\(layer).")
    }

    private func norm(_ name: String) -> SafetensorsRecipe {
        SafetensorsRecipe(parts: [name], change: isGemma ? .plusOne : .none)
    }

    /// LFM2's own names.
    private func hybridRecipe(for tensor: String, at layer: String) -> SafetensorsRecipe? {
        let (attention, convolution, feedForward) = (layer + "self_attn.", layer + "conv.", layer + "feed_forward.")
        func plain(_ name: String) -> SafetensorsRecipe { SafetensorsRecipe(parts: [name]) }
        func experts(_ matrix: String) -> SafetensorsRecipe? {
            guard expertCount > 0 else { return nil }
            return SafetensorsRecipe(
                parts: (0..<expertCount).map { "\(feedForward)experts.\($0).\(matrix).weight" }, isStack: true)
        }
        switch tensor {
        case "attn_norm.weight": return plain(layer + "operator_norm.weight")
        case "attn_q.weight": return plain(attention + "q_proj.weight")
        case "attn_k.weight": return plain(attention + "k_proj.weight")
        case "attn_v.weight": return plain(attention + "v_proj.weight")
        case "attn_output.weight": return plain(attention + "out_proj.weight")
        case "attn_q_norm.weight": return plain(attention + "q_layernorm.weight")
        case "attn_k_norm.weight": return plain(attention + "k_layernorm.weight")
        case "shortconv.in_proj.weight": return plain(convolution + "in_proj.weight")
        case "shortconv.conv.weight": return SafetensorsRecipe(parts: [convolution + "conv.weight"], change: .taps)
        case "shortconv.out_proj.weight": return plain(convolution + "out_proj.weight")
        case "ffn_norm.weight": return plain(layer + "ffn_norm.weight")
        case "ffn_gate.weight": return plain(feedForward + "w1.weight")
        case "ffn_up.weight": return plain(feedForward + "w3.weight")
        case "ffn_down.weight": return plain(feedForward + "w2.weight")
        case "ffn_gate_inp.weight": return SafetensorsRecipe(parts: [feedForward + "gate.weight"], isSingle: true)
        case "exp_probs_b.bias": return plain(feedForward + "expert_bias")
        case "ffn_gate_exps.weight": return experts("w1")
        case "ffn_up_exps.weight": return experts("w3")
        case "ffn_down_exps.weight": return experts("w2")
        default: return nil
        }
    }

    private func recipe(for tensor: String, at layer: String) -> SafetensorsRecipe? {
        if isHybrid { return hybridRecipe(for: tensor, at: layer) }
        let attention = layer + "self_attn."
        let feedForward = layer + "mlp."
        func plain(_ name: String) -> SafetensorsRecipe { SafetensorsRecipe(parts: [name]) }
        func rotated(_ name: String, _ heads: Int) -> SafetensorsRecipe {
            // Only Llama's files of GGUF have their rows interleaved; the others rotate halves.
            SafetensorsRecipe(parts: [name], change: architecture == "llama" ? .interleaveHeads(heads) : .none)
        }
        func experts(_ projection: String) -> SafetensorsRecipe? {
            guard expertCount > 0 else { return nil }
            return SafetensorsRecipe(
                parts: (0..<expertCount).map { "\(feedForward)experts.\($0).\(projection).weight" }, isStack: true)
        }
        switch tensor {
        case "attn_norm.weight": return norm(layer + "input_layernorm.weight")
        case "attn_q.weight": return rotated(attention + "q_proj.weight", headCount)
        case "attn_q.bias": return rotated(attention + "q_proj.bias", headCount)
        case "attn_k.weight": return rotated(attention + "k_proj.weight", keyValueHeadCount)
        case "attn_k.bias": return rotated(attention + "k_proj.bias", keyValueHeadCount)
        case "attn_v.weight": return plain(attention + "v_proj.weight")
        case "attn_v.bias": return plain(attention + "v_proj.bias")
        case "attn_qkv.weight": return plain(attention + "qkv_proj.weight")
        case "attn_output.weight": return plain(attention + "o_proj.weight")
        case "attn_output.bias": return plain(attention + "o_proj.bias")
        case "attn_q_norm.weight": return norm(attention + "q_norm.weight")
        case "attn_k_norm.weight": return norm(attention + "k_norm.weight")
        case "post_attention_norm.weight": return isGemma ? norm(layer + "post_attention_layernorm.weight") : nil
        case "ffn_norm.weight":
            return norm(layer + (isGemma ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight"))
        case "post_ffw_norm.weight": return isGemma ? norm(layer + "post_feedforward_layernorm.weight") : nil
        case "ffn_gate.weight": return plain(feedForward + "gate_proj.weight")
        case "ffn_up.weight":
            return plain(feedForward + (architecture == "phi3" ? "gate_up_proj.weight" : "up_proj.weight"))
        case "ffn_down.weight": return plain(feedForward + "down_proj.weight")
        case "ffn_gate_inp.weight": return SafetensorsRecipe(parts: [feedForward + "gate.weight"], isSingle: true)
        case "ffn_gate_exps.weight": return experts("gate_proj")
        case "ffn_up_exps.weight": return experts("up_proj")
        case "ffn_down_exps.weight": return experts("down_proj")
        case "ffn_gate_inp_shexp.weight": return plain(feedForward + "shared_expert_gate.weight")
        case "ffn_gate_shexp.weight": return plain(feedForward + "shared_expert.gate_proj.weight")
        case "ffn_up_shexp.weight": return plain(feedForward + "shared_expert.up_proj.weight")
        case "ffn_down_shexp.weight": return plain(feedForward + "shared_expert.down_proj.weight")
        default: return nil
        }
    }

    /// All that a layer may have.
    static let ofLayer = LayerTensor.allCases.map(\.rawValue)
}
