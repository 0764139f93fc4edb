import Glibc

/// How `config.json` rotates queries and keys, under GGUF's keys, and the factors of the frequencies that GGUF files
/// carry as tensors.
struct SafetensorsRotation {
    private(set) var values: [String: JSONValue] = [:]
    private(set) var tensors: [String: [Float]] = [:]

    init(_ reader: ConfigurationReader, architecture: String, dimension: Int) throws(ModelFileError) {
        var scaling = reader.config["rope_scaling"] ?? .null
        let isFast = architecture == "gemma3" || architecture.hasPrefix("lfm2")
        var base = try reader.real("rope_theta", otherwise: try reader.real("theta", otherwise: isFast ? 1e6 : 1e4))
        var localBase = try reader.real("rope_local_base_freq", otherwise: 10000)
        // Newer versions of the library keep all of it together, for Gemma 3 by kind of layer.
        if let parameters = reader.config["rope_parameters"], parameters != .null {
            scaling = parameters["full_attention"] ?? parameters
            base = try ConfigurationReader(scaling).real("rope_theta", otherwise: base)
            if let local = parameters["sliding_attention"] {
                localBase = try ConfigurationReader(local).real("rope_theta", otherwise: localBase)
            }
        }
        values["rope.freq_base"] = .real(base)
        if architecture == "gemma3" { values["rope.freq_base_swa"] = .real(localBase) }
        let inner = ConfigurationReader(scaling)
        switch scaling["rope_type"]?.string ?? scaling["type"]?.string ?? "default" {
        case "default": break
        case "linear":
            values["rope.scaling.type"] = .string("linear")
            values["rope.scaling.factor"] = .real(try inner.real("factor", otherwise: 1))
        case "llama3":
            tensors["rope_freqs.weight"] = try Self.llama3Factors(inner, base: base, dimension: dimension)
        case "yarn":
            if scaling["truncate"]?.bool == false {
                throw .unsupported(what: "rotary embeddings scaled by yarn between parts of pairs")
            }
            let factor = try inner.real("factor", otherwise: 1)
            values["rope.scaling.type"] = .string("yarn")
            values["rope.scaling.factor"] = .real(factor)
            values["rope.scaling.yarn_beta_fast"] = .real(try inner.real("beta_fast", otherwise: 32))
            values["rope.scaling.yarn_beta_slow"] = .real(try inner.real("beta_slow", otherwise: 1))
            // GGUF multiplies with YaRN's own magnitude.
            if let magnitude = try Self.yarnMagnitude(inner, factor: factor) {
                values["rope.scaling.attn_factor"] = .real(magnitude / Self.yarnMagnitude(factor, 1))
            }
            let context = try reader.count("max_position_embeddings")
            values["rope.scaling.original_context_length"] = .integer(
                try inner.count("original_max_position_embeddings", otherwise: context))
        case "longrope", "su":
            values["rope.scaling.type"] = .string("longrope")
            let key = "original_max_position_embeddings"
            let outer = try reader.optionalCount(key)
            values["rope.scaling.original_context_length"] = .integer(try inner.count(key, otherwise: outer))
            if let magnitude = try inner.optionalReal("attention_factor") {
                values["rope.scaling.attn_factor"] = .real(magnitude)
            }
            for key in ["short_mscale", "long_mscale"] where (scaling[key] ?? .null) != .null {
                throw .unsupported(what: "rotary embeddings scaled by longrope with \(key)")
            }
            tensors["rope_factors_long.weight"] = try Self.factors("long_factor", of: scaling, dimension: dimension)
            tensors["rope_factors_short.weight"] = try Self.factors("short_factor", of: scaling, dimension: dimension)
        case let other: throw .unsupported(what: "rotary embeddings scaled by the method \(quoted(other))")
        }
    }

    /// What rotated values are multiplied with; nil for what YaRN takes by itself.
    private static func yarnMagnitude(
        _ scaling: ConfigurationReader, factor: Double
    ) throws(ModelFileError) -> Double? {
        if let given = try scaling.optionalReal("attention_factor") { return given }
        guard let scale = try scaling.optionalReal("mscale"), scale != 0,
            let all = try scaling.optionalReal("mscale_all_dim"), all != 0
        else { return nil }
        return yarnMagnitude(factor, scale) / yarnMagnitude(factor, all)
    }

    private static func yarnMagnitude(_ factor: Double, _ scale: Double) -> Double {
        factor > 1 ? 0.1 * scale * log(factor) + 1 : 1
    }

    private static func factors(
        _ key: String, of scaling: JSONValue, dimension: Int
    ) throws(ModelFileError) -> [Float] {
        let numbers = (scaling[key]?.array ?? []).compactMap(\.real)
        guard numbers.count == dimension / 2, numbers.count == scaling[key]?.array?.count else {
            throw .malformed(
                what: key, reason: "it has not one number for each of \(dimension / 2) frequencies")
        }
        return numbers.map { Float($0) }
    }

    /// Llama 3.1: low frequencies are divided by a factor, high ones stay, and those between go over smoothly.
    private static func llama3Factors(
        _ scaling: ConfigurationReader, base: Double, dimension: Int
    ) throws(ModelFileError) -> [Float] {
        let factor = try scaling.real("factor", otherwise: 8)
        let low = try scaling.real("low_freq_factor", otherwise: 1)
        let high = try scaling.real("high_freq_factor", otherwise: 4)
        let context = Double(try scaling.count("original_max_position_embeddings", otherwise: 8192))
        guard factor >= 1, low > 0, high > low, base > 1, context > 0 else {
            throw .implausible(
                what: "rope_scaling", value: "factor \(factor), low \(low), high \(high)",
                allowed: "a factor of 1 or more and low below high")
        }
        return (0..<dimension / 2).map { pair in
            let wavelength = 2 * Double.pi * pow(base, Double(2 * pair) / Double(dimension))
            if wavelength < context / high { return 1 }
            if wavelength > context / low { return Float(factor) }
            let smooth = (context / wavelength - low) / (high - low)
            return Float(1 / ((1 - smooth) / factor + smooth))
        }
    }
}
