import Foundation
import Testing

@testable import Inference

/// Writes small safetensors files for tests, well-formed unless told otherwise.
struct SafetensorsBytes {
    var header: String
    var data: [UInt8]
    var headerBytes: UInt64?

    var bytes: [UInt8] {
        var result: [UInt8] = []
        result.append(littleEndian: headerBytes ?? UInt64(header.utf8.count))
        return result + Array(header.utf8) + data
    }

    static func entry(_ name: String, _ type: String, _ shape: [Int], _ begin: Int, _ end: Int) -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
    }

    /// Entries behind each other, the header filled up to a multiple of eight bytes.
    static func file(_ entries: [String], bytes: Int) -> [UInt8] {
        var header = "{" + entries.joined(separator: ",") + "}"
        while header.utf8.count % 8 != 0 { header += " " }
        return SafetensorsBytes(header: header, data: [UInt8](repeating: 1, count: bytes)).bytes
    }
}

@Suite("A safetensors file")
struct SafetensorsFileTests {
    typealias Bytes = SafetensorsBytes

    private func read(_ bytes: [UInt8]) throws -> SafetensorsFile { try SafetensorsFile(MappedFile(copying: bytes)) }

    @Test("gives its tensors, their dimensions in GGUF's order")
    func tensors() throws {
        let file = try read(
            Bytes.file(
                [
                    "\"__metadata__\":{\"format\":\"pt\"}", Bytes.entry("b", "F16", [3], 24, 30),
                    Bytes.entry("a", "F32", [2, 3], 0, 24),
                ], bytes: 30))
        #expect(file.tensors.map(\.name) == ["a", "b"])
        #expect(file.tensors[0].dimensions == [3, 2])
        #expect(file.tensors[1].range.count == 6)
    }

    @Test(
        "that is damaged is refused",
        arguments: [
            [Bytes.entry("a", "F32", [2], 0, 7)], [Bytes.entry("a", "F32", [2], 0, 16)],
            [Bytes.entry("a", "F32", [3], 0, 12)], [Bytes.entry("a", "F32", [-2], 0, 8)],
            [Bytes.entry("a", "F32", [0], 0, 0)], [Bytes.entry("a", "F32", [2], 8, 0)],
            [Bytes.entry("a", "F32", [1], 4, 8)], [Bytes.entry("a", "F32", [1], 0, 4)],
            [Bytes.entry("a", "F32", [2], 0, 8), Bytes.entry("b", "F32", [1], 4, 8)],
            [Bytes.entry("a", "F16", [1], 0, 2), Bytes.entry("b", "F16", [2], 4, 8)],
            [Bytes.entry("a", "F32", [1 << 40, 1 << 40], 0, 8)], [Bytes.entry("a", "F32", [2], 0, 8), "\"b\":{}"],
            [Bytes.entry("a", "F32", [2], 0, 8), Bytes.entry("a", "F32", [2], 0, 8)], ["\"a\":3"],
            [
                Bytes.entry("a", "F16", [1], 0, 2), Bytes.entry("b", "F32", [1], 2, 6),
                Bytes.entry("c", "F16", [1], 6, 8),
            ],
        ])
    func damaged(entries: [String]) {
        #expect(throws: ModelFileError.self) { try read(Bytes.file(entries, bytes: 8)) }
    }

    @Test("whose tensors overlap names them")
    func overlap() {
        #expect(throws: ModelFileError.overlappingTensors("\"a\"", "\"b\"")) {
            try read(Bytes.file([Bytes.entry("a", "F32", [2], 0, 8), Bytes.entry("b", "F32", [1], 4, 8)], bytes: 8))
        }
    }

    @Test("with elements that are not computed names them", arguments: ["I64", "F8_E4M3", "BOOL", "f32"])
    func elements(type: String) {
        #expect(throws: ModelFileError.unsupportedTensorType(tensor: "\"a\"", type: "\"\(type)\"")) {
            try read(Bytes.file([Bytes.entry("a", type, [1], 0, 8)], bytes: 8))
        }
    }

    @Test("whose header is no header is refused")
    func headers() {
        for bytes in [
            [], [1, 2, 3], Bytes(header: "[]", data: []).bytes, Bytes(header: "{", data: []).bytes,
            Bytes(header: "{}", data: [], headerBytes: 3).bytes, Bytes(header: "{}", data: [], headerBytes: .max).bytes,
            Bytes(header: "{}", data: [], headerBytes: 100_000_001).bytes, Bytes(header: "{}", data: [0]).bytes,
        ] as [[UInt8]] {
            #expect(throws: ModelFileError.self) { try read(bytes) }
        }
    }

    @Test("damaged at random is refused or read, and nothing else")
    func mutations() {
        let whole = Bytes.file(
            [Bytes.entry("a", "F32", [2, 3], 0, 24), Bytes.entry("b", "F16", [4], 24, 32)], bytes: 32)
        var generator = SplitMix(state: 3)
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
            guard let file = try? read(bytes) else { continue }
            for tensor in file.tensors { #expect(tensor.range.upperBound <= bytes.count) }
        }
    }
}

