/// Cuts text into the words within which byte pairs are merged.
///
/// A pre-tokenizer is a row of stages; each cuts the pieces of the one before it further, and sees nothing beyond its
/// piece. The stages are published regular expressions, written as scanners over the bytes (`WordPattern`): a general
/// engine would backtrack, be slower, and bring its own Unicode tables.
struct PreTokenizer: Sendable, Equatable {
    let stages: [WordPattern]

    init(_ stages: [WordPattern]) {
        self.stages = stages
    }

    /// Calls `body` with the byte range of each word, in order and without gaps.
    @inline(__always)
    func forEachWord(in bytes: UnsafeBufferPointer<UInt8>, range: Range<Int>, _ body: (Range<Int>) -> Void) {
        if stages.count == 1 {
            WordScanner(bytes, limit: range.upperBound).cut(from: range.lowerBound, by: stages[0], body)
        } else {
            cut(bytes, range, stage: 0, body)
        }
    }

    private func cut(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, stage: Int, _ body: (Range<Int>) -> Void)
    {
        guard stage < stages.count else { return body(range) }
        WordScanner(bytes, limit: range.upperBound).cut(from: range.lowerBound, by: stages[stage]) { piece in
            cut(bytes, piece, stage: stage + 1, body)
        }
    }
}

// MARK: - By name

extension PreTokenizer {
    /// How a file's byte-level tokenizer works, by its name in `tokenizer.ggml.pre`.
    struct Family: Sendable {
        let preTokenizer: PreTokenizer
        /// Whether a whole word that is a token stays that token, whatever the merges say.
        var keepsWholeWords = false
        /// What holds where the file has no `tokenizer.ggml.add_bos_token`.
        var addsBeginningOfSequence = false
    }

    /// All names that are known, by family. Which expressions a name stands for is what converters to GGUF have agreed
    /// on; the expressions are those of the models' own tokenizer files.
    static let families: [(names: [String], family: Family)] = [
        (
            ["gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "roberta-bpe", "exaone4"],
            Family(preTokenizer: PreTokenizer([.gpt2]))
        ),
        (
            ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
            Family(preTokenizer: PreTokenizer([.eachNumber, .gpt2]))
        ),
        (
            ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
            Family(
                preTokenizer: PreTokenizer([.words(.llama3)]), keepsWholeWords: true, addsBeginningOfSequence: true)
        ),
        (["dbrx", "smaug-bpe"], Family(preTokenizer: PreTokenizer([.words(.llama3)]))),
        (
            ["chatglm-bpe", "glm4"], Family(preTokenizer: PreTokenizer([.words(.llama3)]), keepsWholeWords: true)
        ),
        (
            ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2"],
            Family(preTokenizer: PreTokenizer([.words(.qwen2)]))
        ),
        (["qwen35"], Family(preTokenizer: PreTokenizer([.words(.qwen35)]))),
        (
            ["tekken"],
            Family(
                preTokenizer: PreTokenizer([.casedWords(.tekken)]), keepsWholeWords: true,
                addsBeginningOfSequence: true)
        ),
        (["gpt-4o", "llama4", "kanana2", "minimax-m2"], Family(preTokenizer: PreTokenizer([.casedWords(.gpt4o)]))),
        (
            ["deepseek-v3", "hunyuan-dense", "joyai-llm"],
            Family(preTokenizer: PreTokenizer([.numbers(upTo: 3), .eastAsian, .deepSeek3]))
        ),
    ]

    static func family(named name: String) throws(TokenizerError) -> Family {
        for (names, family) in families where names.contains(name) { return family }
        let known = families.flatMap(\.names).joined(separator: ", ")
        throw .unsupported(what: "the pre-tokenizer \(quoted(name)), none of \(known)")
    }
}
