/// Python's methods of texts, lists and mappings, and the filters that do the same.
extension TemplateEvaluator {
    func textFilter(
        _ filter: TemplateFilter, _ text: TemplateText, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateText {
        try spend(text.count)
        switch filter {
        case .lower: return text.flatMap { $0.properties.lowercaseMapping.unicodeScalars }
        case .upper: return text.flatMap { $0.properties.uppercaseMapping.unicodeScalars }
        case .capitalize: return Self.capitalized(text)
        case .title: return Self.titled(text)
        case .trim: return Self.trimmed(text, of: arguments[0, "chars"], leading: true, trailing: true)
        case .replace: return try replaced(text, arguments)
        default: return try indented(text, arguments)
        }
    }

    func method(
        _ name: String, of receiver: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        switch receiver {
        case .text(let text): return try method(name, of: text, arguments)
        case .mapping(let mapping): return try method(name, of: mapping, arguments)
        case .list(let list) where name == "index" || name == "count":
            let wanted = arguments.positional.first ?? .none
            try spend(values: list.items.count)
            if name == "count" { return .integer(list.items.count { $0.equals(wanted) }) }
            guard let place = list.items.firstIndex(where: { $0.equals(wanted) }) else {
                throw .evaluation(problem: "a value is not in the list")
            }
            return .integer(place)
        default: throw .evaluation(problem: "a \(receiver.typeName) has no method \(quoted(name))")
        }
    }

    private func method(
        _ name: String, of mapping: TemplateMapping, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        try spend(values: mapping.keys.count)
        switch name {
        case "items":
            var pairs: [TemplateValue] = []
            for (key, value) in mapping.pairs {
                pairs.append(.list(try TemplateList([.text(key), value], isTuple: true)))
            }
            return .list(try TemplateList(pairs))
        case "keys": return .list(try TemplateList(mapping.keys.map { .text($0) }))
        case "values": return .list(try TemplateList(mapping.pairs.map(\.1)))
        case "get":
            guard case .text(let key)? = arguments[0, "key"] else { return arguments[1, "default"] ?? .none }
            return mapping[key] ?? arguments[1, "default"] ?? .none
        default: throw .evaluation(problem: "a mapping has no method \(quoted(name))")
        }
    }

    private func method(
        _ name: String, of text: TemplateText, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        try spend(text.count)
        switch name {
        case "strip": return .text(Self.trimmed(text, of: arguments[0, ""], leading: true, trailing: true))
        case "lstrip": return .text(Self.trimmed(text, of: arguments[0, ""], leading: true, trailing: false))
        case "rstrip": return .text(Self.trimmed(text, of: arguments[0, ""], leading: false, trailing: true))
        case "upper": return .text(try textFilter(.upper, text, arguments))
        case "lower": return .text(try textFilter(.lower, text, arguments))
        case "title": return .text(Self.titled(text))
        case "capitalize": return .text(Self.capitalized(text))
        case "replace": return .text(try replaced(text, arguments))
        case "split": return try split(text, arguments, fromEnd: false)
        case "rsplit": return try split(text, arguments, fromEnd: true)
        case "splitlines":
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last?.isEmpty == true { lines.removeLast() }
            return .list(try TemplateList(lines.map { .text(Array($0)) }))
        case "startswith": return .bool(try affixes(arguments).contains { text.starts(with: $0) })
        case "endswith": return .bool(try affixes(arguments).contains { text.reversed().starts(with: $0.reversed()) })
        case "find": return .integer(try find(try affix(arguments), in: text, from: 0) ?? -1)
        case "count": return .integer(try pieces(of: text, by: try affix(arguments), atMost: .max).count - 1)
        case "join":
            var rest = TemplateValues()
            rest.positional = [.text(text)]
            return try apply(.join, to: arguments.positional.first ?? .none, rest)
        case "isdigit", "isnumeric", "isdecimal":
            return .bool(!text.isEmpty && text.allSatisfy { $0.properties.numericType != nil })
        case "isalpha": return .bool(!text.isEmpty && text.allSatisfy(\.properties.isAlphabetic))
        case "isspace": return .bool(!text.isEmpty && text.allSatisfy(\.isPythonSpace))
        case "isupper": return .bool(try passes(.upper, .text(text), TemplateValues()))
        case "islower": return .bool(try passes(.lower, .text(text), TemplateValues()))
        default: throw .evaluation(problem: "a text has no method \(quoted(name))")
        }
    }

    private func affix(_ arguments: TemplateValues) throws(TemplateError) -> TemplateText {
        guard case .text(let part)? = arguments.positional.first else {
            throw .evaluation(problem: "a text was compared with no text")
        }
        return part
    }

    /// The one text, or the several in a tuple, that a text may begin or end with.
    private func affixes(_ arguments: TemplateValues) throws(TemplateError) -> [TemplateText] {
        guard case .list(let list)? = arguments.positional.first else { return [try affix(arguments)] }
        return list.items.compactMap { if case .text(let part) = $0 { part } else { nil } }
    }

    // MARK: Parts of texts

    /// - Parameter characters: what is cut off at the ends; white space where it is no text.
    static func trimmed(
        _ text: TemplateText, of characters: TemplateValue?, leading: Bool, trailing: Bool
    ) -> TemplateText {
        var belongs: (Unicode.Scalar) -> Bool = { $0.isPythonSpace }
        if case .text(let chosen)? = characters {
            let set = Set(chosen)
            belongs = { set.contains($0) }
        }
        var (start, end) = (0, text.count)
        while leading, start < end, belongs(text[start]) { start += 1 }
        while trailing, end > start, belongs(text[end - 1]) { end -= 1 }
        return Array(text[start..<end])
    }

    /// The text cut at every `separator`, at most so many times.
    private func pieces(
        of text: TemplateText, by separator: TemplateText, atMost limit: Int
    ) throws(TemplateError) -> [TemplateText] {
        guard !separator.isEmpty else { throw .evaluation(problem: "a text was split by an empty one") }
        var result: [TemplateText] = []
        var start = 0
        while result.count < limit, let place = try find(separator, in: text, from: start) {
            result.append(Array(text[start..<place]))
            start = place + separator.count
            try spend(values: 1)
        }
        return result + [Array(text[start...])]
    }

    private func split(
        _ text: TemplateText, _ arguments: TemplateValues, fromEnd: Bool
    ) throws(TemplateError) -> TemplateValue {
        let given = arguments[1, "maxsplit"]?.integer ?? -1
        let limit = given < 0 ? Int.max : given
        let source = fromEnd ? text.reversed() : text
        var parts: [TemplateText]
        if case .text(let separator)? = arguments[0, "sep"] {
            parts = try pieces(of: source, by: fromEnd ? separator.reversed() : separator, atMost: limit)
        } else {
            parts = []
            var rest = Self.trimmed(source, of: nil, leading: true, trailing: false)[...]
            while !rest.isEmpty, parts.count < limit, let end = rest.firstIndex(where: \.isPythonSpace) {
                parts.append(Array(rest[..<end]))
                rest = rest[end...].drop(while: \.isPythonSpace)
            }
            if !rest.isEmpty { parts.append(Array(rest)) }
        }
        if fromEnd { parts = parts.map { $0.reversed() }.reversed() }
        return .list(try TemplateList(parts.map { .text($0) }))
    }

    private func replaced(_ text: TemplateText, _ arguments: TemplateValues) throws(TemplateError) -> TemplateText {
        guard let old = arguments[0, "old"]?.printed, let new = arguments[1, "new"]?.printed else {
            throw .evaluation(problem: "\"replace\" needs two texts")
        }
        let given = arguments[2, "count"]?.integer ?? -1
        let limit = given < 0 ? Int.max : given
        var parts: [TemplateText]
        if old.isEmpty {
            // Python puts the new text before every character and at the end.
            let cuts = Swift.min(limit, text.count + 1)
            parts = cuts == 0 ? [text] : [[]] + text.prefix(cuts - 1).map { [$0] } + [Array(text.dropFirst(cuts - 1))]
        } else {
            parts = try pieces(of: text, by: old, atMost: limit)
        }
        let (growth, overflow) = parts.count.multipliedReportingOverflow(by: new.count)
        guard !overflow else { throw .limit(what: "a text without end") }
        try spend(text.count + growth)
        return TemplateText(parts.joined(separator: new))
    }

    private func indented(_ text: TemplateText, _ arguments: TemplateValues) throws(TemplateError) -> TemplateText {
        var margin: TemplateText
        switch arguments[0, "width"] {
        case .text(let given)?: margin = given
        case let value:
            let width = value?.integer ?? 4
            guard (0...1024).contains(width) else { throw .evaluation(problem: "an indent of \(width)") }
            margin = TemplateText(repeating: " ", count: width)
        }
        let (first, blank) = (arguments[1, "first"]?.isTrue == true, arguments[2, "blank"]?.isTrue == true)
        var result: TemplateText = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            try spend(line.count + margin.count)
            if index > 0 { result.append("\n") }
            if index == 0 ? first : (blank || !line.isEmpty) { result += margin }
            result += line
        }
        return result
    }

    private static func capitalized(_ text: TemplateText) -> TemplateText {
        text.prefix(1).flatMap { $0.properties.titlecaseMapping.unicodeScalars }
            + text.dropFirst().flatMap { $0.properties.lowercaseMapping.unicodeScalars }
    }

    /// Jinja's `title`: a capital behind white space, hyphens and opening brackets, small letters elsewhere.
    private static func titled(_ text: TemplateText) -> TemplateText {
        var result: TemplateText = []
        var atStart = true
        for scalar in text {
            let properties = scalar.properties
            result += (atStart ? properties.titlecaseMapping : properties.lowercaseMapping).unicodeScalars
            atStart = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
        }
        return result
    }
}
