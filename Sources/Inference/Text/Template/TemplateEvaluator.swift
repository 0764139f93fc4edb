/// The variables of a loop's body or a macro. A `set` reaches only the innermost scope, as in Jinja.
final class TemplateScope {
    var variables: [String: TemplateValue] = [:]
    let parent: TemplateScope?

    init(parent: TemplateScope?) {
        self.parent = parent
    }
}

/// Runs a template. It sees nothing but the values that it was given, and all that it does counts against a
/// `TemplateBudget`.
final class TemplateEvaluator {
    enum Flow {
        case goesOn
        case breaksLoop
        case continuesLoop
    }

    private var output: TemplateText = []
    private var budget: TemplateBudget
    private var depth = 0
    private let outputMax: Int
    private let globals: TemplateScope
    let formatTime: ((String) -> String)?

    /// - Parameters:
    ///   - outputMax: characters that the template may print.
    ///   - formatTime: the present time by a format of `strftime`; nil leaves `strftime_now` undefined.
    init(
        variables: [String: TemplateValue], budget: TemplateBudget, outputMax: Int = TemplateLimit.outputScalars,
        formatTime: ((String) -> String)? = nil
    ) {
        self.formatTime = formatTime
        self.budget = budget
        self.outputMax = outputMax
        globals = TemplateScope(parent: nil)
        globals.variables = [
            "range": .function(.range), "namespace": .function(.namespace), "dict": .function(.dictionary),
            "raise_exception": .function(.raiseException),
        ]
        if formatTime != nil { globals.variables["strftime_now"] = .function(.strftimeNow) }
        globals.variables.merge(variables) { _, given in given }
    }

    func render(_ statements: [TemplateStatement]) throws(TemplateError) -> String {
        _ = try run(statements, in: globals)
        return output.string
    }

    // MARK: Limits

    /// Counts one statement or expression.
    func step() throws(TemplateError) { try budget.spend(TemplateCost.step) }

    /// Counts characters that are about to be looked at.
    func spend(_ characters: Int, each cost: Int = 1) throws(TemplateError) {
        try budget.spend(characters, each: cost)
    }

    /// Counts elements that are about to be looked at.
    func spend(values count: Int) throws(TemplateError) { try budget.spend(count, each: TemplateCost.value) }

    /// Counts characters that are about to be added to a text.
    func append(_ characters: Int) throws(TemplateError) {
        try budget.hold(characters, each: TemplateCost.bytesPerAppended, cost: 1)
    }

    /// Counts a text that is about to be made.
    func hold(characters: Int) throws(TemplateError) {
        try budget.hold(1, each: TemplateCost.bytesPerObject, cost: TemplateCost.value)
        try budget.hold(characters, each: TemplateCost.bytesPerCharacter, cost: 1)
    }

    /// Counts a list that is about to be made of values that are there.
    func hold(values count: Int) throws(TemplateError) {
        try budget.hold(1, each: TemplateCost.bytesPerObject, cost: TemplateCost.value)
        try budget.hold(count, each: TemplateCost.bytesPerValue, cost: TemplateCost.value)
    }

    func hold(_ count: Int, each size: Int, cost: Int) throws(TemplateError) {
        try budget.hold(count, each: size, cost: cost)
    }

    /// A mapping of new keys.
    func mapping(of pairs: [(TemplateText, TemplateValue)]) throws(TemplateError) -> TemplateMapping {
        try hold(pairs.count, each: 2 * TemplateCost.bytesPerObject, cost: 4 * TemplateCost.value)
        for (key, _) in pairs { try spend(key.count, each: TemplateCost.hashed) }
        return try TemplateMapping(pairs)
    }

    /// A text of a template's own making as a name. Of ASCII, as those in its source are: to compare others takes a hundred
    /// times as long.
    func name(of text: TemplateText) throws(TemplateError) -> String {
        let name = try short(text)
        guard name.utf8.count == text.count else {
            throw .evaluation(problem: "\(quoted(name)) is no name: it has other characters than ASCII")
        }
        return name
    }

