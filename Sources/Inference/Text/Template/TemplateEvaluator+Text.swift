/// Python's methods of texts, lists and mappings, and the filters that do the same.
extension TemplateEvaluator {
    func textFilter(
        _ filter: TemplateFilter, _ text: TemplateText, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateText {
        switch filter {
        case .lower: return try mapped(text, .lower)
        case .upper: return try mapped(text, .upper)
        case .capitalize: return try capitalized(text)
        case .title: return try titled(text)
        case .trim: return try trimmed(text, of: arguments[0, "chars"], leading: true, trailing: true)
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
            var count = 0
            for (place, item) in list.items.enumerated() where try equals(item, wanted) {
                if name == "index" { return .integer(place) }
                count += 1
            }
            guard name == "count" else { throw .evaluation(problem: "a value is not in the list") }
            return .integer(count)
        default: throw .evaluation(problem: "a \(receiver.typeName) has no method \(quoted(name))")
        }
    }

    private func method(
        _ name: String, of mapping: TemplateMapping, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        switch name {
        case "items":
            try hold(mapping.keys.count, each: 3 * TemplateCost.bytesPerObject, cost: 2 * TemplateCost.value)
            var pairs: [TemplateValue] = []
            for (key, value) in mapping.pairs {
                pairs.append(.list(try TemplateList([.text(key), value], isTuple: true)))
            }
            return .list(try TemplateList(pairs))
        case "keys":
            try hold(values: mapping.keys.count)
            return .list(try TemplateList(mapping.keys.map { .text($0) }))
        case "values":
            try spend(values: mapping.keys.count)
            return .list(try TemplateList(mapping.values))
        case "get":
            guard case .text(let key)? = arguments[0, "key"] else { return arguments[1, "default"] ?? .none }
            return try look(up: key, in: mapping) ?? arguments[1, "default"] ?? .none
        default: throw .evaluation(problem: "a mapping has no method \(quoted(name))")
        }
    }

    private func method(
        _ name: String, of text: TemplateText, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        switch name {
        case "strip": return .text(try trimmed(text, of: arguments[0, ""], leading: true, trailing: true))
        case "lstrip": return .text(try trimmed(text, of: arguments[0, ""], leading: true, trailing: false))
        case "rstrip": return .text(try trimmed(text, of: arguments[0, ""], leading: false, trailing: true))
        case "upper": return .text(try mapped(text, .upper))
        case "lower": return .text(try mapped(text, .lower))
        case "title": return .text(try titled(text))
        case "capitalize": return .text(try capitalized(text))
        case "replace": return .text(try replaced(text, arguments))
        case "split": return try split(text, arguments, fromEnd: false)
        case "rsplit": return try split(text, arguments, fromEnd: true)
        case "splitlines":
            var lines = try pieces(of: text, by: ["\n"], atMost: .max)
            if lines.last?.isEmpty == true { lines.removeLast() }
            return .list(try TemplateList(lines.map { .text($0) }))
        case "startswith":
            for part in try affixes(arguments) where try has(text, part, at: 0) { return .bool(true) }
            return .bool(false)
        case "endswith":
            for part in try affixes(arguments) where try has(text, part, at: text.count - part.count) {
                return .bool(true)
            }
            return .bool(false)
        case "find": return .integer(try find(try affix(arguments), in: text, from: 0) ?? -1)
        case "count":
            let part = try affix(arguments)
            var (count, start) = (0, 0)
            while let place = try find(part, in: text, from: start) {
                guard !part.isEmpty else { throw .evaluation(problem: "a text was split by an empty one") }
                count += 1
                start = place + part.count
            }
            return .integer(count)
        case "join":
            var rest = TemplateValues()
            rest.positional = [.text(text)]
            return try apply(.join, to: arguments.positional.first ?? .none, rest)
        case "isdigit", "isnumeric", "isdecimal":
            try spend(text.count, each: TemplateCost.mapped)
            return .bool(!text.isEmpty && text.allSatisfy { $0.properties.numericType != nil })
        case "isalpha":
            try spend(text.count, each: TemplateCost.mapped)
            return .bool(!text.isEmpty && text.allSatisfy(\.properties.isAlphabetic))
        case "isspace":
            try spend(text.count, each: TemplateCost.mapped)
            return .bool(!text.isEmpty && text.allSatisfy(\.isPythonSpace))
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
        try hold(values: list.items.count)
        return list.items.compactMap { if case .text(let part) = $0 { part } else { nil } }
    }

    // MARK: Parts of texts

    /// - Parameter characters: what is cut off at the ends; white space where it is no text.
    func trimmed(
        _ text: TemplateText, of characters: TemplateValue?, leading: Bool, trailing: Bool
    ) throws(TemplateError) -> TemplateText {
        var belongs: (Unicode.Scalar) -> Bool = { $0.isPythonSpace }
        if case .text(let chosen)? = characters {
            try hold(chosen.count, each: 2 * TemplateCost.bytesPerAppended, cost: 2 * TemplateCost.mapped)
            let set = Set(chosen)
            belongs = { set.contains($0) }
        }
        var (start, end) = (0, text.count)
        func takesEnd(_ place: Int) throws(TemplateError) -> Bool {
            try spend(TemplateCost.mapped)
            return belongs(text[place])
        }
        while leading, start < end, try takesEnd(start) { start += 1 }
        while trailing, end > start, try takesEnd(end - 1) { end -= 1 }
        return try cut(text, start..<end)
    }

    private func cut(_ text: TemplateText, _ range: Range<Int>) throws(TemplateError) -> TemplateText {
        if range.count == text.count { return text }
        try hold(characters: range.count)
        return Array(text[range])
    }

    /// The text cut at every `separator`, at most so many times.
    func pieces(
        of text: TemplateText, by separator: TemplateText, atMost limit: Int
    ) throws(TemplateError) -> [TemplateText] {
        guard !separator.isEmpty else { throw .evaluation(problem: "a text was split by an empty one") }
        var result: [TemplateText] = []
        var start = 0
        while result.count < limit, let place = try find(separator, in: text, from: start) {
            try hold(values: 2)
            result.append(try cut(text, start..<place))
            start = place + separator.count
        }
        result.append(try cut(text, start..<text.count))
        return result
    }

    private func split(
        _ text: TemplateText, _ arguments: TemplateValues, fromEnd: Bool
    ) throws(TemplateError) -> TemplateValue {
        let given = arguments[1, "maxsplit"]?.integer ?? -1
        let limit = given < 0 ? Int.max : given
        // From the end it is the same the other way round.
        try hold(characters: fromEnd ? 2 * text.count : 0)
        let source = fromEnd ? text.reversed() : text
        var parts: [TemplateText]
        if case .text(let separator)? = arguments[0, "sep"] {
            try hold(characters: fromEnd ? separator.count : 0)
            parts = try pieces(of: source, by: fromEnd ? separator.reversed() : separator, atMost: limit)
        } else {
            parts = try words(of: source, atMost: limit)
        }
        if fromEnd {
            try hold(values: 2 * parts.count)
            parts = parts.map { $0.reversed() }.reversed()
        }
        return .list(try TemplateList(parts.map { .text($0) }))
    }

    /// The text cut at white space, at most so many times.
    private func words(of text: TemplateText, atMost limit: Int) throws(TemplateError) -> [TemplateText] {
        try spend(text.count, each: TemplateCost.mapped)
        var parts: [TemplateText] = []
        var rest = text.drop(while: \.isPythonSpace)
        while !rest.isEmpty, parts.count < limit, let end = rest.firstIndex(where: \.isPythonSpace) {
            try hold(values: 2)
            parts.append(try cut(text, rest.startIndex..<end))
            rest = rest[end...].drop(while: \.isPythonSpace)
        }
        if !rest.isEmpty { parts.append(try cut(text, rest.startIndex..<rest.endIndex)) }
        return parts
    }

    private func replaced(_ text: TemplateText, _ arguments: TemplateValues) throws(TemplateError) -> TemplateText {
        guard let first = arguments[0, "old"], let second = arguments[1, "new"] else {
            throw .evaluation(problem: "\"replace\" needs two texts")
        }
        let (old, new) = (try printed(first), try printed(second))
        let given = arguments[2, "count"]?.integer ?? -1
        let limit = given < 0 ? Int.max : given
        var result: TemplateText = []
        if old.isEmpty {
            // Python puts the new text before every character and at the end.
            for (index, scalar) in text.enumerated() {
                if index < limit { try add(new, to: &result) }
                try add(CollectionOfOne(scalar), to: &result)
            }
            if text.count < limit { try add(new, to: &result) }
            return result
        }
        var (cuts, start) = (0, 0)
        while cuts < limit, let place = try find(old, in: text, from: start) {
            try add(text[start..<place], to: &result)
            try add(new, to: &result)
            start = place + old.count
            cuts += 1
        }
        if cuts == 0 { return text }
        try add(text[start...], to: &result)
        return result
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
        for (index, line) in try pieces(of: text, by: ["\n"], atMost: .max).enumerated() {
            if index > 0 { try add("\n", to: &result) }
            if index == 0 ? first : (blank || !line.isEmpty) { try add(margin, to: &result) }
            try add(line, to: &result)
        }
        return result
    }

    // MARK: Small and large letters

    enum Case {
        case lower, upper, title

        fileprivate func mapping(of scalar: Unicode.Scalar) -> String {
            switch self {
            case .lower: scalar.properties.lowercaseMapping
            case .upper: scalar.properties.uppercaseMapping
            case .title: scalar.properties.titlecaseMapping
            }
        }
    }

    func mapped(_ text: TemplateText, _ letters: Case) throws(TemplateError) -> TemplateText {
        var result: TemplateText = []
        for scalar in text { try add(scalar, as: letters, to: &result) }
        return result
    }

    private func add(
        _ scalar: Unicode.Scalar, as letters: Case, to result: inout TemplateText
    ) throws(TemplateError) {
        try spend(scalar.isASCII ? TemplateCost.mapped : 4 * TemplateCost.mapped)
        let value = scalar.value
        if letters == .lower, (0x41...0x5A).contains(value), let small = Unicode.Scalar(value + 0x20) {
            try add(CollectionOfOne(small), to: &result)
        } else if letters != .lower, (0x61...0x7A).contains(value), let large = Unicode.Scalar(value - 0x20) {
            try add(CollectionOfOne(large), to: &result)
        } else if scalar.isASCII {
            try add(CollectionOfOne(scalar), to: &result)
        } else {
            try add(letters.mapping(of: scalar), to: &result)
        }
    }

    private func capitalized(_ text: TemplateText) throws(TemplateError) -> TemplateText {
        var result: TemplateText = []
        for (index, scalar) in text.enumerated() { try add(scalar, as: index == 0 ? .title : .lower, to: &result) }
        return result
    }

    /// Jinja's `title`: a capital behind white space, hyphens and opening brackets, small letters elsewhere.
    private func titled(_ text: TemplateText) throws(TemplateError) -> TemplateText {
        var result: TemplateText = []
        var atStart = true
        for scalar in text {
            try add(scalar, as: atStart ? .title : .lower, to: &result)
            atStart = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
        }
        return result
    }
}
