import Glibc

extension TemplateEvaluator {
    func compares(
        _ left: TemplateValue, _ operation: TemplateComparison, _ right: TemplateValue
    ) throws(TemplateError) -> Bool {
        switch operation {
        case .equal: return try equals(left, right)
        case .notEqual: return try !equals(left, right)
        case .less: return try precedes(left, right)
        case .greater: return try precedes(right, left)
        case .lessOrEqual: return try equals(left, right) ? true : try precedes(left, right)
        case .greaterOrEqual: return try equals(left, right) ? true : try precedes(right, left)
        case .contained: return try contains(right, left)
        case .notContained: return !(try contains(right, left))
        }
    }

    func contains(_ container: TemplateValue, _ element: TemplateValue) throws(TemplateError) -> Bool {
        switch (container, element) {
        case (.text(let text), .text(let part)):
            return try find(part, in: text, from: 0) != nil
        case (.list(let list), _):
            for item in list.items where try equals(item, element) { return true }
            return false
        case (.mapping(let mapping), .text(let key)): return try look(up: key, in: mapping) != nil
        case (.mapping, _), (.undefined, _): return false
        case (.namespace(let namespace), .text(let key)):
            return namespace.attributes[try name(of: key)] != nil
        default: throw .evaluation(problem: "a \(element.typeName) was looked for in a \(container.typeName)")
        }
    }

    func arithmetic(
        _ operation: TemplateArithmetic, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        if operation == .concatenate {
            return .text(try joined(try printed(left), try printed(right)))
        }
        switch (operation, left, right) {
        case (.add, .text(let first), .text(let second)):
            return .text(try joined(first, second))
        case (.add, .list(let first), .list(let second)):
            try hold(values: first.items.count + second.items.count)
            return .list(try TemplateList(first.items + second.items, isTuple: first.isTuple))
        case (.multiply, .text(let text), .integer(let count)), (.multiply, .integer(let count), .text(let text)):
            return .text(
                try repeated(text, count, size: TemplateCost.bytesPerCharacter, cost: 1))
        case (.multiply, .list(let list), .integer(let count)), (.multiply, .integer(let count), .list(let list)):
            let items = try repeated(
                list.items, count, size: TemplateCost.bytesPerValue, cost: TemplateCost.value)
            return .list(try TemplateList(items))
        case (.remainder, .text(let format), _):
            return .text(try formatted(format, right))
        default: break
        }
        if let first = left.integer, let second = right.integer, operation != .divide {
            return try integerArithmetic(operation, first, second)
        }
        guard let first = left.real, let second = right.real else {
            if case .undefined(let what) = left { throw .evaluation(problem: "\(quoted(what)) is undefined") }
            if case .undefined(let what) = right { throw .evaluation(problem: "\(quoted(what)) is undefined") }
            throw .evaluation(
                problem: "\"\(operation.rawValue)\" is not possible between a \(left.typeName) and a \(right.typeName)")
        }
        return .real(try realArithmetic(operation, first, second))
    }

    private func integerArithmetic(
        _ operation: TemplateArithmetic, _ first: Int, _ second: Int
    ) throws(TemplateError) -> TemplateValue {
        let outcome: (partialValue: Int, overflow: Bool)
        switch operation {
        case .add: outcome = first.addingReportingOverflow(second)
        case .subtract: outcome = first.subtractingReportingOverflow(second)
        case .multiply: outcome = first.multipliedReportingOverflow(by: second)
        case .floorDivide, .remainder:
            guard second != 0 else { throw .evaluation(problem: "a number was divided by zero") }
            let quotient = first.dividedReportingOverflow(by: second)
            guard !quotient.overflow else { throw .limit(what: "a number beyond 64 bits") }
            let remainder = first - quotient.partialValue * second
            let isBelow = remainder != 0 && (remainder < 0) != (second < 0)
            outcome =
                operation == .floorDivide
                ? (quotient.partialValue - (isBelow ? 1 : 0), false) : (remainder + (isBelow ? second : 0), false)
        case .power:
            guard second >= 0 else { return .real(pow(Double(first), Double(second))) }
            guard first.magnitude > 1 else {
                return .integer(second == 0 ? 1 : first == -1 && second % 2 == 0 ? 1 : first)
            }
            var result: (partialValue: Int, overflow: Bool) = (1, second > 64)
            for _ in 0..<Swift.min(second, 64) where !result.overflow {
                result = result.partialValue.multipliedReportingOverflow(by: first)
            }
            outcome = result
        case .divide, .concatenate: outcome = (0, true)
        }
        guard !outcome.overflow else { throw .limit(what: "a number beyond 64 bits") }
        return .integer(outcome.partialValue)
    }

    private func realArithmetic(
        _ operation: TemplateArithmetic, _ first: Double, _ second: Double
    ) throws(TemplateError) -> Double {
        switch operation {
        case .add: return first + second
        case .subtract: return first - second
        case .multiply: return first * second
        case .power: return pow(first, second)
        case .divide, .floorDivide, .remainder, .concatenate:
            guard second != 0 else { throw .evaluation(problem: "a number was divided by zero") }
            let quotient = first / second
            if operation == .divide { return quotient }
            let whole = quotient.rounded(.down)
            return operation == .floorDivide ? whole : first - whole * second
        }
    }

    private func joined(_ first: TemplateText, _ second: TemplateText) throws(TemplateError) -> TemplateText {
        if first.isEmpty { return second }
        if second.isEmpty { return first }
        try hold(characters: first.count + second.count)
        return first + second
    }

    private func repeated<Element>(
        _ items: [Element], _ count: Int, size: Int, cost: Int
    ) throws(TemplateError) -> [Element] {
        guard count > 0, !items.isEmpty else { return [] }
        let (total, overflow) = items.count.multipliedReportingOverflow(by: count)
        guard !overflow else { throw .limit(what: "a repetition without end") }
        try hold(total, each: size, cost: cost)
        var result: [Element] = []
        result.reserveCapacity(total)
        for _ in 0..<count { result += items }
        return result
    }

    /// Python's `%` on texts, as far as `%s`, `%d` and `%%` go.
    private func formatted(_ format: TemplateText, _ value: TemplateValue) throws(TemplateError) -> TemplateText {
        var values = [value]
        if case .list(let list) = value { values = list.items }
        var result: TemplateText = []
        var index = 0
        var used = 0
        while index < format.count {
            guard format[index] == "%" else {
                try add(CollectionOfOne(format[index]), to: &result)
                index += 1
                continue
            }
            let letter: Unicode.Scalar = index + 1 < format.count ? format[index + 1] : " "
            index += 2
            switch letter {
            case "%": try add("%", to: &result)
            case "s", "d":
                guard used < values.count else { throw .evaluation(problem: "a format has more places than values") }
                guard letter == "s" || values[used].real != nil else {
                    throw .evaluation(problem: "a format wants a number and got a \(values[used].typeName)")
                }
                try add(try printed(values[used]), to: &result)
                used += 1
            default: throw .evaluation(problem: "a format has a place of an unknown kind")
            }
        }
        guard used == values.count else { throw .evaluation(problem: "a format has fewer places than values") }
        return result
    }
}
