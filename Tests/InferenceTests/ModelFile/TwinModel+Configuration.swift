import Foundation
import Testing

@testable import Inference

// What a directory says of a tiny model: names and configuration.

extension TwinModel {
    static func theirName(_ kind: String, layer: String, family: String) -> String? {
        let isHybrid = family.hasPrefix("lfm2")
        let names = [
            "token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
            "token_embd_norm.weight": "model.embedding_norm.weight", "output.weight": "lm_head.weight",
        ]
        if let name = names[kind] { return name }
        return (isHybrid ? ofHybridLayer : ofLayer(family))[kind].map { "model.layers.\(layer).\($0)" }
    }

    private static func ofLayer(_ family: String) -> [String: String] {
        let isGemma = family.hasPrefix("gemma")
        return [
            "attn_norm.weight": "input_layernorm.weight", "attn_q.weight": "self_attn.q_proj.weight",
            "attn_k.weight": "self_attn.k_proj.weight", "attn_v.weight": "self_attn.v_proj.weight",
            "attn_q.bias": "self_attn.q_proj.bias", "attn_k.bias": "self_attn.k_proj.bias",
            "attn_v.bias": "self_attn.v_proj.bias", "attn_qkv.weight": "self_attn.qkv_proj.weight",
            "attn_output.weight": "self_attn.o_proj.weight", "attn_q_norm.weight": "self_attn.q_norm.weight",
            "attn_k_norm.weight": "self_attn.k_norm.weight",
            "post_attention_norm.weight": "post_attention_layernorm.weight",
            "ffn_norm.weight": isGemma ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight",
            "post_ffw_norm.weight": "post_feedforward_layernorm.weight", "ffn_gate.weight": "mlp.gate_proj.weight",
            "ffn_up.weight": family == "phi3" ? "mlp.gate_up_proj.weight" : "mlp.up_proj.weight",
            "ffn_down.weight": "mlp.down_proj.weight", "ffn_gate_inp.weight": "mlp.gate.weight",
            "ffn_gate_exps.weight": "mlp.experts.*.gate_proj.weight",
            "ffn_up_exps.weight": "mlp.experts.*.up_proj.weight",
            "ffn_down_exps.weight": "mlp.experts.*.down_proj.weight",
            "ffn_gate_inp_shexp.weight": "mlp.shared_expert_gate.weight",
            "ffn_gate_shexp.weight": "mlp.shared_expert.gate_proj.weight",
            "ffn_up_shexp.weight": "mlp.shared_expert.up_proj.weight",
            "ffn_down_shexp.weight": "mlp.shared_expert.down_proj.weight",
        ]
    }

    private static let ofHybridLayer = [
        "attn_norm.weight": "operator_norm.weight", "attn_q.weight": "self_attn.q_proj.weight",
        "attn_k.weight": "self_attn.k_proj.weight", "attn_v.weight": "self_attn.v_proj.weight",
        "attn_output.weight": "self_attn.out_proj.weight", "attn_q_norm.weight": "self_attn.q_layernorm.weight",
        "attn_k_norm.weight": "self_attn.k_layernorm.weight", "shortconv.in_proj.weight": "conv.in_proj.weight",
        "shortconv.conv.weight": "conv.conv.weight", "shortconv.out_proj.weight": "conv.out_proj.weight",
        "ffn_norm.weight": "ffn_norm.weight", "ffn_gate.weight": "feed_forward.w1.weight",
        "ffn_up.weight": "feed_forward.w3.weight", "ffn_down.weight": "feed_forward.w2.weight",
        "ffn_gate_inp.weight": "feed_forward.gate.weight", "exp_probs_b.bias": "feed_forward.expert_bias",
        "ffn_gate_exps.weight": "feed_forward.experts.*.w1.weight",
        "ffn_up_exps.weight": "feed_forward.experts.*.w3.weight",
        "ffn_down_exps.weight": "feed_forward.experts.*.w2.weight",
    ]

    static let factors: [String: [Float]] = [
        "rope_factors_short.weight": [1, 1.125, 1.25, 1.25, 1.375, 1.5],
        "rope_factors_long.weight": [1, 1.5, 2.5, 4, 7, 12],
    ]

