/// Values as text. What shares its parts is far longer than the memory that it takes: every piece of the text is counted
/// before it is written.
extension TemplateEvaluator {
    /// What `{{ value }}` prints: Python's `str`.
    func printed(_ value: TemplateValue) throws(TemplateError) -> TemplateText {
        switch value {
        case .undefined: return []
        case .text(let text): return text
        default:
            var result: TemplateText = []
            try represent(value, in: &result)
            return result
        }
    }

    /// Adds characters to a text that is being made.
    func add(_ part: some Collection<Unicode.Scalar>, to result: inout TemplateText) throws(TemplateError) {
        try append(part.count)
        result += part
    }

    func add(_ word: String, to result: inout TemplateText) throws(TemplateError) {
        try append(word.utf8.count)
        result += word.unicodeScalars
    }

    /// Python's `repr`, which it uses for what lies inside lists and mappings.
    private func represent(_ value: TemplateValue, in result: inout TemplateText) throws(TemplateError) {
        try spend(TemplateCost.printed)
        switch value {
        case .undefined: try add("Undefined", to: &result)
        case .none: try add("None", to: &result)
        case .bool(let flag): try add(flag ? "True" : "False", to: &result)
        case .integer(let number): try add("\(number)", to: &result)
        case .real(let number): try add(Self.represented(number), to: &result)
        case .text(let text): try represent(text, in: &result)
        case .list(let list):
            try add(list.isTuple ? "(" : "[", to: &result)
            for (index, item) in list.items.enumerated() {
                if index > 0 { try add(", ", to: &result) }
                try represent(item, in: &result)
            }
            try add(!list.isTuple ? "]" : list.items.count == 1 ? ",)" : ")", to: &result)
        case .mapping(let mapping):
            try add("{", to: &result)
            for (index, key) in mapping.keys.enumerated() {
                if index > 0 { try add(", ", to: &result) }
                try represent(key, in: &result)
                try add(": ", to: &result)
                try represent(mapping.values[index], in: &result)
            }
            try add("}", to: &result)
        case .namespace: try add("<Namespace>", to: &result)
        case .function: try add("<function>", to: &result)
        case .loop(let loop): try add("<LoopContext \(loop.index + 1)/\(loop.items.count)>", to: &result)
        }
    }

    static func represented(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        return "\(number)"
    }

    private func represent(_ text: TemplateText, in result: inout TemplateText) throws(TemplateError) {
        try spend(2 * text.count)
        let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
        try append(text.count + 2)
        result.append(quote)
        for scalar in text {
            switch scalar {
            case "\\": try add("\\\\", to: &result)
            case quote: try add(["\\", quote], to: &result)
            case "\n": try add("\\n", to: &result)
            case "\r": try add("\\r", to: &result)
            case "\t": try add("\\t", to: &result)
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    let digits = String(scalar.value, radix: 16)
                    try add("\\x" + (digits.count < 2 ? "0" : "") + digits, to: &result)
                } else {
                    result.append(scalar)
                }
            }
        }
        result.append(quote)
    }
}
