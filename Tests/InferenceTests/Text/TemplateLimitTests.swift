import Testing

@testable import Inference

@Suite("A chat template that asks for too much")
struct TemplateLimitTests {
    private func render(_ source: String) throws -> String {
        try ChatTemplate(source).render(
            messages: [ChatMessage(role: "user", content: "x")], addGenerationPrompt: true, bosToken: "", eosToken: "")
    }

    @Test(
        "is stopped",
        arguments: [
            // Work.
            "{% for a in range(100000000) %}{% for b in range(100000000) %}{% endfor %}{% endfor %}",
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "{{ range(999999999999) }}", "{{ range(9223372036854775807) }}", "{{ range(0, 99, -9223372036854775807) }}",
            "{{ range(-9223372036854775807, 9223372036854775807) }}",
            // Memory.
            "{{ ('a ' * 9999999).split() }}", "{{ ('a ' * 9999999)|list }}",
            "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "{{ 'x' * 9223372036854775807 }}", "{{ 'xx' * 9223372036854775807 }}", "{{ [1, 2] * 999999999999 }}",
            "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x|replace('a', 'aaaaaa') %}{% endfor %}",
            "{% for i in range(999) %}{% for i in range(999) %}{{ 'x' * 99999 }}{% endfor %}{% endfor %}",
            // Numbers.
            "{{ 9223372036854775807 + 1 }}", "{{ 3 ** 99 }}", "{{ (0 - 9223372036854775807 - 1) // -1 }}",
            "{{ 99999999 * 99999999 * 99999999 }}",
            // Nesting.
            "{{ " + String(repeating: "(", count: 100_000) + "1" + String(repeating: ")", count: 100_000) + " }}",
            "{{ " + String(repeating: "[", count: 500) + String(repeating: "]", count: 500) + " }}",
            "{{ " + String(repeating: "not ", count: 50_000) + "1 }}",
            "{{ " + String(repeating: "-", count: 100_000) + "1 }}",
            "{{ 1" + String(repeating: " + 1", count: 50_000) + " }}",
            "{{ x" + String(repeating: ".y", count: 50_000) + " }}",
            "{{ 'a'" + String(repeating: "|upper", count: 40_000) + " }}",
            "{{ 1" + String(repeating: " if 1 else 1", count: 20_000) + " }}",
            String(repeating: "{% if 1 %}", count: 20_000) + String(repeating: "{% endif %}", count: 20_000),
            "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
            "{% macro f(x) %}{% for i in [1] %}{{ f([x]) }}{% endfor %}{% endmacro %}{{ f(1) }}",
            "{% set ns = namespace(x=1) %}{% for i in range(100) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
            "{% set ns = namespace(x=1) %}{% for i in range(100) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x }}",
            // Size of the source.
            String(repeating: "x", count: 300_000),
        ])
    func stopped(source: String) {
        let error = #expect(throws: TemplateError.self) { try render(source) }
        guard case .limit = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("cannot build chains or rings of values")
    func rings() {
        #expect(throws: TemplateError.self) { try render("{% set ns = namespace() %}{% set ns.me = ns %}") }
        #expect(throws: TemplateError.self) { try render("{% set ns = namespace() %}{% set x = [ns] %}") }
        #expect(throws: TemplateError.self) { try render("{% for i in [1] %}{% set x = [loop] %}{% endfor %}") }
    }

    @Test(
        "leaves nothing behind",
        arguments: [
            "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(seen) }}{% set g = f %}{{ g(1) }}",
            "{% if 1 %}{% macro f(x) %}{{ f is callable }}{% endmacro %}{% endif %}{{ f(f) }}",
            "{% macro f(x) %}{% for i in [1] %}{% set c = caller %}{{ c(x) }}{% endfor %}{% endmacro %}"
                + "{% call(y) f(seen) %}{% call(z) f(y) %}{% macro g() %}{% endmacro %}{{ f }}{% endcall %}{% endcall %}",
            "{% macro f() %}{% call caller() %}{{ caller }}{% endcall %}{% endmacro %}{% call f() %}{{ caller() }}{% endcall %}",
            "{% for i in [1, 2] %}{% set l = loop %}{% set s = seen %}{% macro f() %}{% endmacro %}{% endfor %}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        ])
    func freed(source: String) throws {
        weak var seen: TemplateNamespace?
        do {
            let given = TemplateNamespace()
            seen = given
            let evaluator = TemplateEvaluator(
                variables: ["seen": .namespace(given)], budget: TemplateBudget(work: 200_000, bytes: 200_000))
            // One of them is stopped halfway.
            _ = try? evaluator.render(try TemplateParser.parse(source))
        }
        #expect(seen == nil)
    }

    @Test("of another kind than text is refused with its line")
    func unsupported() {
        #expect(throws: TemplateError.unsupported(line: 2, what: "the tag \"include\"")) {
            try ChatTemplate("a\n{% include 'secrets' %}")
        }
        #expect(throws: TemplateError.unsupported(line: 1, what: "the filter \"attr\"")) {
            try ChatTemplate("{{ ''|attr('__class__') }}")
        }
    }

    @Test("learns the date only where the caller gives it")
    func date() throws {
        let source = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}no date{% endif %}"
        #expect(try render(source) == "no date")
        let text = try ChatTemplate(source).render(
            messages: [], addGenerationPrompt: false, bosToken: "", eosToken: "", formatTime: { "[" + $0 + "]" })
        #expect(text == "[%Y]")
    }
}
