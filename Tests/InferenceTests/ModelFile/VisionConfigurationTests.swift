import Testing

@testable import Inference

/// As Gemma 3 is published from 4 billion parameters on, with a model of images.
@Suite("The configuration of a text part")
struct VisionConfigurationTests {
    private func read(_ text: String, beside: String = "") throws -> SafetensorsConfiguration {
        try SafetensorsConfiguration(
            JSONValue(
                parsing: """
                    {"architectures": ["Gemma3ForConditionalGeneration"], "image_token_index": 262144\(beside),
                    "model_type": "gemma3", "text_config": \(text), "vision_config": {"hidden_size": 1152}}
                    """))
    }

    private static let rest = """
        "model_type": "gemma3_text", "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}
        """

    @Test(
        "is completed as the library completes it",
        arguments: [
            (#"{"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,"#, 34, 8, 4, 256, 256.0),
            (
                #"""
                {"hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48, "num_attention_heads": 16,
                "num_key_value_heads": 8,
                """#, 48, 16, 8, 256, 256
            ),
            (
                #"""
                {"hidden_size": 5376, "intermediate_size": 21504, "num_hidden_layers": 62, "num_attention_heads": 32,
                "num_key_value_heads": 16, "head_dim": 128, "query_pre_attn_scalar": 168,
                """#, 62, 32, 16, 128, 168
            ),
        ])
    func published(
        beginning: String, layers: Int, heads: Int, keyValueHeads: Int, headDimension: Int, scale: Double
    ) throws {
        let model = try read(beginning + Self.rest).hyperparameters()
        #expect(model.layerCount == layers)
        #expect(model.vocabularySize == 262_208)
        #expect(model.contextLength == 131_072)
        #expect(model.tiedEmbeddings)
        #expect(model.rmsEpsilon == 1e-6)
        #expect(model.logitCap == 0)
        let (local, global) = (try #require(model.layers[0].attention), try #require(model.layers[5].attention))
        #expect(
            (local.headCount, local.keyValueHeadCount, local.headDimension) == (heads, keyValueHeads, headDimension))
        #expect(abs(Double(global.scoreScale) - 1 / scale.squareRoot()) < 1e-7)
        #expect(local.window == 1024)
        #expect(global.window == nil)
        #expect(local.rotary == Rotary(dimension: headDimension, base: 10000, pairs: .halves))
        #expect(global.rotary.base == 1e6)
        #expect(global.rotary.scaling == .linear(factor: 8))
        _ = try model.engineShape()
    }

    @Test("is as newer versions of the library write it")
    func newer() throws {
        let model = try read(
            """
            {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 6, "rope_parameters":
            {"full_attention": {"factor": 8.0, "rope_theta": 1000000.0, "rope_type": "linear"},
            "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}}, "sliding_window": 1024,
            "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention", "sliding_attention",
            "sliding_attention", "full_attention"], "use_bidirectional_attention": false}
            """
        ).hyperparameters()
        #expect(model.layers[5].attention?.rotary.scaling == .linear(factor: 8))
        #expect(model.layers[0].attention?.rotary.base == 10000)
        #expect(model.layers[0].attention?.window == 1024)
    }

    @Test("is tied to the embedding unless one of the two says otherwise")
    func tied() throws {
        #expect(try read("{}").tiedEmbeddings)
        #expect(try !read("{}", beside: #", "tie_word_embeddings": false"#).tiedEmbeddings)
        #expect(try !read(#"{"tie_word_embeddings": false}"#).tiedEmbeddings)
        let nothing = #"{"tie_word_embeddings": null}"#
        #expect(try !read(nothing, beside: #", "tie_word_embeddings": false"#).tiedEmbeddings)
    }

    @Test("that is missing, or asks for other arithmetic, is refused")
    func refused() {
        for text in [
            "null", "3", #"{"use_bidirectional_attention": true}"#, #"{"hidden_size": "8"}"#,
            #"{"query_pre_attn_scalar": 100}"#, #"{"sliding_window_pattern": 4}"#,
        ] { #expect(throws: ModelFileError.self, "\(text)") { try read(text) } }
    }
}
