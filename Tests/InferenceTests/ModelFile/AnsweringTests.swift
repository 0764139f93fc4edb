import Testing

@testable import Inference

@Suite("Of a model file it is said before it is cut")
struct AnsweringTests {
    private func check(_ change: (inout GGUFBytes) -> Void) throws {
        var file = GGUFBytes.smallModel()
        change(&file)
        try open(file).checkCanAnswer()
    }

    private func expectRefusal(_ words: String, _ change: (inout GGUFBytes) -> Void) {
        let error = #expect(throws: ModelFileError.self) { try check(change) }
        let sentence = error?.description ?? ""
        #expect(sentence.contains(words), "\(sentence)")
        #expect(sentence.hasSuffix("."), "\(sentence)")
    }

    @Test("that it can answer, where it can", arguments: FamilyTests.families)
    func families(family: String) throws {
        #expect(throws: Never.self) { try check { _ in } }
        try ModelFile(path: FamilyTests.path(family)).checkCanAnswer()
    }

    @Test("that its heads have a dimension that is not computed")
    func headDimension() {
        expectRefusal("its head dimension, 24, is not a multiple of 16") { file in
            file["llama.attention.key_length"] = .uint32(24)
            file["llama.attention.value_length"] = .uint32(24)
            for index in file.tensors.indices {
                if file.tensors[index].name.contains("attn_q") { file.tensors[index].resize([32, 48]) }
                if file.tensors[index].name.contains("attn_k") || file.tensors[index].name.contains("attn_v") {
                    file.tensors[index].resize([32, 24])
                }
                if file.tensors[index].name.contains("attn_output") { file.tensors[index].resize([48, 32]) }
            }
        }
    }

    @Test("that its context is longer than can be computed")
    func context() {
        expectRefusal("its context is 2000000 positions") { $0["llama.context_length"] = .uint32(2_000_000) }
    }

    @Test("that its text is cut in a way that is not known")
    func preTokenizer() {
        expectRefusal("the pre-tokenizer \"novel\"") { $0["tokenizer.ggml.pre"] = .string("novel") }
    }

    @Test("that its first token does not exist")
    func beginning() {
        expectRefusal("tokenizer.ggml.bos_token_id is 262") { $0["tokenizer.ggml.bos_token_id"] = .uint32(262) }
    }

    @Test("that its tokens are more than its matrix has rows")
    func vocabulary() {
        expectRefusal("its shape is 32 x 261 and not 32 x 262") { file in
            file.tensors[0].dimensions = [32, 261]
        }
    }

    @Test("that a norm has a type that is not read")
    func norm() {
        expectRefusal("Tensor output_norm.weight is f16") { file in
            for index in file.tensors.indices where file.tensors[index].name == "output_norm.weight" {
                file.tensors[index].type = 1
            }
        }
        expectRefusal("Tensor blk.1.ffn_norm.weight is f16") { file in
            for index in file.tensors.indices where file.tensors[index].name == "blk.1.ffn_norm.weight" {
                file.tensors[index].type = 1
            }
        }
    }

    @Test("that its template is none, and that alone does not keep it from being added")
    func template() throws {
        #expect(try open(.smallModel()).chatTemplateProblem == nil)
        var file = GGUFBytes.smallModel()
        file["tokenizer.chat_template"] = .string("a\n{% for %}")
        let model = try open(file)
        try model.checkCanAnswer()
        let problem = try #require(model.chatTemplateProblem)
        #expect(problem.description.contains("line 2"))
        file["tokenizer.chat_template"] = nil
        #expect(try open(file).chatTemplateProblem == nil)
    }
}

extension GGUFBytes.Tensor {
    /// In single precision, whose rows may have any length.
    fileprivate mutating func resize(_ dimensions: [UInt64]) {
        self.dimensions = dimensions
        type = 0
        byteCount = Int(dimensions.reduce(4, *))
    }
}
