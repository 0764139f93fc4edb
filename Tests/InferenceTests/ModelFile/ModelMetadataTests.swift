import Testing

@testable import Inference

@Suite("A model's metadata")
struct ModelMetadataTests {
    @Test("turn a conversation into tokens by the file's own template")
    func prompt() throws {
        let metadata = try ModelMetadata(open(.smallModel()))
        let ids = try metadata.promptTokens(for: [ChatMessage(role: "x", content: "hello")])
        #expect(ids == [259, 0x78, 0x0A, 256, 258, 260, 0x0A])
    }

    @Test("of a model that is not made for chat say so")
    func noTemplate() throws {
        var file = GGUFBytes.smallModel()
        file["tokenizer.chat_template"] = nil
        let metadata = try ModelMetadata(open(file))
        #expect(throws: ModelFileError.missing(what: "chat template")) {
            try metadata.promptTokens(for: [ChatMessage(role: "user", content: "hello")])
        }
    }

    @Test("have a name without control characters, of bounded length")
    func name() throws {
        var file = GGUFBytes.smallModel()
        file["general.name"] = .string("a\u{1B}[31m\n" + String(repeating: "x", count: 500))
        let name = try ModelMetadata(open(file)).displayName
        #expect(name.hasPrefix("a?[31m?x"))
        #expect(name.count < 80)
        file["general.name"] = nil
        #expect(try ModelMetadata(open(file)).displayName == "unnamed")
    }
}
