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
        try addJSON(value, style, level: 0, to: &result)
        return result
    }

    private struct JSONStyle {
        var asciiOnly = false
        var indent: Int?
        var sortsKeys = false
        var comma: TemplateText = [",", " "]
        var colon: TemplateText = [":", " "]
    }

    private func addJSON(
        _ value: TemplateValue, _ style: JSONStyle, level: Int, to result: inout TemplateText
    ) throws(TemplateError) {
        try spend(TemplateCost.printed)
        switch value {
        case .none: try add("null", to: &result)
        case .bool(let flag): try add(flag ? "true" : "false", to: &result)
        case .integer(let number): try add("\(number)", to: &result)
        case .real(let number):
            let odd = number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
            try add(number.isFinite ? Self.represented(number) : odd, to: &result)
        case .text(let text): try addJSON(text, style, to: &result)
        case .list(let list):
            try add("[", to: &result)
            for (index, item) in list.items.enumerated() {
                if index > 0 { try add(style.comma, to: &result) }
                try addLine(style, level: level + 1, to: &result)
                try addJSON(item, style, level: level + 1, to: &result)
            }
            if !list.items.isEmpty { try addLine(style, level: level, to: &result) }
            try add("]", to: &result)
        case .mapping(let mapping):
            try add("{", to: &result)
            var places = Array(mapping.keys.indices)
            if style.sortsKeys {
                places = try sorted(places) { (one, another) throws(TemplateError) in
                    try precedes(mapping.keys[one], mapping.keys[another])
                }
            }
            for (index, place) in places.enumerated() {
                if index > 0 { try add(style.comma, to: &result) }
                try addLine(style, level: level + 1, to: &result)
                try addJSON(mapping.keys[place], style, to: &result)
                try add(style.colon, to: &result)
                try addJSON(mapping.values[place], style, level: level + 1, to: &result)
            }
            if !places.isEmpty { try addLine(style, level: level, to: &result) }
            try add("}", to: &result)
        case .undefined, .namespace, .function, .loop:
            throw .evaluation(problem: "a \(value.typeName) cannot be written as JSON")
        }
    }

    private func addLine(_ style: JSONStyle, level: Int, to result: inout TemplateText) throws(TemplateError) {
        guard let indent = style.indent else { return }
        try add("\n", to: &result)
        try add(repeatElement(" ", count: indent * level), to: &result)
    }

    private func addJSON(
        _ text: TemplateText, _ style: JSONStyle, to result: inout TemplateText
    ) throws(TemplateError) {
        try append(text.count + 2)
        result.append("\"")
        for scalar in text {
            switch scalar {
            case "\"": try add("\\\"", to: &result)
            case "\\": try add("\\\\", to: &result)
            case "\n": try add("\\n", to: &result)
            case "\r": try add("\\r", to: &result)
            case "\t": try add("\\t", to: &result)
            case "\u{8}": try add("\\b", to: &result)
            case "\u{C}": try add("\\f", to: &result)
            default:
                if scalar.value < 0x20 || (style.asciiOnly && !scalar.isASCII) {
                    try spend(32)
                    for unit in UTF16.encode(scalar) ?? .init() {
                        let digits = String(unit, radix: 16)
                        try add("\\u" + String(repeating: "0", count: 4 - digits.count) + digits, to: &result)
                    }
                } else {
                    result.append(scalar)
                }
            }
        }
        result.append("\"")
    }
}