    /// A text that is no longer than a name may be.
    func short(_ text: TemplateText) throws(TemplateError) -> String {
        guard text.count <= TemplateLimit.nameScalars else {
            throw .limit(what: "a name of \(text.count) characters")
        }
        try step()
        try hold(text.count, each: TemplateCost.bytesPerCharacter, cost: TemplateCost.hashed)
        return text.string
    }

    func value(of name: String, in scope: TemplateScope) throws(TemplateError) -> TemplateValue {
        var scope: TemplateScope? = scope
        while let current = scope {
            try spend(TemplateCost.scope)
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return .undefined(name)
    }

    /// Guards the recursion of what runs inside it.
    func nested<Result>(_ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplateLimit.evaluationDepth else {
            throw .limit(what: "calls nested deeper than \(TemplateLimit.evaluationDepth)")
        }
        return try body()
    }

    private func emit(_ text: TemplateText) throws(TemplateError) {
        guard output.count + text.count <= outputMax else {
            throw .limit(what: "more output than \(outputMax) characters")
        }
        try add(text, to: &output)
    }

    /// What `body` prints, kept apart from the output.
    private func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> TemplateValue {
        let outer = output
        output = []
        defer { output = outer }
        try body()
        return .text(output)
    }

    // MARK: Statements

    func run(_ statements: [TemplateStatement], in scope: TemplateScope) throws(TemplateError) -> Flow {
        for statement in statements {
            let flow = try nested { () throws(TemplateError) in try run(statement, in: scope) }
            if flow != .goesOn { return flow }
        }
        return .goesOn
    }

    private func run(_ statement: TemplateStatement, in scope: TemplateScope) throws(TemplateError) -> Flow {
        try step()
        switch statement {
        case .data(let text):
            try emit(text)
        case .output(let expression):
            try emit(try printed(try evaluate(expression, in: scope)))
        case .conditional(let branches, let otherwise):
            for branch in branches where try evaluate(branch.condition, in: scope).isTrue {
                return try run(branch.body, in: scope)
            }
            return try run(otherwise, in: scope)
        case .loop(let loop):
            try run(loop, in: scope)
        case .assignment(let target, let expression):
            try assign(try evaluate(expression, in: scope), to: target, in: scope)
        case .capture(let target, let body):
            let text = try captured { () throws(TemplateError) in _ = try run(body, in: scope) }
            try assign(text, to: target, in: scope)
        case .macro(let macro):
            scope.variables[macro.name] = .function(.macro(macro))
        case .callBlock(let callee, let arguments, let caller):
            var values = try evaluate(arguments, in: scope)
            try values.add(.function(.caller(caller, sees: scope)), named: "caller")
            switch try evaluate(callee, in: scope) {
            case .function(.macro(let macro)): try emit(try printed(try call(macro, values)))
            case .function(.caller(let macro, let outer)): try emit(try printed(try call(macro, sees: outer, values)))
            default: throw .evaluation(problem: "the tag \"call\" calls something else than a macro")
            }
        case .breakLoop: return .breaksLoop
        case .continueLoop: return .continuesLoop
        }
        return .goesOn
    }

    private func run(_ loop: TemplateForLoop, in scope: TemplateScope) throws(TemplateError) {
        var items = try elements(of: try evaluate(loop.items, in: scope))
        if let condition = loop.condition {
            try hold(values: items.count)
            var kept: [TemplateValue] = []
            for item in items {
                try step()
                let inner = TemplateScope(parent: scope)
                try bind(item, to: loop.names, in: inner)
                if try evaluate(condition, in: inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        if items.isEmpty {
            _ = try run(loop.otherwise, in: TemplateScope(parent: scope))
            return
        }
        let state = TemplateLoop(items)
        for (index, item) in items.enumerated() {
            state.index = index
            let inner = TemplateScope(parent: scope)
            inner.variables["loop"] = .loop(state)
            try bind(item, to: loop.names, in: inner)
            try step()
            if try run(loop.body, in: inner) == .breaksLoop { return }
        }
    }

    private func bind(_ value: TemplateValue, to names: [String], in scope: TemplateScope) throws(TemplateError) {
        if names.count == 1 {
            scope.variables[names[0]] = value
            return
        }
        let parts = try elements(of: value)
        guard parts.count == names.count else {
            throw .evaluation(problem: "\(parts.count) values were given to \(names.count) names")
        }
        try spend(names.count, each: 2 * TemplateCost.scope)
        for (name, part) in zip(names, parts) { scope.variables[name] = part }
    }

    private func assign(
        _ value: TemplateValue, to target: TemplateStatement.Target, in scope: TemplateScope
    ) throws(TemplateError) {
        switch target {
        case .names(let names):
            try bind(value, to: names, in: scope)
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace) = try self.value(of: name, in: scope) else {
                throw .evaluation(
                    problem: "\(quoted(name)) is no namespace, and only a namespace's attributes can be set")
            }
            try namespace.set(attribute, to: value)
        }
    }

    /// What a `for` goes over.
    func elements(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let list):
            // They are shared, and looked at one by one.
            try spend(values: list.items.count)
            return list.items
        case .text(let text):
            try hold(
                text.count, each: TemplateCost.bytesPerValue + TemplateCost.bytesPerObject, cost: 2 * TemplateCost.value
            )
            return text.map { .text([$0]) }
        case .mapping(let mapping):
            try hold(values: mapping.keys.count)
            return mapping.keys.map { .text($0) }
        default: throw .evaluation(problem: "a \(value.typeName) has no elements")
        }
    }

    /// A macro sees the template's outermost variables, what a tag `call` holds those where it stands; and their
    /// arguments.
    func call(
        _ macro: TemplateMacro, sees outer: TemplateScope? = nil, _ arguments: TemplateValues
    ) throws(TemplateError) -> TemplateValue {
        guard arguments.positional.count <= macro.parameters.count else {
            throw .evaluation(problem: "the macro \(quoted(macro.name)) takes \(macro.parameters.count) arguments")
        }
        try spend(macro.parameters.count, each: TemplateCost.step)
        let scope = TemplateScope(parent: outer ?? globals)
        let known = Set(macro.parameters.dropFirst(arguments.positional.count).map(\.name))
        for name in arguments.names where !known.contains(name) {
            guard name == "caller" else {
                throw .evaluation(problem: "the macro \(quoted(macro.name)) takes no argument \(quoted(name))")
            }
            scope.variables[name] = arguments.named[name]
        }
        for (index, parameter) in macro.parameters.enumerated() {
            if let value = arguments[index, parameter.name] {
                scope.variables[parameter.name] = value
            } else if let fallback = parameter.fallback {
                scope.variables[parameter.name] = try evaluate(fallback, in: scope)
            } else {
                scope.variables[parameter.name] = .undefined(parameter.name)
            }
        }
        return try captured { () throws(TemplateError) in _ = try run(macro.body, in: scope) }
    }
}

/// The arguments of a call, evaluated.
struct TemplateValues {
    var positional: [TemplateValue] = []
    var named: [String: TemplateValue] = [:]
    /// The names in the order in which they were given.
    var names: [String] = []

    mutating func add(_ value: TemplateValue, named name: String) throws(TemplateError) {
        guard named.updateValue(value, forKey: name) == nil else {
            throw .evaluation(problem: "the argument \(quoted(name)) is given twice")
        }
        names.append(name)
    }

    /// The argument at a place or under a name.
    subscript(index: Int, name: String) -> TemplateValue? {
        index < positional.count ? positional[index] : named[name]
    }
}