@Suite("A model in safetensors")
struct SafetensorsModelTests {
    private struct Expected: Decodable {
        let name: String
        let type: UInt32
        let dimensions: [Int]
        let bytes: String
    }

    private func directory() throws -> String {
        try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path + "/safetensors"
    }

    @Test("gives the tensors that its GGUF conversion has, from several files")
    func tensors() throws {
        let model = try SafetensorsModel(directory: directory())
        let expected = try Fixture.decode([Expected].self, from: "safetensors/expected.json")
        #expect(Set(model.tensorShapes.map(\.name)) == Set(expected.map(\.name)))
        for one in expected {
            let tensor = try #require(model.tensor(named: one.name), "\(one.name)")
            #expect(tensor.type.rawValue == one.type, "\(one.name)")
            #expect(tensor.dimensions == one.dimensions, "\(one.name)")
            let digits = tensor.bytes.map { String(format: "%02x", $0) }.joined()
            #expect(digits == one.bytes, "\(one.name)")
        }
        #expect(model.tensor(named: "blk.2.attn_q.weight") == nil)
        #expect(model.tensor(named: "blk.0.nope") == nil)
    }

    @Test("says what it is under GGUF's keys")
    func configuration() throws {
        let values = try SafetensorsModel(directory: directory()).configuration
        #expect(values.string("general.architecture") == "llama")
        #expect(values.integer("llama.block_count") == 2)
        #expect(values.integer("llama.attention.head_count_kv") == 2)
        #expect(values.integer("llama.rope.dimension_count") == 4)
        #expect(values.real("llama.rope.freq_base") == 500000)
        #expect(values.real("llama.attention.layer_norm_rms_epsilon") == 1e-05)
        #expect(values.vocabularySize == 10)
        #expect(!values.tiedEmbeddings)
    }

