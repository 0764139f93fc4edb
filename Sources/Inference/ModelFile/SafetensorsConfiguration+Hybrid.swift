extension SafetensorsConfiguration {
    /// What sets LFM2 apart: layers that convolve, the width of the feed-forward network, its experts.
    mutating func readHybrid(_ reader: ConfigurationReader, layers: Int) throws(ModelFileError) {
        guard (1...1024).contains(layers) else {
            throw .implausible(what: "num_hidden_layers", value: "\(layers)", allowed: "1 to 1024")
        }
        let keyValueHeads = JSONValue.integer(try reader.count("num_key_value_heads", otherwise: 8))
        let attends = try attendingLayers(reader, count: layers)
        set(
            "attention.head_count_kv",
            .array((0..<layers).map { attends.contains($0) ? keyValueHeads : .integer(0) }))
        guard reader.config["conv_bias"]?.bool != true else { throw .unsupported(what: "convolutions with biases") }
        set("shortconv.l_cache", .integer(try reader.count("conv_L_cache", otherwise: 3)))
        guard architecture == "lfm2moe" else {
            set("feed_forward_length", .integer(try feedForwardWidth(reader)))
            return
        }
        set("feed_forward_length", .integer(try reader.count("intermediate_size")))
        set("leading_dense_block_count", .integer(try reader.count("num_dense_layers", otherwise: 2)))
        set("expert_count", .integer(try reader.count("num_experts")))
        set("expert_used_count", .integer(try reader.count("num_experts_per_tok")))
        set("expert_feed_forward_length", .integer(try reader.count("moe_intermediate_size")))
        set("expert_gating_func", .integer(2))
        let scale = try reader.real("routed_scaling_factor", otherwise: 1)
        if scale != 1 { set("expert_weights_scale", .real(scale)) }
        for key in ["norm_topk_prob", "use_expert_bias"] where reader.config[key]?.bool == false {
            throw .unsupported(what: "\(key) = false in the architecture \(quoted(architecture))")
        }
    }

    /// By kind of each layer, or by the numbers of those with attention; otherwise all.
    private func attendingLayers(_ reader: ConfigurationReader, count: Int) throws(ModelFileError) -> Set<Int> {
        if let kinds = reader.config["layer_types"]?.array {
            guard kinds.count == count else {
                throw .malformed(
                    what: "layer_types in config.json", reason: "it names \(kinds.count) layers of \(count)")
            }
            for kind in kinds where kind.string != "conv" && kind.string != "full_attention" {
                throw .unsupported(what: "a layer of the kind \(kind.text)")
            }
            return Set(kinds.indices.filter { kinds[$0].string == "full_attention" })
        }
        guard let indices = reader.config["full_attn_idxs"]?.array else { return Set(0..<count) }
        let numbers = indices.compactMap(\.integer)
        guard numbers.count == indices.count, numbers.allSatisfy((0..<count).contains) else {
            throw .malformed(what: "full_attn_idxs in config.json", reason: "one is no number of a layer")
        }
        return Set(numbers)
    }

    /// What is written is two thirds more than what is meant, unless it is said not to be.
    private func feedForwardWidth(_ reader: ConfigurationReader) throws(ModelFileError) -> Int {
        let written = try reader.count("block_ff_dim", otherwise: try reader.optionalCount("intermediate_size"))
        guard reader.config["block_auto_adjust_ff_dim"]?.bool ?? true else { return written }
        let factor = try reader.real("block_ffn_dim_multiplier", otherwise: 1)
        let multiple = try reader.count("block_multiple_of", otherwise: 256)
        guard (0...1e3).contains(factor), (1...(1 << 20)).contains(multiple), written <= 1 << 24 else {
            throw .implausible(
                what: "block_ff_dim", value: "\(written) times \(factor), a multiple of \(multiple)",
                allowed: "up to \(1 << 24)")
        }
        let width = Int(factor * Double(2 * written / 3))
        return (width + multiple - 1) / multiple * multiple
    }
}
