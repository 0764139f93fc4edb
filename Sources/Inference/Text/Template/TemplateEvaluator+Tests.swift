extension TemplateEvaluator {
    /// `value is test(arguments)`
    func passes(_ test: TemplateTest, _ value: TemplateValue, _ arguments: TemplateValues) throws(TemplateError) -> Bool
    {
        try check(arguments)
        func other() throws(TemplateError) -> TemplateValue {
            guard let other = arguments.positional.first else {
                throw .evaluation(problem: "the test \"\(test.rawValue)\" has nothing to compare with")
            }
            return other
        }
        func number(_ value: TemplateValue) throws(TemplateError) -> Int {
            guard let number = value.integer else {
                throw .evaluation(problem: "the test \"\(test.rawValue)\" wants whole numbers")
            }
            return number
        }
        func letters(
            _ matches: (Unicode.Scalar.Properties) -> Bool, not: (Unicode.Scalar.Properties) -> Bool
        ) throws(TemplateError) -> Bool {
            let text = try printed(value)
            try spend(text.count, each: 2 * TemplateCost.mapped)
            return text.contains { matches($0.properties) } && !text.contains { not($0.properties) }
        }
        switch test {
        case .defined:
            if case .undefined = value { return false }
            return true
        case .undefined:
            if case .undefined = value { return true }
            return false
        case .none:
            if case .none = value { return true }
            return false
        case .boolean:
            if case .bool = value { return true }
            return false
        case .isTrue:
            if case .bool(true) = value { return true }
            return false
        case .isFalse:
            if case .bool(false) = value { return true }
            return false
        case .integer:
            if case .integer = value { return true }
            return false
        case .float:
            if case .real = value { return true }
            return false
        case .number: return value.real != nil
        case .string:
            if case .text = value { return true }
            return false
        case .mapping:
            if case .mapping = value { return true }
            return false
        case .sequence, .iterable:
            switch value {
            case .text, .list, .mapping, .undefined: return true
            default: return false
            }
        case .callable:
            if case .function = value { return true }
            return false
        case .lower: return try letters(\.isLowercase, not: \.isUppercase)
        case .upper: return try letters(\.isUppercase, not: \.isLowercase)
        case .odd: return try number(value) % 2 != 0
        case .even: return try number(value) % 2 == 0
        case .divisibleby:
            let divisor = try number(try other())
            guard divisor != 0 else { throw .evaluation(problem: "a number was divided by zero") }
            return try number(value).remainderReportingOverflow(dividingBy: divisor).partialValue == 0
        case .contained: return try contains(try other(), value)
        case .sameas:
            switch (value, try other()) {
            case (.none, .none): return true
            case (.bool(let left), .bool(let right)): return left == right
            case (.integer(let left), .integer(let right)): return left == right
            case (.text(let left), .text(let right)): return try equals(left, right)
            case (.namespace(let left), .namespace(let right)): return left === right
            default: return false
            }
        case .equal: return try compares(value, .equal, try other())
        case .notEqual: return try compares(value, .notEqual, try other())
        case .less: return try compares(value, .less, try other())
        case .lessOrEqual: return try compares(value, .lessOrEqual, try other())
        case .greater: return try compares(value, .greater, try other())
        case .greaterOrEqual: return try compares(value, .greaterOrEqual, try other())
        }
    }
}
