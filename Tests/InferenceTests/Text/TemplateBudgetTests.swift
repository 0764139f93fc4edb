import Testing

@testable import Inference

@Suite("The budget of a chat template")
struct TemplateBudgetTests {
    private static let long = "{% set t = 'a' * 1000 %}{% set u = 'a' * 999 ~ 'b' %}{% set l = [t] * 400 %}"

    /// Two values of many parts, out of a few lists that stand in each other.
    private static func shared(_ levels: Int, _ rest: String) -> String {
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(\(levels)) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}" + rest
    }

    private static func render(
        _ source: String, _ messages: [ChatMessage] = [ChatMessage(role: "user", content: "x")],
        tools: [JSONValue] = [], isCancelled: (() -> Bool)? = nil
    ) throws -> String {
        try ChatTemplate(source).render(
            messages: messages, addGenerationPrompt: true, bosToken: "", eosToken: "", tools: tools,
            isCancelled: isCancelled)
    }

    @Test(
        "counts what walks values and copies texts",
        arguments: [
            // Values that share their parts.
            shared(14, "{{ ns.x == ns.y }}"), shared(14, "{{ ns.x < ns.y }}"), shared(14, "{{ ns.x in [ns.y] }}"),
            shared(14, "{{ [ns.x].count(ns.y) }}"), shared(14, "{{ [ns.x, ns.y]|sort|length }}"),
            shared(14, "{{ [ns.x, ns.y]|unique|list|length }}"), shared(14, "{{ [ns.x, ns.y]|max|length }}"),
            shared(14, "{% set x = ns.x|string %}"), shared(14, "{% set x = [ns.x]|join %}"),
            shared(14, "{% set x = '' ~ ns.x %}"), shared(14, "{% set x = '%s' % [ns.x] %}"),
            shared(14, "{% set x = ns.x is upper %}"), shared(8, "{% set x = ns.x|tojson(indent=64) %}"),
            // Long texts, looked at often.
            long + "{{ u in l }}", long + "{{ l.index(u) }}", long + "{{ t.startswith([u] * 400) }}",
            long + "{{ t.endswith(['a' * 500 ~ 'b' ~ 'a' * 499] * 400) }}", long + "{{ (l + [u])|min|length }}",
            long + "{{ l|select('equalto', u)|list|length }}", long + "{{ l|select('sameas', u)|list|length }}",
            "{% set t = 'a' * 10000 %}{% for i in range(20) %}{% set x = {t: 1} %}{% endfor %}",
            "{% set t = 'a' * 10000 %}{% set x = {t: 1} %}{% for i in range(20) %}{% set y = x[t] %}{% endfor %}",
            "{% set t = '\u{e9}' * 1000 %}{% for i in range(10) %}{% set x = t|upper %}{% endfor %}",
            // What calls and names cost.
            "{% macro f(" + (0..<100).map { "a\($0)" }.joined(separator: ", ")
                + ") %}{% endmacro %}{% for i in range(100) %}{{ f() }}{% endfor %}",
            "{{ " + String(repeating: "n", count: 1000) + " }}",
            // Arguments that would be copied for each element, digits, names of what is not there.
            "{% set a = range(1000) %}{% set x = [[1]] | map('map', 'string', *a) %}",
            "{% set a = range(1000) %}{% set x = [[1]] | map('select', 'odd', *a) %}",
            "{% set t = '9' * 400 %}{% set x = ([t] * 100) | map('float') | list %}",
            "{% set x = ([1] * 4000) | map(attribute='😀' * 64) %}",
            // Memory that variables keep.
            "{% set a = 'a' * 30000 %}{% set b = 'a' * 30000 %}", "{% set a = range(4000) %}{% set b = a + a %}",
        ])
    func stopped(source: String) {
        let error = #expect(throws: TemplateError.self) {
            let evaluator = TemplateEvaluator(variables: [:], budget: TemplateBudget(work: 200_000, bytes: 200_000))
            _ = try evaluator.render(try TemplateParser.parse(source))
        }
        guard case .limit = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a name of the template's own making is of ASCII: others take long to compare")
    func names() {
        let combined = "{% set k = '\u{316}\u{301}' * 100 %}"
        for use in ["{% set y = namespace({k: 1}) %}", "{{ namespace(**{k: 1}) }}", "{{ k in namespace() }}"] {
            #expect(throws: TemplateError.self, "\(use)") { try Self.render(combined + use) }
        }
        #expect(throws: Never.self) { try Self.render(combined + "{% set y = {k: 1}[k] %}{{ 'x'[k] }}{{ {}[k] }}") }
    }

    @Test("is enough for no template that would take seconds")
    func defaultBudget() {
        #expect(throws: TemplateError.self) { try Self.render(Self.shared(24, "{{ ns.x == ns.y }}")) }
    }

    @Test("takes a list as the key of nothing without printing it")
    func keys() throws {
        #expect(try Self.render(Self.shared(30, "{{ messages[ns.x] is defined }}")) == "False")
    }

    @Test("suffices for a long conversation with many tools", arguments: ["qwen 3", "llama 3.1"])
    func longConversation(name: String) throws {
        let recorded = try #require(try RecordedConversation.all().first { $0.name.hasPrefix(name) })
        // 400,000 characters: about 100,000 tokens.
        let words = String(repeating: "word ", count: 40)
        let messages = (0..<2000).map {
            ChatMessage(role: $0 % 2 == 0 ? "user" : "assistant", content: "\($0) " + words)
        }
        let tools = (0..<200).map { number in
            let parameter = JSONValue.object(
                JSONObject([("type", .string("string")), ("description", .string(words))]))
            return JSONValue.object(
                JSONObject([
                    ("name", .string("tool\(number)")), ("description", .string(words)),
                    ("parameters", .object(JSONObject((0..<8).map { ("p\($0)", parameter) }))),
                ]))
        }
        let text = try Self.render(recorded.source, messages, tools: tools)
        #expect(text.contains("1999 word"))
    }

    @Test("ends early when nobody waits any more")
    func cancelled() {
        var questions = 0
        let error = #expect(throws: TemplateError.self) {
            try Self.render("{% for i in range(1000000) %}{{ i }}{% endfor %}") {
                questions += 1
                return questions == 3
            }
        }
        #expect(error == .cancelled)
        #expect(questions == 3)
    }

    @Test("is no reason to keep what a template has defined")
    func ring() throws {
        weak var kept: TemplateNamespace?
        do {
            let namespace = TemplateNamespace()
            kept = namespace
            let evaluator = TemplateEvaluator(
                variables: ["ns": .namespace(namespace)], budget: TemplateBudget(input: 0))
            _ = try evaluator.render(try TemplateParser.parse("{% macro f() %}{% endmacro %}"))
        }
        #expect(kept == nil)
    }
}
