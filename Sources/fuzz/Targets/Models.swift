import Inference

extension FuzzTarget {
    private static let talk = [
        ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "user", content: " hello \u{e9} {{ x }} "),
        ChatMessage(role: "assistant", content: ""), ChatMessage(role: "user", content: "<|im_end|>2\u{1f600}"),
    ]

    /// A GGUF file, or the metadata piece made of one: shapes, tokenizer and template, as far as they are accepted.
    static let model = FuzzTarget(
        name: "model", form: .binary, bytesMax: 8192, secondsMax: 5,
        seeds: { [SmallModel.file, SmallModel.pieces[0]] },
        read: { bytes in
            ScratchFile.with(bytes) { path in
                if let file = try? ModelFile(path: path) {
                    for block in 0..<file.hyperparameters.blockCount {
                        for tensor in ModelLayout(file.hyperparameters).tensors(ofBlock: block) {
                            guard let view = file.tensor(named: tensor.name) else {
                                if tensor.isOptional { continue }
                                broken("\(tensor.name) is missing")
                            }
                            // GGUF may write trailing lengths of one.
                            let lengths = tensor.dimensions.count
                            if Array(view.dimensions.prefix(lengths)) != tensor.dimensions
                                || view.dimensions.dropFirst(lengths).contains(where: { $0 != 1 })
                            {
                                broken("\(tensor.name) has another shape")
                            }
                            _ = view.bytes.reduce(0, ^)
                        }
                    }
                    _ = try? ModelMetadata(file)
                }
                guard let metadata = try? ModelMetadata(path: path) else { return }
                _ = try? metadata.promptTokens(for: talk)
                speak(metadata.tokenizer, Array("hello <|im_end|> it's 2\u{e9}".utf8))
            }
        })

    /// A block's piece, as another member sent it.
    static let piece = FuzzTarget(
        name: "piece", form: .binary, bytesMax: 4096,
        seeds: { SmallModel.pieces.dropFirst().map { Array($0) } },
        read: { bytes in
            ScratchFile.with(bytes) { path in
                guard let file = try? PieceFile(path: path) else { return }
                for name in file.tensorNames {
                    guard let view = file.tensor(named: name) else { broken("\(name) is missing") }
                    let groups = view.dimensions.reduce(1, *) / view.type.groupElements
                    if groups * view.type.groupBytes != view.bytes.count { broken("\(name) has other bytes") }
                    _ = view.bytes.reduce(0, ^)
                }
            }
        })

    /// A model's chat template: a program that its file brings along. Short ones can ask for any amount of work and
    /// memory; what they get is a second at most, and the rest is for what the fuzzer adds.
    static let template = FuzzTarget(
        name: "template", form: .text, bytesMax: 2048, growthMiB: 256, secondsMax: 2,
        words: [
            "{% for x in messages %}", "{% endfor %}", "{% if ", "{% elif ", "{% else %}", "{% endif %}", "{% set ",
            " %}",
            "{% set ns = namespace(a=[]) %}", "{% macro f(x, y=1) %}", "{% endmacro %}", "{{ f(f) }}", "{% break %}",
            "{% continue %}", "{% generation %}", "{% raw %}", "{% endraw %}", "{{ ", " }}", "{{-", "-}}", "{#", "#}",
            "loop.index", "loop.previtem", "messages", "range(", "99999999999", "-1", "[::-1]", "[1:", "]", "(", ")",
            "{'a': ",
            "}", " | ", "tojson(indent=9)", "length", "trim", "join(", "selectattr('role', 'eq', ", "map(attribute=",
            "list",
            "default(", "replace(", "split(", "upper", "items()", " is defined", " is string", " not in ", " and ",
            " or ",
            "{% set ns.x = [ns.x, ns.x] %}", "{% set ns.x = {'a': ns.x, 'b': ns.x} %}", "ns.x", "ns.y", " == ns.y",
            " < ns.y",
            "'a' * 1000000", "[t] * 100000", "range(30)", " in ", "sort", "unique", "dictsort", "max", "string",
            "startswith(", "endswith(", "index(", "count(", "is upper", "title", "indent(9)", "loop.index0",
            " ~ ", " ** ", " // ", " % ", "*", "raise_exception('x')", "strftime_now('%Y')", "\\u{1f600}", "'", "\"",
        ],
        seeds: {
            [
                SmallModel.template,
                """
                {%- set ns = namespace(last=-1, text='') -%}{%- for m in messages[::-1] -%}{%- if loop.first and \
                m['role'] == 'user' -%}{%- set ns.last = (messages | length) - loop.index0 -%}{%- endif -%}{%- endfor -%}
                {% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% else %}{{ bos_token }}{% endif %}
                """,
                """
                {% macro show(x, n=2) %}{{ x | upper | trim }}{{ '-' * n }}{% endmacro %}{{ show('a') ~ show(n=3, x='b') }}
                {% for k, v in {'a': 1, 'b': [1, 2.5, none, true]}.items() %}{{ k }}={{ v | tojson(indent=2) }}{% endfor %}
                {{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | join(', ') }}
                {{ 'a,b'.split(',')[-1] if 3 // 2 == 1 and not ('x' in 'y') else messages | tojson | length }}
                {% if add_generation_prompt %}{{ strftime_now('%d %b %Y') | default('') }}{% endif %}
                """,
            ].map { Array($0.utf8) } + greedyTemplates.map { Array($0.utf8) }
        },
        read: { bytes in
            guard let template = try? ChatTemplate(String(decoding: bytes, as: UTF8.self)) else { return }
            for prompts in [true, false] {
                _ = try? template.render(
                    messages: prompts ? talk : [], addGenerationPrompt: prompts, bosToken: "<s>", eosToken: "</s>",
                    formatTime: { $0 })
            }
        })

    /// Templates that say in a few words what would take hours: values that share their parts, and long texts that are
    /// looked at often.
    private static let greedyTemplates: [String] = {
        let shared = """
            {% set ns = namespace(x=[1], y=[1]) %}{% for i in range(30) %}{% set ns.x = [ns.x, ns.x] %}\
            {% set ns.y = [ns.y, ns.y] %}{% endfor %}
            """
        let long = "{% set t = 'a' * 1000000 %}{% set u = 'a' * 999999 ~ 'b' %}{% set l = [t] * 100000 %}"
        return [
            "{{ ns.x }}", "{{ ns.x == ns.y }}", "{{ ns.x < ns.y }}", "{% set s = ns.x | tojson(indent=64) %}",
            "{{ [ns.x, ns.y] | sort | length }}", "{{ messages[ns.x] }}", "{% set s = ns.x is upper %}",
        ].map { shared + $0 }
            + [
                "{{ u in l }}", "{{ t.startswith([u] * 100000) }}", "{{ l | unique | list | length }}",
                "{% for i in range(999) %}{% set x = {t: t.upper()} %}{% endfor %}",
                "{% set ns = namespace(a=t | list) %}{% set ns.b = t.split('a') %}{% set ns.c = t ~ t %}",
            ].map { long + $0 }
            + ["{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}"]
    }()

    /// What people write, made into tokens and back.
    static let tokens = FuzzTarget(
        name: "tokens", form: .binary, bytesMax: 512,
        seeds: { ["hello, it's 2 <|im_end|>\n\n she<|note|>", "\u{e9}\u{1f600} \u{301}a\r\n"].map { Array($0.utf8) } },
        read: { speak(SmallModel.metadata.tokenizer, $0) })

    static func speak(_ tokenizer: Tokenizer, _ bytes: [UInt8]) {
        for special in [true, false] {
            let ids = tokenizer.encode(bytes: bytes, parseSpecial: special)
            let back = tokenizer.decode(ids)
            // The streaming decoder says the same as all at once.
            var decoder = StreamingDecoder(tokenizer, includingControl: true)
            let parts = ids.map { decoder.push($0) }.joined() + decoder.finish()
            let whole = String(decoding: back, as: UTF8.self)
            if Array(parts.utf8) != Array(whole.utf8) { broken("in parts '\(parts)', at once '\(whole)'") }
            if tokenizer.encode(bytes: bytes, parseSpecial: special) != ids { broken("twice encoded, not the same") }
        }
    }
}
