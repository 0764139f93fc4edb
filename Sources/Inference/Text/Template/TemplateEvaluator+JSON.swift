extension TemplateEvaluator {
    /// `tojson` as chat templates get it: Python's `json.dumps` with `ensure_ascii=False`, nothing escaped for HTML.
    func json(_ value: TemplateValue, indent: Int?) throws(TemplateError) -> TemplateText {
        if let indent, !(0...64).contains(indent) { throw .evaluation(problem: "an indent of \(indent)") }
        var result: TemplateText = []
        try appendJSON(value, indent: indent, level: 0, to: &result)
        return result
    }

    private func appendJSON(
        _ value: TemplateValue, indent: Int?, level: Int, to result: inout TemplateText
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
        case .text(let text): try appendJSON(text, to: &result)
        case .list(let list):
            result.append("[")
            for (index, item) in list.items.enumerated() {
                appendBreak(isFirst: index == 0, indent: indent, level: level + 1, to: &result)
                try appendJSON(item, indent: indent, level: level + 1, to: &result)
            }
            if indent != nil, !list.items.isEmpty { appendLine(indent: indent, level: level, to: &result) }
            result.append("]")
        case .mapping(let mapping):
            result.append("{")
            for (index, (key, item)) in mapping.pairs.enumerated() {
                appendBreak(isFirst: index == 0, indent: indent, level: level + 1, to: &result)
                try appendJSON(key, to: &result)
                result += [":", " "]
                try appendJSON(item, indent: indent, level: level + 1, to: &result)
            }
            if indent != nil, !mapping.keys.isEmpty { appendLine(indent: indent, level: level, to: &result) }
            result.append("}")
        case .undefined, .namespace, .function, .loop:
            throw .evaluation(problem: "a \(value.typeName) cannot be written as JSON")
        }
    }

    private func appendBreak(isFirst: Bool, indent: Int?, level: Int, to result: inout TemplateText) {
        if !isFirst { result.append(",") }
        if indent != nil {
            appendLine(indent: indent, level: level, to: &result)
        } else if !isFirst {
            result.append(" ")
        }
    }

    private func appendLine(indent: Int?, level: Int, to result: inout TemplateText) {
        result.append("\n")
        result += TemplateText(repeating: " ", count: (indent ?? 0) * level)
    }

    private func appendJSON(_ text: TemplateText, to result: inout TemplateText) throws(TemplateError) {
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
                if scalar.value < 0x20 {
                    let digits = String(scalar.value, radix: 16)
                    result += TemplateText(of: "\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                } else {
                    result.append(scalar)
                }
            }
        }
        result.append("\"")
    }
}
