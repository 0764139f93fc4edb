import Foundation
import Inference

extension FuzzTarget {
    private static let separator: UInt8 = 1

    /// A directory of safetensors: config.json, tokenizer.json, and what the file of tensors is, with a byte between
    /// them that occurs in no JSON. What is accepted gives its tensors, and text and tokens as any model.
    static let directory = FuzzTarget(
        name: "directory", form: .binary, bytesMax: 12288, secondsMax: 5,
        words: [
            "\"BPE\"", "\"Unigram\"", "\"Sequence\"", "\"ByteLevel\"", "\"Metaspace\"", "\"Split\"", "\"Digits\"",
            "\"NFC\"", "\"Replace\"", "\"Prepend\"", "\"TemplateProcessing\"", "\"byte_fallback\":true",
            "\"special\":false", "\"lstrip\":true", "\"rope_scaling\":{\"rope_type\":\"llama3\"}", "\"BF16\"",
            "\"F32\"",
            "\"Gemma3ForCausalLM\"", "\"Qwen3MoeForCausalLM\"", "\"Phi3ForCausalLM\"", "null", "-1", "1e99",
        ],
        seeds: { [Array(SmallDirectory.files.joined(separator: [separator]))] },
        read: { bytes in
            let parts = bytes.split(separator: separator, maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return }
            let files = zip(["config.json", "tokenizer.json", "model.safetensors"], parts.map { Array($0) })
            ScratchFile.withDirectory(Dictionary(uniqueKeysWithValues: Array(files))) { path in
                guard let model = try? ModelFile(path: path) else { return }
                for block in 0..<model.hyperparameters.blockCount {
                    for tensor in ModelLayout(model.hyperparameters).tensors(ofBlock: block) where !tensor.isOptional {
                        guard let view = model.tensor(named: tensor.name) else { broken("\(tensor.name) is missing") }
                        _ = view.bytes.reduce(0, ^)
                    }
                }
                do {
                    speak(try ModelMetadata(model).tokenizer, Array("hello <|im_end|> it's 2\u{e9}".utf8))
                } catch {
                    broken("a directory that is accepted has no tokenizer: \(error)")
                }
            }
        })
}

/// A model of one narrow layer in a directory.
private enum SmallDirectory {
    static let files: [[UInt8]] = [Array(config.utf8), Array(tokenizer.utf8), tensors]

    private static let config = """
        {"architectures":["LlamaForCausalLM"],"hidden_size":8,"num_attention_heads":2,"num_key_value_heads":1,
        "intermediate_size":8,"num_hidden_layers":1,"vocab_size":99,"max_position_embeddings":64,"rms_norm_eps":1e-5,
        "rope_theta":10000,"tie_word_embeddings":true,"eos_token_id":[97]}
        """

    private static let tokenizer: String = {
        let letters = (33...126).map { String(UnicodeScalar(UInt8($0))) } + ["\u{120}", "he"]
        let vocabulary = letters.enumerated().map { id, text in
            let text = text == "\"" || text == "\\" ? "\\" + text : text
            return "\"\(text)\":\(id)"
        }
        return """
            {"normalizer":null,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits",
            "individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]},
            "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|im_end|>"}},
            {"Sequence":{"id":"A"}}]},"model":{"type":"BPE","vocab":{\(vocabulary.joined(separator: ","))},
            "merges":["h e"]},"added_tokens":[{"id":97,"content":"<|im_end|>","special":true},
            {"id":98,"content":"<|note|>","special":false,"rstrip":true}]}
            """
    }()

    private static let tensors: [UInt8] = {
        let layer = "model.layers.0."
        let shapes: [(String, [Int])] = [
            ("model.embed_tokens.weight", [99, 8]), ("model.norm.weight", [8]), (layer + "input_layernorm.weight", [8]),
            (layer + "self_attn.q_proj.weight", [8, 8]), (layer + "self_attn.k_proj.weight", [4, 8]),
            (layer + "self_attn.v_proj.weight", [4, 8]), (layer + "self_attn.o_proj.weight", [8, 8]),
            (layer + "post_attention_layernorm.weight", [8]), (layer + "mlp.gate_proj.weight", [8, 8]),
            (layer + "mlp.up_proj.weight", [8, 8]), (layer + "mlp.down_proj.weight", [8, 8]),
        ]
        var end = 0
        let entries = shapes.map { name, shape in
            defer { end += shape.reduce(2, *) }
            return
                "\"\(name)\":{\"dtype\":\"F16\",\"shape\":\(shape),\"data_offsets\":[\(end),\(end + shape.reduce(2, *))]}"
        }
        var header = Array("{\(entries.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(0x20) }
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        return length + header + [UInt8](repeating: 0, count: end)
    }()
}
