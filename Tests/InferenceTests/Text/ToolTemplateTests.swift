import Foundation
import Testing

@testable import Inference

/// What Jinja2 made of templates and conversations with tools, thoughts and parts (tools/fixtures/record-templates.py).
struct RecordedConversation: Sendable, CustomTestStringConvertible {
    let name: String
    let source: String
    let document: JSONValue

    var testDescription: String { name }
    var text: String? { document["text"]?.string }
    var refused: String? { document["refused"]?.string }

    static func time(_ format: String) -> String {
        ["%d %b %Y": "26 Jul 2026", "%Y-%m-%d": "2026-07-26"][format] ?? "some day"
    }

    func render() throws -> String {
        let messages = (document["messages"]?.array ?? []).map { message in
            ChatMessage(role: "", content: "", fields: message.object ?? JSONObject())
        }
        return try ChatTemplate(source).render(
            messages: messages, addGenerationPrompt: document["prompt"]?.bool ?? false, bosToken: "<s>",
            eosToken: "</s>",
            tools: document["tools"]?.array ?? [], variables: document["variables"]?.object ?? JSONObject(),
            formatTime: Self.time)
    }

    static func all() throws -> [RecordedConversation] {
        var result = try read(try Fixture.data("tool-templates.json"))
        // More of them, recorded from the templates of real models, where a person has some.
        if let path = ProcessInfo.processInfo.environment["TIKTRUE_TEMPLATES"] {
            result += try read(try Data(contentsOf: URL(fileURLWithPath: path)))
        }
        return result
    }

    private static func read(_ data: Data) throws -> [RecordedConversation] {
        let document = try JSONValue(parsing: data, limits: .init(bytes: 1 << 28, values: 1 << 24))
        return (document["cases"]?.array ?? []).map { recorded in
            var members = recorded.object ?? JSONObject()
            let conversation = document["conversations"]?[members["conversation"]?.string ?? ""]
            for (key, value) in conversation?.object?.members ?? [] { members[key] = value }
            let template = members["template"]?.string ?? ""
            let name = "\(template), \(members["conversation"]?.string ?? "")"
            let source = document["templates"]?[template]?.string ?? ""
            return RecordedConversation(name: name, source: source, document: .object(members))
        }
    }
}

@Suite("A chat template with tools")
struct ToolTemplateTests {
    @Test("gives exactly what Jinja2 gives", arguments: try RecordedConversation.all().filter { $0.text != nil })
    func text(recorded: RecordedConversation) throws {
        let text = try recorded.render()
        #expect(Array(text.utf8) == Array((recorded.text ?? "").utf8), "\(text.debugDescription)")
    }

    @Test("that refuses gives its own reason", arguments: try RecordedConversation.all().filter { $0.refused != nil })
    func refusal(recorded: RecordedConversation) {
        #expect(throws: TemplateError.refused(reason: recorded.refused ?? "")) { try recorded.render() }
    }

    @Test(
        "that Jinja2 cannot run fails here too",
        arguments: try RecordedConversation.all().filter { $0.text == nil && $0.refused == nil })
    func failure(recorded: RecordedConversation) {
        #expect(throws: TemplateError.self) { try recorded.render() }
    }
}
