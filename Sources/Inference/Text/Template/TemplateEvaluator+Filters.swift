extension TemplateEvaluator {
    /// `value | filter(arguments)`
    func apply(
        _ filter: TemplateFilter, to value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        try check(arguments)
        switch filter {
        case .lower, .upper, .title, .capitalize, .trim, .replace, .indent:
            return .text(try textFilter(filter, try printed(value), arguments))
        case .string: return .text(try printed(value))
        case .safe: return value
        case .tojson: return .text(try json(value, arguments))
        case .abs, .int, .float: return try numberFilter(filter, value, arguments)
        case .defaultValue:
            let fallback = arguments[0, "default_value"] ?? .text([])
            if case .undefined = value { return fallback }
            return arguments[1, "boolean"]?.isTrue == true && !value.isTrue ? fallback : value
        case .length: return .integer(try count(of: value))
        case .first, .last: return try end(of: value, isLast: filter == .last)
        case .list: return .list(try TemplateList(try elements(of: value)))
        case .reverse:
            if case .text(let text) = value {
                try hold(characters: text.count)
                return .text(text.reversed())
            }
            let items = try elements(of: value)
            try hold(values: items.count)
            return .list(try TemplateList(items.reversed()))
        case .items, .dictsort: return try pairs(of: value, sorted: filter == .dictsort)
        case .join: return try join(value, arguments)
        case .map: return try map(value, arguments)
        case .select, .reject, .selectattr, .rejectattr: return try choose(filter, value, arguments)
        case .sort, .unique, .min, .max, .sum: return try order(filter, value, arguments)
        }
    }

    private func count(of value: TemplateValue) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .text(let text): return text.count
        case .list(let list): return list.items.count
        case .mapping(let mapping): return mapping.keys.count
        default: throw .evaluation(problem: "a \(value.typeName) has no elements")
        }
    }

    private func end(of value: TemplateValue, isLast: Bool) throws(TemplateError) -> TemplateValue {
        let count = try count(of: value)
        guard count > 0 else { return .undefined(isLast ? "the last of nothing" : "the first of nothing") }
        let place = isLast ? count - 1 : 0
        switch value {
        case .text(let text): return .text([text[place]])
        case .list(let list): return list.items[place]
        case .mapping(let mapping): return .text(mapping.keys[place])
        default: return .undefined("the end of a \(value.typeName)")
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
            let digits = try trimmed(text, of: nil, leading: true, trailing: true)
            try spend(min(digits.count, TemplateLimit.numberScalars), each: TemplateCost.digit)
            let trimmed = digits.count <= TemplateLimit.numberScalars ? digits.string : ""
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
        try hold(mapping.keys.count, each: 3 * TemplateCost.bytesPerObject, cost: 2 * TemplateCost.value)
        var places = Array(mapping.keys.indices)
        if sorted {
            var folded: [TemplateText] = []
            for key in mapping.keys { folded.append(try mapped(key, .lower)) }
            places = try self.sorted(places) { (one, another) throws(TemplateError) in
                try precedes(folded[one], folded[another])
            }
        }
        var pairs: [TemplateValue] = []
        for place in places {
            pairs.append(
                .list(try TemplateList([.text(mapping.keys[place]), mapping.values[place]], isTuple: true)))
        }
        return .list(try TemplateList(pairs))
    }

    private func join(_ value: TemplateValue, _ arguments: TemplateValues) throws(TemplateError) -> TemplateValue {
        var separator: TemplateText = []
        if let given = arguments[0, "d"] { separator = try printed(given) }
        let path = try path(arguments[1, "attribute"])
        var result: TemplateText = []
        for (index, element) in try elements(of: value).enumerated() {
            if index > 0 { try add(separator, to: &result) }
            try add(try printed(try part(path, of: element)), to: &result)
        }
        return .text(result)
    }

    /// No filter and no test takes many; those that go over elements copy them for each.
    func check(_ arguments: TemplateValues) throws(TemplateError) {
        guard arguments.positional.count <= TemplateLimit.filterArguments else {
            throw .limit(what: "\(arguments.positional.count) arguments for one filter or test")
        }
    }

    /// What `map` and `select` and their like go over: of what counts as false, nothing.
    private func parts(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        value.isTrue ? try elements(of: value) : []
    }

    /// `map("filter", arguments)` and `map(attribute="name")`
    private func map(_ value: TemplateValue, _ arguments: TemplateValues) throws(TemplateError) -> TemplateValue {
        var result: [TemplateValue] = []
        let elements = try parts(of: value)
        // What comes of the elements takes as much room again.
        try hold(values: elements.count)
        if let path = try path(arguments.named["attribute"]) {
            for element in elements {
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
            for element in elements {
                try step()
                result.append(try nested { () throws(TemplateError) in try apply(filter, to: element, rest) })
            }
        }
        return .list(try TemplateList(result))
    }

    private func choose(
        _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        var rest = arguments
        var path: [TemplateValue]?
        if filter == .selectattr || filter == .rejectattr {
            guard !rest.positional.isEmpty else {
                throw .evaluation(problem: "\"\(filter.rawValue)\" names no attribute")
            }
            path = try self.path(rest.positional.removeFirst())
        }
        var test: TemplateTest?
        if !rest.positional.isEmpty {
            let name = rest.positional.removeFirst().brief
            guard let known = TemplateTest(name: name) else {
                throw .evaluation(problem: "\(quoted(name)) is no test that exists")
            }
            test = known
        }
        let wanted = filter == .select || filter == .selectattr
        var result: [TemplateValue] = []
        let elements = try parts(of: value)
        try hold(values: elements.count)
        for element in elements {
            try step()
            let subject = try part(path, of: element)
            let matches: Bool
            if let test { matches = try passes(test, subject, rest) } else { matches = subject.isTrue }
            if matches == wanted { result.append(element) }
        }
        return .list(try TemplateList(result))
    }

    /// The keys that lead to an attribute such as "function.name", one after the other.
    private func path(_ attribute: TemplateValue?) throws(TemplateError) -> [TemplateValue]? {
        guard let attribute else { return nil }
        if attribute.integer != nil { return [attribute] }
        return try pieces(of: try printed(attribute), by: ["."], atMost: .max).map { name in
            let number = name.count <= TemplateLimit.numberScalars ? Int(name.string) : nil
            return number.map { .integer($0) } ?? .text(name)
        }
    }

    /// What a path leads to; the value itself without a path.
    private func part(_ path: [TemplateValue]?, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        var result = value
        for key in path ?? [] {
            try step()
            result = try item(key, of: result)
        }
        return result
    }

    private func order(
        _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        let items = try elements(of: value)
        if filter == .sum {
            let path = try path(arguments[0, "attribute"])
            var sum = arguments[1, "start"] ?? .integer(0)
            for element in items {
                try step()
                sum = try arithmetic(.add, sum, try part(path, of: element))
            }
            return sum
        }
        let path = try path(arguments.named["attribute"])
        let exact =
            arguments.named["case_sensitive"]?.isTrue == true || (filter == .sort && arguments[1, ""]?.isTrue == true)
        try hold(values: 2 * items.count)
        var keyed: [(key: TemplateValue, item: TemplateValue)] = []
        for element in items {
            var key = try part(path, of: element)
            if !exact, case .text(let text) = key { key = .text(try mapped(text, .lower)) }
            keyed.append((key, element))
        }
        if filter == .unique {
            var kept: [(key: TemplateValue, item: TemplateValue)] = []
            for pair in keyed {
                var isNew = true
                for other in kept where try equals(other.key, pair.key) {
                    isNew = false
                    break
                }
                if isNew { kept.append(pair) }
            }
            return .list(try TemplateList(kept.map(\.item)))
        }
        if filter == .min || filter == .max {
            guard var best = keyed.first else { return .undefined("the \(filter.rawValue) of nothing") }
            for pair in keyed.dropFirst()
            where filter == .min ? try precedes(pair.key, best.key) : try precedes(best.key, pair.key) { best = pair }
            return best.item
        }
        let descending = arguments[0, "reverse"]?.isTrue == true
        let sorted = try sorted(keyed) { (one, another) throws(TemplateError) in
            descending ? try precedes(another.key, one.key) : try precedes(one.key, another.key)
        }
        return .list(try TemplateList(sorted.map(\.item)))
    }
}
