import Testing

@testable import Inference

/// Damages files and templates at random, from seeds, and lets the readers loose on them: every outcome but a typed
/// error or a result that can be used ends the test's process.
@Suite("Damaged at random")
struct MutationTests {
    /// A few changes of the kinds that disks, networks and people make.
    private func damaged(_ bytes: [UInt8], _ generator: inout SplitMix, within limit: Int) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let end = max(1, min(limit, result.count))
            let place = Int.random(in: 0..<end, using: &generator)
            guard place < result.count else { continue }
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: result[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 1: result[place] = UInt8.random(in: 0...255, using: &generator)
            case 2: result.removeSubrange(place...)
            case 3: result.append(contentsOf: (0..<place % 64).map { UInt8($0) })
            case 4:
                for offset in place..<min(place + 8, result.count) { result[offset] = 0xFF }
            case 5:
                for offset in place..<min(place + 8, result.count) { result[offset] = offset == place + 7 ? 0x7F : 0 }
            default: result.removeSubrange(place..<min(place + 4, result.count))
            }
        }
        return result
    }

    /// Whether `body` went through; a refusal is one of this module's errors, and nothing else.
    private func accepts(_ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch {
            guard error is ModelFileError || error is TokenizerError || error is TemplateError else { throw error }
            return false
        }
    }

    @Test("a model file is read or refused, and what is read can be used", arguments: 1...8)
    func modelFile(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let bytes = GGUFBytes.smallModel(tied: seed % 2 == 0).bytes
        var accepted = 0
        for _ in 0..<400 {
            let copy = damaged(bytes, &generator, within: 8000)
            let isAccepted = try accepts {
                let file = try ModelFile(MappedFile(copying: copy))
                for tensor in file.document.tensors {
                    let view = try #require(file.tensor(named: tensor.name))
                    _ = view.bytes.first
                    _ = view.bytes.last
                }
                let metadata = try ModelMetadata(file)
                _ = metadata.tokenizer.decode(metadata.tokenizer.encode("hello <|im_start|> 12", parseSpecial: true))
            }
            if isAccepted { accepted += 1 }
        }
        // Some damage does not matter, such as a letter in a token; most of it does.
        #expect(accepted < 390)
    }

    @Test("a hybrid's file is read or refused, and what is read computes or says why not", arguments: 1...6)
    func hybridFile(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let bytes = Array(try Fixture.data("families/lfm2moe.gguf"))
        let pool = ComputePool(threads: 1)
        var computed = 0
        for _ in 0..<120 {
            let copy = damaged(bytes, &generator, within: 1400)
            _ = try accepts {
                let file = try ModelFile(MappedFile(copying: copy))
                let model = BlockModel(hyperparameters: file.hyperparameters, pool: pool)
                do {
                    let blocks = 0...file.hyperparameters.headBlock
                    for block in blocks { try model.load(block: block, from: file) }
                    _ = try model.run(
                        blocks: blocks, input: .tokens([1, 2, 3, 4, 5]), firstPosition: 0,
                        cache: model.makeCache(blocks: blocks), logits: .last)
                    computed += 1
                } catch is EngineError {}
            }
        }
        #expect(computed > 0 && computed < 120)
    }

    @Test("a piece is read or refused, and what is read can be used", arguments: 1...8)
    func piece(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let model = try open(.smallModel())
        let contents = PieceContents(
            tensors: model.tensors.filter { $0.name.hasPrefix("blk.1.") }, of: model)
        var bytes: [UInt8] = []
        contents.forEachChunk { bytes.append(contentsOf: $0) }
        for _ in 0..<1000 {
            let copy = damaged(bytes, &generator, within: 800)
            _ = try accepts {
                let file = try PieceFile(MappedFile(copying: copy))
                for name in file.tensorNames {
                    let view = try #require(file.tensor(named: name))
                    #expect(view.bytes.count <= copy.count)
                    _ = view.bytes.last
                }
            }
        }
    }

    @Test("a chat template is run or refused", arguments: 1...4)
    func template(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let sources = try RecordedTemplate.all().map(\.source).filter { $0.utf8.count < 4000 }
        let words = [
            "{{", "}}", "{%", "%}", "-", "(", ")", "[", "]", "|", ".", "'", "if", "for", "in", "not", "99999999999",
            "~", "**", "is",
        ]
        for _ in 0..<500 {
            var bytes = Array((sources.randomElement(using: &generator) ?? "").utf8)
            if bytes.isEmpty { continue }
            if Bool.random(using: &generator) {
                let place = Int.random(in: 0...bytes.count, using: &generator)
                bytes.insert(contentsOf: (words.randomElement(using: &generator) ?? "").utf8, at: place)
            } else {
                bytes = damaged(bytes, &generator, within: bytes.count)
            }
            _ = try accepts {
                let template = try ChatTemplate(String(decoding: bytes, as: UTF8.self))
                _ = try template.render(
                    messages: [
                        ChatMessage(role: "user", content: "hi"), ChatMessage(role: "assistant", content: "ho"),
                    ],
                    addGenerationPrompt: true, bosToken: "<s>", eosToken: "</s>")
            }
        }
    }
}
