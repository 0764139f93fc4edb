import Foundation
import Inference

/// A model of one narrow layer in a GGUF v3 file of a few kilobytes, and what it is cut into.
enum SmallModel {
    static let template =
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m.content | trim }}{{ '<|im_end|>\\n' }}{% endfor %}"

    /// A word for each of the 95 printable characters, two that are merged, a control token, and one of the user's.
    private static let tokens =
        (33...126).map { String(UnicodeScalar(UInt8($0))) } + ["\u{120}", "he", "<|im_end|>", "<|note|>"]

    static let file: [UInt8] = {
        let kinds = (0..<tokens.count).map { Int32($0 < tokens.count - 2 ? 1 : $0 < tokens.count - 1 ? 3 : 4) }
        let entries: [[UInt8]] = [
            entry("general.architecture", "llama"), entry("general.name", "Small"), entry("llama.block_count", 1),
            entry("llama.context_length", 64), entry("llama.embedding_length", 8),
            entry("llama.feed_forward_length", 8), entry("llama.attention.head_count", 2),
            entry("llama.attention.head_count_kv", 1), entry("llama.rope.dimension_count", 4),
            bytes("llama.rope.freq_base") + number(UInt32(6)) + number(Float(10000).bitPattern),
            bytes("llama.attention.layer_norm_rms_epsilon") + number(UInt32(6)) + number(Float(1e-5).bitPattern),
            entry("tokenizer.ggml.model", "gpt2"), entry("tokenizer.ggml.pre", "smollm"),
            list("tokenizer.ggml.tokens", of: 8, tokens.map(bytes)),
            list("tokenizer.ggml.token_type", of: 5, kinds.map { number(UInt32(bitPattern: $0)) }),
            list("tokenizer.ggml.merges", of: 8, [bytes("h e")]),
            entry("tokenizer.ggml.bos_token_id", UInt32(tokens.count - 2)),
            entry("tokenizer.ggml.eos_token_id", UInt32(tokens.count - 2)),
            entry("tokenizer.chat_template", template),
        ]
        let shapes: [(String, [UInt64])] = [
            ("token_embd.weight", [8, UInt64(tokens.count)]), ("output_norm.weight", [8]),
            ("blk.0.attn_norm.weight", [8]), ("blk.0.attn_q.weight", [8, 8]), ("blk.0.attn_k.weight", [8, 4]),
            ("blk.0.attn_v.weight", [8, 4]), ("blk.0.attn_output.weight", [8, 8]), ("blk.0.ffn_norm.weight", [8]),
            ("blk.0.ffn_gate.weight", [8, 8]), ("blk.0.ffn_up.weight", [8, 8]), ("blk.0.ffn_down.weight", [8, 8]),
        ]
        var head = Array("GGUF".utf8) + number(UInt32(3)) + number(UInt64(shapes.count)) + number(UInt64(entries.count))
        head += entries.joined()
        var end: UInt64 = 0
        for (name, shape) in shapes {
            head += bytes(name) + number(UInt32(shape.count)) + shape.flatMap { number($0) }
            head += number(UInt32(0)) + number(end)
            end = (end + shape.reduce(4, *) + 31) / 32 * 32
        }
        return head + [UInt8](repeating: 0, count: (32 - head.count % 32) % 32 + Int(end))
    }()

    /// Metadata first, then the blocks'.
    static let pieces: [[UInt8]] = ScratchFile.with(file) { path in
        let folder = NSTemporaryDirectory() + "/tiktrue-fuzz-pieces-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let cut = try ModelCutter.cut(try ModelFile(path: path), directory: folder)
            return cut.pieces.compactMap { piece in
                FileManager.default.contents(atPath: "\(folder)/\(piece.fileName)").map(Array.init)
            }
        } catch {
            preconditionFailure("the small model is refused: \(error)")
        }
    }

    static let metadata: ModelMetadata = ScratchFile.with(pieces[0]) { path in
        do { return try ModelMetadata(path: path) } catch { preconditionFailure("it is refused: \(error)") }
    }

    private static func number<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    private static func bytes(_ text: String) -> [UInt8] { number(UInt64(text.utf8.count)) + Array(text.utf8) }
    private static func entry(_ key: String, _ text: String) -> [UInt8] {
        bytes(key) + number(UInt32(8)) + bytes(text)
    }
    private static func entry(_ key: String, _ value: UInt32) -> [UInt8] {
        bytes(key) + number(UInt32(4)) + number(value)
    }
    private static func list(_ key: String, of type: UInt32, _ values: [[UInt8]]) -> [UInt8] {
        bytes(key) + number(UInt32(9)) + number(type) + number(UInt64(values.count)) + values.joined()
    }
}
