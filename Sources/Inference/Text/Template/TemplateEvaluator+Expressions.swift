extension TemplateEvaluator {
    func evaluate(_ expression: TemplateExpression, in scope: TemplateScope) throws(TemplateError) -> TemplateValue {
        try step()
        return try nested { () throws(TemplateError) in try value(of: expression, in: scope) }
    }

    private func value(of expression: TemplateExpression, in scope: TemplateScope) throws(TemplateError)
        -> TemplateValue
    {
        switch expression.kind {
        case .literal(let value): return value
        case .name(let name): return try value(of: name, in: scope)
        case .list(let parts, let isTuple):
            var items: [TemplateValue] = []
            for part in parts { items.append(try evaluate(part, in: scope)) }
            try hold(values: items.count)
            return .list(try TemplateList(items, isTuple: isTuple))
        case .mapping(let parts):
            var pairs: [(TemplateText, TemplateValue)] = []
            for part in parts {
                guard case .text(let key) = try evaluate(part.key, in: scope) else {
                    throw .evaluation(problem: "a mapping has a key that is no text")
                }
                pairs.append((key, try evaluate(part.value, in: scope)))
            }
            return .mapping(try mapping(of: pairs))
        case .attribute(let base, let name):
            return try attribute(name, of: try evaluate(base, in: scope))
        case .item(let base, let key):
            return try item(try evaluate(key, in: scope), of: try evaluate(base, in: scope))
        case .slice(let base, let start, let stop, let step):
            return try slice(
                try evaluate(base, in: scope), start: try bound(start, in: scope), stop: try bound(stop, in: scope),
                step: try bound(step, in: scope))
        case .call(let callee, let arguments):
            return try call(callee, try evaluate(arguments, in: scope), in: scope)
        case .filter(let base, let filter, let arguments):
            return try apply(filter, to: try evaluate(base, in: scope), try evaluate(arguments, in: scope))
        case .test(let base, let test, let arguments):
            return .bool(try passes(test, try evaluate(base, in: scope), try evaluate(arguments, in: scope)))
        case .not(let part): return .bool(!(try evaluate(part, in: scope).isTrue))
        case .negative(let part): return try arithmetic(.subtract, .integer(0), try evaluate(part, in: scope))
        case .positive(let part): return try arithmetic(.add, .integer(0), try evaluate(part, in: scope))
        case .and(let left, let right):
            let value = try evaluate(left, in: scope)
            return value.isTrue ? try evaluate(right, in: scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, in: scope)
            return value.isTrue ? value : try evaluate(right, in: scope)
        case .comparison(let first, let rest):
            var left = try evaluate(first, in: scope)
            for (operation, part) in rest {
                let right = try evaluate(part, in: scope)
                guard try compares(left, operation, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        case .arithmetic(let operation, let left, let right):
            return try arithmetic(operation, try evaluate(left, in: scope), try evaluate(right, in: scope))
        case .conditional(let value, let condition, let otherwise):
            if try evaluate(condition, in: scope).isTrue { return try evaluate(value, in: scope) }
            guard let otherwise else { return .undefined("the else of an inline if") }
            return try evaluate(otherwise, in: scope)
        }
    }

    func evaluate(_ arguments: TemplateArguments, in scope: TemplateScope) throws(TemplateError) -> TemplateValues {
        var values = TemplateValues()
        for argument in arguments.positional { values.positional.append(try evaluate(argument, in: scope)) }
        if let spread = arguments.spread {
            let more = try elements(of: try evaluate(spread, in: scope))
            try hold(values: more.count)
            values.positional += more
        }
        for argument in arguments.named {
            try values.add(try evaluate(argument.value, in: scope), named: argument.name)
        }
        if let spread = arguments.namedSpread {
            let rest = try evaluate(spread, in: scope)
            guard case .mapping(let mapping) = rest else {
                throw .evaluation(problem: "a \(rest.typeName) is given as named arguments")
            }
            try hold(values: mapping.keys.count)
            for (name, value) in mapping.pairs { try values.add(value, named: try self.name(of: name)) }
        }
        return values
    }

    // MARK: Parts of values

    func attribute(_ name: String, of base: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch base {
        case .undefined(let what):
            throw .evaluation(problem: "\(quoted(what)) is undefined, so it has no \(quoted(name))")
        case .mapping(let mapping): return mapping[TemplateText(of: name)] ?? .undefined(name)
        case .namespace(let namespace): return namespace.attributes[name] ?? .undefined(name)
        case .loop(let loop): return loop.attribute(name)
        default: return .undefined(name)
        }
    }

    func item(_ key: TemplateValue, of base: TemplateValue) throws(TemplateError) -> TemplateValue {
        func place(_ count: Int) -> Int? {
            guard let index = key.integer else { return nil }
            let place = index < 0 ? index + count : index
            return (0..<count).contains(place) ? place : nil
        }
        switch (base, key) {
        case (.undefined(let what), _):
            throw .evaluation(problem: "\(quoted(what)) is undefined, so it has no elements")
        case (.list(let list), _):
            if let place = place(list.items.count) { return list.items[place] }
        case (.text(let text), _):
            if let place = place(text.count) { return .text([text[place]]) }
        case (.mapping(let mapping), .text(let name)):
            if let found = try look(up: name, in: mapping) { return found }
        case (.namespace, .text(let name)), (.loop, .text(let name)):
            return try attribute(try self.name(of: name), of: base)
        default: break
        }
        let name = key.brief
        try hold(name.utf8.count, each: 1, cost: TemplateCost.hashed)
        return .undefined(name)
    }

    private func bound(_ part: TemplateExpression?, in scope: TemplateScope) throws(TemplateError) -> Int? {
        guard let part else { return nil }
        switch try evaluate(part, in: scope) {
        case .none: return nil
        case let value:
            guard let number = value.integer else {
                throw .evaluation(problem: "a slice is bounded by a \(value.typeName)")
            }
            return number
        }
    }

    private func slice(_ base: TemplateValue, start: Int?, stop: Int?, step: Int?) throws(TemplateError)
        -> TemplateValue
    {
        switch base {
        case .text(let text):
            let places = try Self.places(count: text.count, start: start, stop: stop, step: step)
            if places.count == text.count, step ?? 1 == 1 { return base }
            try hold(characters: places.count)
            return .text(places.map { text[$0] })
        case .list(let list):
            let places = try Self.places(count: list.items.count, start: start, stop: stop, step: step)
            try hold(values: places.count)
            return .list(try TemplateList(places.map { list.items[$0] }))
        default: throw .evaluation(problem: "a \(base.typeName) cannot be sliced")
        }
    }

    /// The indices of `[start:stop:step]`, as Python counts them.
    private static func places(
        count: Int, start: Int?, stop: Int?, step: Int?
    ) throws(TemplateError) -> Places {
        let step = step ?? 1
        guard step != 0, step.magnitude <= TemplateLimit.rangeBound else {
            throw .evaluation(problem: "a slice has the step \(step)")
        }
        let lowest = step > 0 ? 0 : -1
        let highest = step > 0 ? count : count - 1
        func clamped(_ bound: Int) -> Int {
            let place = bound < 0 ? max(bound, -count - 1) + count : bound
            return Swift.min(Swift.max(place, lowest), highest)
        }
        let first = start.map(clamped) ?? (step > 0 ? lowest : highest)
        let end = stop.map(clamped) ?? (step > 0 ? highest : lowest)
        return Places(first: first, step: step, count: Swift.max(0, (end - first + step - step.signum()) / step))
    }

    private struct Places {
        let first: Int
        let step: Int
        let count: Int

        func map<Part>(_ part: (Int) -> Part) -> [Part] { (0..<count).map { part(first + $0 * step) } }
    }

    // MARK: Calls

    private func call(
        _ callee: TemplateExpression, _ arguments: TemplateValues, in scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        if case .attribute(let base, let name) = callee.kind {
            let receiver = try evaluate(base, in: scope)
            switch receiver {
            case .text, .mapping, .list: return try method(name, of: receiver, arguments)
            case .loop(let loop) where name == "cycle":
                guard !arguments.positional.isEmpty else {
                    throw .evaluation(problem: "loop.cycle has nothing to choose from")
                }
                return arguments.positional[loop.index % arguments.positional.count]
            default: return try call(try attribute(name, of: receiver), name: name, arguments)
            }
        }
        var name = "this value"
        if case .name(let given) = callee.kind { name = given }
        return try call(try evaluate(callee, in: scope), name: name, arguments)
    }

    private func call(
        _ callee: TemplateValue, name: String, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        guard case .function(let function) = callee else {
            throw .evaluation(problem: "\(quoted(name)) is a \(callee.typeName) and cannot be called")
        }
        switch function {
        case .macro(let macro): return try call(macro, arguments)
        case .caller(let macro, let outer): return try call(macro, sees: outer, arguments)
        case .range: return try range(arguments)
        case .namespace:
            let namespace = TemplateNamespace()
            if case .mapping(let mapping)? = arguments.positional.first {
                try hold(values: mapping.keys.count)
                for (key, value) in mapping.pairs { try namespace.set(try self.name(of: key), to: value) }
            }
            try hold(values: arguments.names.count)
            for name in arguments.names { try namespace.set(name, to: arguments.named[name] ?? .undefined(name)) }
            return .namespace(namespace)
        case .dictionary:
            var pairs: [(TemplateText, TemplateValue)] = []
            if case .mapping(let mapping)? = arguments.positional.first { pairs = mapping.pairs }
            for name in arguments.names {
                pairs.append((TemplateText(of: name), arguments.named[name] ?? .undefined(name)))
            }
            return .mapping(try mapping(of: pairs))
        case .raiseException:
            let reason =
                try arguments.positional.first.map { (value) throws(TemplateError) in try printed(value) } ?? []
            throw .refused(reason: Array(reason.prefix(TemplateLimit.reasonScalars)).string)
        case .strftimeNow:
            guard let formatTime, case .text(let format)? = arguments.positional.first else {
                throw .evaluation(problem: "strftime_now has no format")
            }
            let text = TemplateText(of: formatTime(try self.short(format)))
            try hold(characters: text.count)
            return .text(text)
        }
    }

    private func range(_ arguments: TemplateValues) throws(TemplateError) -> TemplateValue {
        var bounds: [Int] = []
        for argument in arguments.positional {
            guard let bound = argument.integer else {
                throw .evaluation(problem: "range is bounded by a \(argument.typeName)")
            }
            guard bound.magnitude <= TemplateLimit.rangeBound else { throw .limit(what: "a range bounded by \(bound)") }
            bounds.append(bound)
        }
        guard (1...3).contains(bounds.count) else { throw .evaluation(problem: "range has \(bounds.count) bounds") }
        let (start, end) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw .evaluation(problem: "range has the step 0") }
        try hold(values: max(0, (end - start) / step) + 1)
        return .list(try TemplateList(stride(from: start, to: end, by: step).map { .integer($0) }))
    }
}
