/// Reads the statements of a template; `TemplateParser+Expressions` reads what stands inside the tags.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var position = 0
    private var loopDepth = 0
    private var depth = 0

    static func parse(_ source: String) throws(TemplateError) -> [TemplateStatement] {
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source))
        let (statements, _) = try parser.statements(until: [])
        return statements
    }

    private init(tokens: [TemplateToken]) {
        self.tokens = tokens
    }

    // MARK: Tokens

    var token: TemplateToken.Kind { tokens[position].kind }
    var line: Int { tokens[position].line }

    mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    mutating func take(symbol: String) -> Bool {
        guard token == .symbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func take(name: String) -> Bool {
        guard token == .name(name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: TemplateToken.Kind, _ what: String) throws(TemplateError) {
        guard token == kind else { throw problem("\(what) is missing") }
        advance()
    }

    mutating func expectName(_ what: String) throws(TemplateError) -> String {
        guard case .name(let name) = token else { throw problem("\(what) is missing") }
        advance()
        return name
    }

    func problem(_ text: String) -> TemplateError { .syntax(line: line, problem: text) }

    // MARK: Statements

    /// Statements up to a block tag that begins with one of `ends`, and that tag's name; the tag is left open behind
    /// the name.
    private mutating func statements(until ends: Set<String>) throws(TemplateError) -> ([TemplateStatement], String) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplateLimit.statementDepth else {
            throw .limit(what: "blocks nested deeper than \(TemplateLimit.statementDepth)")
        }
        var result: [TemplateStatement] = []
        while true {
            switch token {
            case .data(let text):
                advance()
                result.append(.data(text))
            case .variableBegin:
                advance()
                result.append(.output(try expression()))
                try expect(.variableEnd, "\"}}\"")
            case .blockBegin:
                advance()
                let name = try expectName("a tag's name")
                if ends.contains(name) { return (result, name) }
                result += try statement(name)
            case .end where ends.isEmpty:
                return (result, "")
            case .end:
                throw problem("\"\(ends.sorted().joined(separator: "\" or \""))\" is missing")
            default:
                throw problem("a tag is out of place")
            }
        }
    }

    /// Statements up to the tag `end`, which is closed.
    private mutating func body(until end: String) throws(TemplateError) -> [TemplateStatement] {
        let (statements, _) = try statements(until: [end])
        try expect(.blockEnd, "\"%}\"")
        return statements
    }

    private mutating func statement(_ name: String) throws(TemplateError) -> [TemplateStatement] {
        switch name {
        case "if": return [try conditional()]
        case "for": return [try loop()]
        case "set": return [try assignment()]
        case "macro": return [.macro(try macro(name: try expectName("the macro's name"), until: "endmacro"))]
        case "call": return [try callBlock()]
        case "break", "continue":
            guard loopDepth > 0 else { throw problem("\"\(name)\" stands outside of a loop") }
            try expect(.blockEnd, "\"%}\"")
            return [name == "break" ? .breakLoop : .continueLoop]
        case "generation":
            // Marks what a model said, for training; it prints what it holds.
            try expect(.blockEnd, "\"%}\"")
            return try body(until: "endgeneration")
        default:
            throw .unsupported(line: line, what: "the tag \(quoted(name))")
        }
    }

    private mutating func conditional() throws(TemplateError) -> TemplateStatement {
        var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
        while true {
            let condition = try expression(allowingConditional: false)
            try expect(.blockEnd, "\"%}\"")
            let (statements, end) = try statements(until: ["elif", "else", "endif"])
            branches.append((condition, statements))
            guard end != "elif" else { continue }
            try expect(.blockEnd, "\"%}\"")
            return .conditional(branches, otherwise: end == "else" ? try body(until: "endif") : [])
        }
    }

    private mutating func loop() throws(TemplateError) -> TemplateStatement {
        let names = try targetNames()
        guard take(name: "in") else { throw problem("\"in\" is missing") }
        let items = try expression(allowingConditional: false)
        let condition = take(name: "if") ? try expression(allowingConditional: false) : nil
        if take(name: "recursive") { throw .unsupported(line: line, what: "a recursive loop") }
        try expect(.blockEnd, "\"%}\"")
        loopDepth += 1
        let (statements, end) = try statements(until: ["else", "endfor"])
        loopDepth -= 1
        try expect(.blockEnd, "\"%}\"")
        let otherwise = end == "else" ? try body(until: "endfor") : []
        return .loop(
            TemplateForLoop(names: names, items: items, condition: condition, body: statements, otherwise: otherwise))
    }

    private mutating func targetNames() throws(TemplateError) -> [String] {
        let inBrackets = take(symbol: "(")
        var names = [try expectName("a variable's name")]
        while take(symbol: ",") { names.append(try expectName("a variable's name")) }
        if inBrackets { try expect(.symbol(")"), "\")\"") }
        return names
    }

    private mutating func assignment() throws(TemplateError) -> TemplateStatement {
        let names = try targetNames()
        var target = TemplateStatement.Target.names(names)
        if names.count == 1, take(symbol: ".") {
            target = .attribute(names[0], try expectName("an attribute's name"))
        }
        if take(symbol: "=") {
            var values = [try expression()]
            while take(symbol: ",") { values.append(try expression()) }
            try expect(.blockEnd, "\"%}\"")
            return .assignment(
                target,
                values.count == 1 ? values[0] : try TemplateExpression(.list(values, isTuple: true), over: values))
        }
        guard token == .blockEnd else { throw problem("\"=\" is missing") }
        advance()
        return .capture(target, try body(until: "endset"))
    }

    private mutating func callBlock() throws(TemplateError) -> TemplateStatement {
        let parameters = token == .symbol("(") ? try parameters() : []
        guard case .call(let callee, let arguments) = try expression().kind else {
            throw problem("the tag \"call\" calls nothing")
        }
        return .callBlock(
            callee, arguments,
            caller: TemplateMacro(name: "caller", parameters: parameters, body: try macroBody(until: "endcall")))
    }

    private mutating func macro(name: String, until end: String) throws(TemplateError) -> TemplateMacro {
        let parameters = try parameters()
        return TemplateMacro(name: name, parameters: parameters, body: try macroBody(until: end))
    }

    private mutating func parameters() throws(TemplateError) -> [(name: String, fallback: TemplateExpression?)] {
        try expect(.symbol("("), "\"(\"")
        var parameters: [(name: String, fallback: TemplateExpression?)] = []
        while !take(symbol: ")") {
            if !parameters.isEmpty { try expect(.symbol(","), "\",\"") }
            let parameter = try expectName("a parameter's name")
            parameters.append((parameter, take(symbol: "=") ? try expression() : nil))
        }
        return parameters
    }

    private mutating func macroBody(until end: String) throws(TemplateError) -> [TemplateStatement] {
        try expect(.blockEnd, "\"%}\"")
        // A loop around the macro is not a loop that its body could leave.
        let outerLoops = loopDepth
        loopDepth = 0
        let statements = try body(until: end)
        loopDepth = outerLoops
        return statements
    }

    // MARK: Depth of expressions

    /// Guards the parser's own recursion.
    mutating func nested<Result>(
        _ parse: (inout TemplateParser) throws(TemplateError) -> Result
    ) throws(TemplateError) -> Result {
        expressionDepth += 1
        defer { expressionDepth -= 1 }
        guard expressionDepth <= TemplateLimit.expressionDepth else {
            throw .limit(what: "expressions nested deeper than \(TemplateLimit.expressionDepth)")
        }
        return try parse(&self)
    }

    private var expressionDepth = 0
}
