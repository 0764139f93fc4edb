extension TemplateEvaluator {
    /// `value | filter(arguments)`
    func apply(
        _ filter: TemplateFilter, to value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        switch filter {
        case .lower, .upper, .title, .capitalize, .trim, .replace, .indent:
            return .text(try textFilter(filter, value.printed, arguments))
        case .string: return .text(value.printed)
        case .safe: return value
        case .tojson: return .text(try json(value, arguments))
        case .abs, .int, .float: return try numberFilter(filter, value, arguments)
        case .defaultValue:
            let fallback = arguments[0, "default_value"] ?? .text([])
            if case .undefined = value { return fallback }
            return arguments[1, "boolean"]?.isTrue == true && !value.isTrue ? fallback : value
        case .length:
            switch value {
            case .text(let text): return .integer(text.count)
            default: return .integer(try elements(of: value).count)
            }
        case .first: return try elements(of: value).first ?? .undefined("the first of nothing")
        case .last: return try elements(of: value).last ?? .undefined("the last of nothing")
        case .list: return .list(try TemplateList(try elements(of: value)))
        case .reverse:
            if case .text(let text) = value { return .text(text.reversed()) }
            return .list(try TemplateList(try elements(of: value).reversed()))
        case .items, .dictsort: return try pairs(of: value, sorted: filter == .dictsort)
        case .join: return try join(value, arguments)
        case .map: return try map(value, arguments)
        case .select, .reject, .selectattr, .rejectattr: return try choose(filter, value, arguments)
        case .sort, .unique, .min, .max, .sum: return try order(filter, value, arguments)
        }
    }

    private func numberFilter(
        _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        if filter == .abs {
            switch value {
            case .real(let number): return .real(Swift.abs(number))
            default:
                guard let number = value.integer, number > .min else {
                    throw .evaluation(problem: "a \(value.typeName) has no absolute value")
                }
                return .integer(Swift.abs(number))
            }
        }
        var number = value.real
        if case .text(let text) = value {
            let trimmed = String(Self.trimmed(text, of: nil, leading: true, trailing: true).string)
            if filter == .int, let whole = Int(trimmed) { return .integer(whole) }
            number = Double(trimmed)
        }
        if filter == .float { return number.map { .real($0) } ?? arguments[0, "default"] ?? .real(0) }
        if let whole = value.integer { return .integer(whole) }
        return number.flatMap { Int(exactly: $0.rounded(.towardZero)) }.map { .integer($0) } ?? arguments[0, "default"]
            ?? .integer(0)
    }

    private func pairs(of value: TemplateValue, sorted: Bool) throws(TemplateError) -> TemplateValue {
        if case .undefined = value { return .list(try TemplateList([])) }
        guard case .mapping(let mapping) = value else {
            throw .evaluation(problem: "a \(value.typeName) has no keys")
        }
        try spend(values: mapping.keys.count)
        var pairs: [TemplateValue] = []
        let keys =
            sorted
            ? mapping.pairs.sorted { Self.folded($0.0).lexicographicallyPrecedes(Self.folded($1.0)) } : mapping.pairs
        for (key, value) in keys { pairs.append(.list(try TemplateList([.text(key), value], isTuple: true))) }
        return .list(try TemplateList(pairs))
    }

    private func join(_ value: TemplateValue, _ arguments: TemplateValues) throws(TemplateError) -> TemplateValue {
        let separator = arguments[0, "d"]?.printed ?? []
        var result: TemplateText = []
        for (index, element) in try elements(of: value).enumerated() {
            let text = try part(arguments[1, "attribute"], of: element).printed
            try spend(text.count + separator.count)
            if index > 0 { result += separator }
            result += text
        }
        return .text(result)
    }

    /// What `map` and `select` and their like go over: of what counts as false, nothing.
    private func parts(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        value.isTrue ? try elements(of: value) : []
    }

    /// `map("filter", arguments)` and `map(attribute="name")`
    private func map(_ value: TemplateValue, _ arguments: TemplateValues) throws(TemplateError) -> TemplateValue {
        var result: [TemplateValue] = []
        if let path = arguments.named["attribute"] {
            for element in try parts(of: value) {
                let found = try part(path, of: element)
                if case .undefined = found, let fallback = arguments.named["default"] {
                    result.append(fallback)
                } else {
                    result.append(found)
                }
            }
        } else {
            guard case .text(let name)? = arguments.positional.first, let filter = TemplateFilter(name: name.string)
            else {
                throw .evaluation(problem: "\"map\" names no filter that exists")
            }
            var rest = arguments
            rest.positional.removeFirst()
            for element in try parts(of: value) {
                result.append(try nested { () throws(TemplateError) in try apply(filter, to: element, rest) })
            }
        }
        return .list(try TemplateList(result))
    }

    private func choose(
        _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        var rest = arguments
        var path: TemplateValue?
        if filter == .selectattr || filter == .rejectattr {
            guard !rest.positional.isEmpty else {
                throw .evaluation(problem: "\"\(filter.rawValue)\" names no attribute")
            }
            path = rest.positional.removeFirst()
        }
        var test: TemplateTest?
        if !rest.positional.isEmpty {
            let name = rest.positional.removeFirst().printed.string
            guard let known = TemplateTest(name: name) else {
                throw .evaluation(problem: "\(quoted(name)) is no test that exists")
            }
            test = known
        }
        let wanted = filter == .select || filter == .selectattr
        var result: [TemplateValue] = []
        for element in try parts(of: value) {
            let subject = try part(path, of: element)
            let matches: Bool
            if let test { matches = try passes(test, subject, rest) } else { matches = subject.isTrue }
            if matches == wanted { result.append(element) }
        }
        return .list(try TemplateList(result))
    }

    /// An attribute by its path, such as "function.name"; the value itself without a path.
    private func part(_ path: TemplateValue?, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        guard let path else { return value }
        if path.integer != nil { return try item(path, of: value) }
        var result = value
        for name in path.printed.split(separator: ".", omittingEmptySubsequences: false) {
            let key = Int(Array(name).string).map { TemplateValue.integer($0) } ?? .text(Array(name))
            result = try item(key, of: result)
        }
        return result
    }

    private func order(
        _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        let items = try elements(of: value)
        if filter == .sum {
            var sum = arguments[1, "start"] ?? .integer(0)
            for element in items { sum = try arithmetic(.add, sum, try part(arguments[0, "attribute"], of: element)) }
            return sum
        }
        let path = arguments.named["attribute"]
        let exact =
            arguments.named["case_sensitive"]?.isTrue == true || (filter == .sort && arguments[1, ""]?.isTrue == true)
        var keyed: [(key: TemplateValue, item: TemplateValue)] = []
        for element in items {
            var key = try part(path, of: element)
            if !exact, case .text(let text) = key { key = .text(Self.folded(text)) }
            keyed.append((key, element))
        }
        if filter == .unique {
            var kept: [(key: TemplateValue, item: TemplateValue)] = []
            for pair in keyed {
                try spend(values: kept.count)
                if !kept.contains(where: { $0.key.equals(pair.key) }) { kept.append(pair) }
            }
            return .list(try TemplateList(kept.map(\.item)))
        }
        if filter == .min || filter == .max {
            guard var best = keyed.first else { return .undefined("the \(filter.rawValue) of nothing") }
            for pair in keyed.dropFirst()
            where filter == .min ? try pair.key.precedes(best.key) : try best.key.precedes(pair.key) { best = pair }
            return best.item
        }
        let descending = arguments[0, "reverse"]?.isTrue == true
        return .list(try TemplateList(try mergeSorted(keyed, descending: descending).map(\.item)))
    }

    /// A stable sort whose order may fail: numbers and texts have none.
    private func mergeSorted(
        _ pairs: [(key: TemplateValue, item: TemplateValue)], descending: Bool
    ) throws(TemplateError) -> [(key: TemplateValue, item: TemplateValue)] {
        guard pairs.count > 1 else { return pairs }
        try spend(values: pairs.count)
        let middle = pairs.count / 2
        let left = try mergeSorted(Array(pairs[..<middle]), descending: descending)
        let right = try mergeSorted(Array(pairs[middle...]), descending: descending)
        var result: [(key: TemplateValue, item: TemplateValue)] = []
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            let takesRight =
                descending ? try left[i].key.precedes(right[j].key) : try right[j].key.precedes(left[i].key)
            if takesRight {
                result.append(right[j])
                j += 1
            } else {
                result.append(left[i])
                i += 1
            }
        }
        return result + left[i...] + right[j...]
    }

    private static func folded(_ text: TemplateText) -> TemplateText {
        text.flatMap { $0.properties.lowercaseMapping.unicodeScalars }
    }
}
