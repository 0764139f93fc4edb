import Testing

@testable import Inference

/// What Jinja2 made of a template and a conversation: a text, the template's own refusal, or a failure.
struct RecordedTemplate: Decodable, Sendable, CustomTestStringConvertible {
    struct Message: Decodable {
        let role: String
        let content: String
    }

    let name: String
    let source: String
    let messages: [Message]
    let prompt: Bool
    let text: String?
    let refused: String?
    let failure: String?

    var testDescription: String { "\(name)\(prompt ? ", with prompt" : "")" }

    func render() throws -> String {
        try ChatTemplate(source).render(
            messages: messages.map { ChatMessage(role: $0.role, content: $0.content) }, addGenerationPrompt: prompt,
            bosToken: "<s>", eosToken: "</s>")
    }

    static func all() throws -> [RecordedTemplate] {
        try Fixture.decode([RecordedTemplate].self, from: "templates.json")
    }
}

@Suite("A chat template")
struct ChatTemplateTests {
    @Test("gives exactly what Jinja2 gives", arguments: try RecordedTemplate.all().filter { $0.text != nil })
    func text(recorded: RecordedTemplate) throws {
        // Compared by bytes: Swift takes canonically equivalent texts for equal.
        let text = try recorded.render()
        #expect(Array(text.utf8) == Array((recorded.text ?? "").utf8), "\(text.debugDescription)")
    }

    @Test(
        "that refuses a conversation gives its own reason",
        arguments: try RecordedTemplate.all().filter { $0.refused != nil })
    func refusal(recorded: RecordedTemplate) {
        #expect(throws: TemplateError.refused(reason: recorded.refused ?? "")) { try recorded.render() }
    }

    @Test("that Jinja2 cannot run fails here too", arguments: try RecordedTemplate.all().filter { $0.failure != nil })
    func failure(recorded: RecordedTemplate) {
        #expect(throws: TemplateError.self) { try recorded.render() }
    }
}
