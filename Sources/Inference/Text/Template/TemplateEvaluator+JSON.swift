extension TemplateEvaluator {
    /// `tojson` as chat templates get it: Python's `json.dumps` with `ensure_ascii=False`, nothing escaped for HTML,
    /// and the arguments `ensure_ascii`, `indent`, `separators` and `sort_keys` in this order.
    func json(_ value: TemplateValue, _ arguments: TemplateValues) throws(TemplateError) -> TemplateText {
        var style = JSONStyle()
        style.asciiOnly = arguments[0, "ensure_ascii"]?.isTrue == true
        style.indent = arguments[1, "indent"]?.integer
        style.sortsKeys = arguments[3, "sort_keys"]?.isTrue == true
        if let indent = style.indent {
            guard (0...64).contains(indent) else { throw .evaluation(problem: "an indent of \(indent)") }
            style.comma = [","]
        }
        if case .list(let separators)? = arguments[2, "separators"] {
            guard separators.items.count == 2, case .text(let comma) = separators.items[0],
                case .text(let colon) = separators.items[1]
            else { throw .evaluation(problem: "the separators of JSON are not two texts") }
            (style.comma, style.colon) = (comma, colon)
        }
        var result: TemplateText = []
        try appendJSON(value, style, level: 0, to: &result)
        return result
    }

    private struct JSONStyle {
        var asciiOnly = false
        var indent: Int?
        var sortsKeys = false
        var comma: TemplateText = [",", " "]
        var colon: TemplateText = [":", " "]
    }

    private func appendJSON(
        _ value: TemplateValue, _ style: JSONStyle, level: Int, to result: inout TemplateText
    ) throws(TemplateError) {
        try spend(1)
        switch value {
        case .none: result += TemplateText(of: "null")
        case .bool(let flag): result += TemplateText(of: flag ? "true" : "false")
        case .integer(let number): result += TemplateText(of: "\(number)")
        case .real(let number):
            result +=
                number.isFinite
                ? value.represented : TemplateText(of: number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
        case .text(let text): try appendJSON(text, style, to: &result)
        case .list(let list):
            result.append("[")
            for (index, item) in list.items.enumerated() {
                if index > 0 { result += style.comma }
                appendLine(style, level: level + 1, to: &result)
                try appendJSON(item, style, level: level + 1, to: &result)
            }
            if !list.items.isEmpty { appendLine(style, level: level, to: &result) }
            result.append("]")
        case .mapping(let mapping):
            result.append("{")
            var pairs = mapping.pairs
            if style.sortsKeys { pairs.sort { $0.0.lexicographicallyPrecedes($1.0) } }
            for (index, (key, item)) in pairs.enumerated() {
                if index > 0 { result += style.comma }
                appendLine(style, level: level + 1, to: &result)
                try appendJSON(key, style, to: &result)
                result += style.colon
                try appendJSON(item, style, level: level + 1, to: &result)
            }
            if !pairs.isEmpty { appendLine(style, level: level, to: &result) }
            result.append("}")
        case .undefined, .namespace, .function, .loop:
            throw .evaluation(problem: "a \(value.typeName) cannot be written as JSON")
        }
    }

    private func appendLine(_ style: JSONStyle, level: Int, to result: inout TemplateText) {
        guard let indent = style.indent else { return }
        result.append("\n")
        result += TemplateText(repeating: " ", count: indent * level)
    }

    private func appendJSON(
        _ text: TemplateText, _ style: JSONStyle, to result: inout TemplateText
    ) throws(TemplateError) {
        try spend(text.count)
        result.append("\"")
        for scalar in text {
            switch scalar {
            case "\"": result += ["\\", "\""]
            case "\\": result += ["\\", "\\"]
            case "\n": result += ["\\", "n"]
            case "\r": result += ["\\", "r"]
            case "\t": result += ["\\", "t"]
            case "\u{8}": result += ["\\", "b"]
            case "\u{C}": result += ["\\", "f"]
            default:
                if scalar.value < 0x20 || (style.asciiOnly && !scalar.isASCII) {
                    for unit in String(Character(scalar)).utf16 {
                        let digits = String(unit, radix: 16)
                        result += TemplateText(of: "\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                    }
                } else {
                    result.append(scalar)
                }
            }
        }
        result.append("\"")
    }
}
