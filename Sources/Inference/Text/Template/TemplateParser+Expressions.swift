/// Expressions, in Jinja's order of precedence, the loosest first: inline if, or, and, not, comparisons, + and -, ~,
/// the multiplications, **, signs; then what follows a value: attributes, items, calls, filters, tests.
extension TemplateParser {
    private typealias Node = TemplateExpression

    /// - Parameter allowingConditional: false where an `if` behind the expression belongs to the tag.
    mutating func expression(allowingConditional: Bool = true) throws(TemplateError) -> TemplateExpression {
        try nested { (parser) throws(TemplateError) in
            var result = try parser.disjunction()
            while allowingConditional, parser.take(name: "if") {
                let condition = try parser.disjunction()
                let otherwise = parser.take(name: "else") ? try parser.expression() : nil
                result = try Node(
                    .conditional(result, condition: condition, otherwise: otherwise),
                    over: [result, condition] + (otherwise.map { [$0] } ?? []))
            }
            return result
        }
    }

    private mutating func disjunction() throws(TemplateError) -> TemplateExpression {
        var left = try conjunction()
        while take(name: "or") {
            let right = try conjunction()
            left = try Node(.or(left, right), over: [left, right])
        }
        return left
    }

    private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
        var left = try negation()
        while take(name: "and") {
            let right = try negation()
            left = try Node(.and(left, right), over: [left, right])
        }
        return left
    }

    private mutating func negation() throws(TemplateError) -> TemplateExpression {
        guard take(name: "not") else { return try comparison() }
        return try nested { (parser) throws(TemplateError) in
            let value = try parser.negation()
            return try Node(.not(value), over: [value])
        }
    }

    private mutating func comparison() throws(TemplateError) -> TemplateExpression {
        let first = try sum()
        var rest: [(TemplateComparison, TemplateExpression)] = []
        while let operation = takeComparison() { rest.append((operation, try sum())) }
        return rest.isEmpty ? first : try Node(.comparison(first, rest), over: [first] + rest.map(\.1))
    }

    private mutating func takeComparison() -> TemplateComparison? {
        let symbols: [(String, TemplateComparison)] = [
            ("==", .equal), ("!=", .notEqual), ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("<", .less),
            (">", .greater),
        ]
        for (symbol, operation) in symbols where take(symbol: symbol) { return operation }
        if take(name: "in") { return .contained }
        guard token == .name("not") else { return nil }
        let before = self
        advance()
        if take(name: "in") { return .notContained }
        self = before
        return nil
    }

    private mutating func sum() throws(TemplateError) -> TemplateExpression {
        try chain(of: ["+", "-"]) { (parser) throws(TemplateError) in
            try parser.chain(of: ["~"]) { (parser) throws(TemplateError) in
                try parser.chain(of: ["*", "/", "//", "%"]) { (parser) throws(TemplateError) in
                    try parser.chain(of: ["**"]) { (parser) throws(TemplateError) in try parser.signed() }
                }
            }
        }
    }

    private mutating func chain(
        of symbols: Set<String>, _ operand: (inout TemplateParser) throws(TemplateError) -> TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        var left = try operand(&self)
        while case .symbol(let symbol) = token, symbols.contains(symbol),
            let operation = TemplateArithmetic(rawValue: symbol)
        {
            advance()
            let right = try operand(&self)
            left = try Node(.arithmetic(operation, left, right), over: [left, right])
        }
        return left
    }

    private mutating func signed(withFilters: Bool = true) throws(TemplateError) -> TemplateExpression {
        var result: TemplateExpression
        if token == .symbol("-") || token == .symbol("+") {
            let isNegative = token == .symbol("-")
            advance()
            result = try nested { (parser) throws(TemplateError) in
                let value = try parser.signed(withFilters: false)
                return try Node(isNegative ? .negative(value) : .positive(value), over: [value])
            }
        } else {
            result = try primary()
        }
        result = try postfix(result)
        return withFilters ? try filtersAndTests(result) : result
    }

    private mutating func primary() throws(TemplateError) -> TemplateExpression {
        let kind = token
        switch kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try Node(.literal(.bool(true)))
            case "false", "False": return try Node(.literal(.bool(false)))
            case "none", "None": return try Node(.literal(.none))
            default: return try Node(.name(name))
            }
        case .integer(let number):
            advance()
            return try Node(.literal(.integer(number)))
        case .real(let number):
            advance()
            return try Node(.literal(.real(number)))
        case .text(var text):
            advance()
            while case .text(let more) = token {
                text += more
                advance()
            }
            return try Node(.literal(.text(text)))
        case .symbol("("):
            advance()
            if take(symbol: ")") { return try Node(.list([], isTuple: true)) }
            let first = try expression()
            if take(symbol: ")") { return first }
            var items = [first]
            while !take(symbol: ")") {
                try expect(.symbol(","), "\",\"")
                if take(symbol: ")") { break }
                items.append(try expression())
            }
            return try Node(.list(items, isTuple: true), over: items)
        case .symbol("["):
            advance()
            var items: [TemplateExpression] = []
            while !take(symbol: "]") {
                if !items.isEmpty { try expect(.symbol(","), "\",\"") }
                if take(symbol: "]") { break }
                items.append(try expression())
            }
            return try Node(.list(items, isTuple: false), over: items)
        case .symbol("{"):
            advance()
            return try mapping()
        default:
            throw problem("a value is missing")
        }
    }

    private mutating func mapping() throws(TemplateError) -> TemplateExpression {
        var pairs: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !take(symbol: "}") {
            if !pairs.isEmpty { try expect(.symbol(","), "\",\"") }
            if take(symbol: "}") { break }
            let key = try expression()
            try expect(.symbol(":"), "\":\"")
            pairs.append((key, try expression()))
        }
        return try Node(.mapping(pairs), over: pairs.flatMap { [$0.key, $0.value] })
    }

    private mutating func postfix(_ start: TemplateExpression) throws(TemplateError) -> TemplateExpression {
        var result = start
        while true {
            if take(symbol: ".") {
                if case .integer(let index) = token {
                    advance()
                    let position = try Node(.literal(.integer(index)))
                    result = try Node(.item(result, position), over: [result])
                } else {
                    result = try Node(.attribute(result, try expectName("an attribute's name")), over: [result])
                }
            } else if take(symbol: "[") {
                result = try item(of: result)
            } else if take(symbol: "(") {
                let arguments = try arguments()
                result = try Node(.call(result, arguments), over: [result] + arguments.all)
            } else {
                return result
            }
        }
    }

    private mutating func item(of base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
        func endsPart(_ token: TemplateToken.Kind) -> Bool { token == .symbol(":") || token == .symbol("]") }
        let start = endsPart(token) ? nil : try expression()
        if let start, take(symbol: "]") { return try Node(.item(base, start), over: [base, start]) }
        try expect(.symbol(":"), "\"]\"")
        let stop = endsPart(token) ? nil : try expression()
        var step: TemplateExpression?
        if take(symbol: ":"), !endsPart(token) { step = try expression() }
        try expect(.symbol("]"), "\"]\"")
        return try Node(
            .slice(base, start: start, stop: stop, step: step), over: [base] + [start, stop, step].compactMap { $0 })
    }

    private mutating func arguments() throws(TemplateError) -> TemplateArguments {
        var result = TemplateArguments()
        var isFirst = true
        while !take(symbol: ")") {
            if !isFirst { try expect(.symbol(","), "\",\"") }
            isFirst = false
            if take(symbol: ")") { break }
            guard result.namedSpread == nil else { throw problem("an argument follows one with \"**\"") }
            let before = self
            if case .name(let name) = token {
                advance()
                if take(symbol: "=") {
                    result.named.append((name, try expression()))
                    continue
                }
                self = before
            }
            if take(symbol: "**") {
                result.namedSpread = try expression()
                continue
            }
            guard result.spread == nil else { throw problem("an argument without a name follows one with \"*\"") }
            if take(symbol: "*") {
                result.spread = try expression()
                continue
            }
            guard result.named.isEmpty else { throw problem("an argument without a name follows one with a name") }
            result.positional.append(try expression())
        }
        return result
    }

    private mutating func filtersAndTests(_ start: TemplateExpression) throws(TemplateError) -> TemplateExpression {
        var result = start
        while true {
            if take(symbol: "|") {
                let name = try expectName("a filter's name")
                guard let filter = TemplateFilter(name: name) else {
                    throw .unsupported(line: line, what: "the filter \(quoted(name))")
                }
                let arguments = take(symbol: "(") ? try arguments() : TemplateArguments()
                result = try Node(.filter(result, filter, arguments), over: [result] + arguments.all)
            } else if take(name: "is") {
                result = try test(of: result)
            } else {
                return result
            }
        }
    }

    private mutating func test(of value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
        let isNegated = take(name: "not")
        let name = try expectName("a test's name")
        guard let test = TemplateTest(name: name) else {
            throw .unsupported(line: line, what: "the test \(quoted(name))")
        }
        var arguments = TemplateArguments()
        if take(symbol: "(") {
            arguments = try self.arguments()
        } else if beginsTestArgument {
            arguments.positional = [
                try nested { (parser) throws(TemplateError) in try parser.postfix(parser.primary()) }
            ]
        }
        let result = try Node(.test(value, test, arguments), over: [value] + arguments.all)
        return isNegated ? try Node(.not(result), over: [result]) : result
    }

    /// A test may have one argument without brackets: `is divisibleby 3`.
    private var beginsTestArgument: Bool {
        switch token {
        case .name(let name): !["else", "or", "and", "if", "is", "in", "not"].contains(name)
        case .integer, .real, .text, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