    @Test("rotates adjacent pairs to the scores that halves gave")
    func rotation() {
        var generator = SplitMix(state: 2)
        let width = 8
        let order = SafetensorsModel.order(rows: width, heads: 1)
        func rotated(_ x: [Double], at position: Double, _ pair: (Int) -> (Int, Int)) -> [Double] {
            var result = x
            for index in 0..<width / 2 {
                let angle = position * pow(10000, -2 * Double(index) / Double(width))
                let (i, j) = pair(index)
                result[i] = x[i] * cos(angle) - x[j] * sin(angle)
                result[j] = x[i] * sin(angle) + x[j] * cos(angle)
            }
            return result
        }
        func product(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
        let query = (0..<width).map { _ in Double.random(in: -1...1, using: &generator) }
        let key = (0..<width).map { _ in Double.random(in: -1...1, using: &generator) }
        let halves = product(
            rotated(query, at: 5) { ($0, $0 + width / 2) }, rotated(key, at: 2) { ($0, $0 + width / 2) })
        let pairs = product(
            rotated(order.map { query[$0] }, at: 5) { (2 * $0, 2 * $0 + 1) },
            rotated(order.map { key[$0] }, at: 2) { (2 * $0, 2 * $0 + 1) })
        #expect(abs(halves - pairs) < 1e-12)
    }

    private func model(
        _ config: String, _ tensors: [(String, String, [Int])], type: String = "F32"
    ) throws -> SafetensorsModel {
        var entries: [String] = []
        var end = 0
        for (name, type, shape) in tensors {
            let bytes = shape.reduce(type == "F32" ? 4 : 2, *)
            entries.append(SafetensorsBytes.entry(name, type, shape, end, end + bytes))
            end += bytes
        }
        let file = MappedFile(copying: SafetensorsBytes.file(entries, bytes: end))
        return try SafetensorsModel(JSONValue(parsing: config), [("", file)], weightMap: nil)
    }

    private static let gemma = """
        {"architectures":["Gemma3ForCausalLM"],"hidden_size":8,"num_attention_heads":2,"num_key_value_heads":1,
        "head_dim":256,
        "intermediate_size":4,"num_hidden_layers":1,"vocab_size":3,"max_position_embeddings":64,"sliding_window":16,
        "rope_theta":1000000,"rope_local_base_freq":10000}
        """

    @Test("of Gemma has norms with one added, in any precision")
    func gemma() throws {
        let name = "model.layers.0.pre_feedforward_layernorm.weight"
        for (type, value) in [
            ("F32", Float(bitPattern: 0x0101_0101)), ("BF16", Float(bitPattern: 0x0101 << 16)),
            ("F16", SafetensorsModel.single(0x0101)),
        ] {
            let model = try model(Self.gemma, [(name, type, [8])])
            let norm = try #require(model.tensor(named: "blk.0.ffn_norm.weight"))
            #expect(norm.type == .f32)
            #expect(norm.bytes.loadUnaligned(as: Float.self) == value + 1)
        }
        let values = try model(Self.gemma, []).configuration
        #expect(values.tiedEmbeddings)
        #expect(values.real("gemma3.rope.freq_base_swa") == 10000)
        #expect(values.integer("gemma3.attention.sliding_window") == 16)
    }

    @Test("of experts stacks them")
    func experts() throws {
        let config = """
            {"architectures":["Qwen3MoeForCausalLM"],"hidden_size":4,"num_attention_heads":2,"num_key_value_heads":1,
            "head_dim":2,
            "intermediate_size":4,"moe_intermediate_size":2,"num_experts":3,"num_experts_per_tok":2,
            "norm_topk_prob":true,
            "num_hidden_layers":1,"vocab_size":3,"max_position_embeddings":64}
            """
        let names = (0..<3).map { "model.layers.0.mlp.experts.\($0).up_proj.weight" }
        let stack = try #require(
            try model(config, names.map { ($0, "F16", [2, 4]) }).tensor(named: "blk.0.ffn_up_exps.weight"))
        #expect(stack.dimensions == [4, 2, 3])
        #expect(stack.bytes.count == 48)
        #expect(throws: ModelFileError.self) { try model(config, names.dropLast().map { ($0, "F16", [2, 4]) }) }
    }

    @Test("of a hybrid is described as its GGUF conversion is, and has its logits")
    func hybrid() throws {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
        let model = try SafetensorsModel(directory: fixtures + "/safetensors-hybrid")
        let file = try ModelFile(path: FamilyTests.path("lfm2moe"))
        let hyperparameters = try model.configuration.hyperparameters()
        #expect(hyperparameters == file.hyperparameters)
        #expect(Set(model.tensorShapes.map(\.name)) == Set(file.tensors.map(\.name)))
        let engine = BlockModel(hyperparameters: hyperparameters, pool: ComputePool(threads: 1))
        for block in 0..<hyperparameters.blockCount { try engine.load(block: block, from: model) }
        try FamilyTests().expectLogits(of: "lfm2moe", from: engine, format: .f32, allowed: 5e-4)
    }

    private static let lfm2 = """
        {"architectures":["Lfm2ForCausalLM"],"hidden_size":64,"num_attention_heads":2,"num_key_value_heads":1,
        "num_hidden_layers":3,"vocab_size":3,"max_position_embeddings":64,"conv_L_cache":3,
        "full_attn_idxs":[1],"block_ff_dim":1000,"block_multiple_of":32,"block_ffn_dim_multiplier":1.5}
        """

    @Test(
        "of a hybrid has the width that its configuration means",
        arguments: [
            ("\"hidden_size\":64", "\"hidden_size\":64", 1024),
            ("\"block_ffn_dim_multiplier\":1.5", "\"block_auto_adjust_ff_dim\":false", 1000),
            ("\"block_ffn_dim_multiplier\":1.5", "\"block_ffn_dim_multiplier\":null", 672),
            ("\"block_multiple_of\":32,", "", 1024), ("\"block_ff_dim\":1000", "\"intermediate_size\":90", 96),
        ])
    func hybridWidth(old: String, new: String, width: Int) throws {
        let config = Self.lfm2.replacingOccurrences(of: old, with: new)
        let values = try SafetensorsConfiguration(JSONValue(parsing: config))
        #expect(values.integer("lfm2.feed_forward_length") == width)
        #expect(values.values["lfm2.attention.head_count_kv"] == .array([.integer(0), .integer(1), .integer(0)]))
        #expect(values.tiedEmbeddings)
        #expect(values.real("lfm2.rope.freq_base") == 1e6)
    }