    static func config(_ family: String) throws -> String {
        let (isGemma, hasExperts) = (family.hasPrefix("gemma"), family.hasSuffix("moe"))
        if family.hasPrefix("lfm2") { return try hybridConfig(hasExperts: hasExperts) }
        let names = [
            "llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "qwen2moe": "Qwen2Moe",
            "qwen3moe": "Qwen3Moe", "gemma2": "Gemma2", "gemma3": "Gemma3", "phi3": "Phi3",
        ]
        var config: [String: Any] = [
            "architectures": ["\(try #require(names[family]))ForCausalLM"], "_name_or_path": "tiny/\(family)",
            "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": family == "gemma3" ? 1 : 2,
            "head_dim": 16,
            "intermediate_size": family == "gemma3" ? 32 : 64,
            "num_hidden_layers": ["gemma2": 4, "gemma3": 7][family] ?? 2, "vocab_size": 260,
            "max_position_embeddings": 1024, "rms_norm_eps": isGemma ? 1e-6 : 1e-5,
            "rope_theta": family == "gemma3" ? 1e6 : 1e4,
            "tie_word_embeddings": !["llama", "mistral", "qwen2moe"].contains(family), "bos_token_id": 257,
        ]
        if isGemma || family == "mistral" { config["sliding_window"] = 24 }
        if isGemma { config["query_pre_attn_scalar"] = 16 }
        if hasExperts {
            config.merge(["num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 32]) { $1 }
            config["norm_topk_prob"] = family == "qwen3moe"
            if family == "qwen2moe" { config["shared_expert_intermediate_size"] = 64 }
        }
        switch family {
        case "qwen2":
            config["rope_scaling"] = ["rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 256]
        case "gemma3": config["rope_scaling"] = ["rope_type": "linear", "factor": 8]
        case "phi3":
            config["partial_rotary_factor"] = 0.75
            config["original_max_position_embeddings"] = 256
            config["rope_scaling"] = [
                "type": "longrope", "short_factor": factors["rope_factors_short.weight"] ?? [],
                "long_factor": factors["rope_factors_long.weight"] ?? [],
            ]
        default: break
        }
        return String(decoding: try JSONSerialization.data(withJSONObject: config), as: UTF8.self)
    }

    /// Of a model that also sees: the text part within, without what is left to the library.
    static func visionConfig(_ family: String) throws -> String {
        let plain = try JSONSerialization.jsonObject(with: Data(config(family).utf8))
        var text = try #require(plain as? [String: Any])
        for key in ["architectures", "_name_or_path", "tie_word_embeddings", "rms_norm_eps", "rope_theta"] {
            text[key] = nil
        }
        let whole: [String: Any] = [
            "architectures": ["Gemma3ForConditionalGeneration"], "_name_or_path": "tiny/\(family)",
            "text_config": text, "vision_config": ["hidden_size": 3], "image_token_index": 259, "eos_token_id": [256],
        ]
        return String(decoding: try JSONSerialization.data(withJSONObject: whole), as: UTF8.self)
    }

    /// Of models most of whose layers convolve.
    private static func hybridConfig(hasExperts: Bool) throws -> String {
        let attending = 2
        let layers = hasExperts ? 3 : 5
        var config: [String: Any] = [
            "architectures": [hasExperts ? "Lfm2MoeForCausalLM" : "Lfm2ForCausalLM"], "hidden_size": 32,
            "num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": layers, "vocab_size": 260,
            "max_position_embeddings": 1024, "norm_eps": 1e-5, "rope_theta": 1e4, "conv_L_cache": 3,
            "conv_bias": false, "bos_token_id": 257,
            "layer_types": (0..<layers).map { $0 == attending ? "full_attention" : "conv" },
        ]
        if hasExperts {
            config.merge([
                "intermediate_size": 64, "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
                "num_dense_layers": 1,
            ]) { $1 }
        } else {
            // Two thirds of it, rounded up to a multiple: 64.
            config.merge(["block_ff_dim": 72, "block_multiple_of": 32]) { $1 }
        }
        return String(decoding: try JSONSerialization.data(withJSONObject: config), as: UTF8.self)
    }

    /// The vocabulary of the families' fixtures.
    static let tokenizer: String = {
        var tokens = JSONObject()
        for byte in 0..<256 { tokens[ByteAlphabet.character(for: UInt8(byte))] = .integer(byte) }
        // The fixtures number the characters by byte.
        tokens["he"] = .integer(256)
        let added = [(257, "<|start|>"), (258, "<|end|>")].map { id, text in
            #"{"id": \#(id), "content": "\#(text)", "special": true}"#
        }
        return """
            {"added_tokens": [\(added.joined(separator: ","))], "normalizer": null, "post_processor": null,
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
              {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
             "model": {"type": "BPE", "vocab": \(JSONValue.object(tokens).text), "merges": ["h e"]}}
            """
    }()
}