    @Test(
        "of a hybrid that asks for other arithmetic is refused",
        arguments: [
            "\"conv_bias\":true", "\"layer_types\":[\"conv\"]", "\"layer_types\":[\"conv\",\"mamba\",\"conv\"]",
            "\"full_attn_idxs\":[3]", "\"full_attn_idxs\":[\"1\"]", "\"block_multiple_of\":0", "\"block_ff_dim\":-1",
        ])
    func hybridRefused(member: String) throws {
        let key = member.prefix { $0 != ":" }
        var config = Self.lfm2
        for old in ["\"full_attn_idxs\":[1],", "\"block_ff_dim\":1000,", "\"block_multiple_of\":32,"]
        where old.hasPrefix(key) { config = config.replacingOccurrences(of: old, with: "") }
        config = config.replacingOccurrences(of: "\"conv_L_cache\":3", with: "\"conv_L_cache\":3,\(member)")
        #expect(throws: ModelFileError.self) { try SafetensorsConfiguration(JSONValue(parsing: config)) }
    }

    @Test("with tensors that nothing computes with is refused")
    func leftOver() {
        #expect(throws: ModelFileError.unsupported(what: "the tensor \"model.layers.0.extra.weight\"")) {
            try model(Self.gemma, [("model.layers.0.extra.weight", "F32", [8])])
        }
        #expect(throws: Never.self) {
            try model(Self.gemma, [("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", [8])])
        }
    }

    @Test("half precision is read as it is meant")
    func half() {
        for (bits, value) in [
            (0x3C00, 1), (0xC000, -2), (0x7BFF, 65504), (0x0001, 0x1p-24), (0x83FF, -0x3FFp-24), (0x0400, 0x1p-14),
            (0x8000, 0), (0x7C00, .infinity),
        ] as [(UInt16, Float)] { #expect(SafetensorsModel.single(bits) == value) }
        #expect(SafetensorsModel.single(0x7E00).isNaN)
    }

    @Test(
        "whose configuration asks for other arithmetic is refused",
        arguments: [
            ("\"architectures\":[\"Gemma3ForCausalLM\"]", "\"architectures\":[\"MambaForCausalLM\"]"),
            ("\"hidden_size\":8", "\"hidden_size\":8,\"hidden_act\":\"relu\""),
            ("\"hidden_size\":8", "\"hidden_size\":-8"), ("\"hidden_size\":8", "\"hidden_size\":\"8\""),
            ("\"hidden_size\":8,", ""), ("\"head_dim\":256", "\"head_dim\":1000000000"),
            ("\"num_attention_heads\":2", "\"num_attention_heads\":0"),
            ("\"rope_theta\":1000000", "\"rope_scaling\":{\"rope_type\":\"dynamic\"}"),
            ("\"rope_theta\":1000000", "\"rope_theta\":\"x\""),
            ("\"sliding_window\":16", "\"sliding_window_pattern\":4"),
            ("\"sliding_window\":16", "\"query_pre_attn_scalar\":100"),
            ("\"sliding_window\":16", "\"partial_rotary_factor\":2"),
        ])
    func configurations(old: String, new: String) throws {
        let config = Self.gemma.replacingOccurrences(of: old, with: new)
        #expect(config != Self.gemma)
        #expect(throws: ModelFileError.self) { try SafetensorsConfiguration(JSONValue(parsing: config)) }
    }

    @Test("names no files outside of its directory")
    func index() throws {
        for name in ["../x.safetensors", "/etc/x.safetensors", ".x.safetensors", "a/b.safetensors", "x.bin"] {
            let index = JSONValue.object(
                JSONObject([("weight_map", .object(JSONObject([("a", .string(name))])))]))
            #expect(throws: ModelFileError.self) { try SafetensorsModel.weightMap(index) }
        }
    }
}
