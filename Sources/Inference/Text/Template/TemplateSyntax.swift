/// An expression of a template, with its depth, so that no source can make a tree too deep to walk.
final class TemplateExpression {
    enum Kind {
        case literal(TemplateValue)
        case name(String)
        case list([TemplateExpression], isTuple: Bool)
        case mapping([(key: TemplateExpression, value: TemplateExpression)])
        case attribute(TemplateExpression, String)
        case item(TemplateExpression, TemplateExpression)
        case slice(TemplateExpression, start: TemplateExpression?, stop: TemplateExpression?, step: TemplateExpression?)
        case call(TemplateExpression, TemplateArguments)
        case filter(TemplateExpression, TemplateFilter, TemplateArguments)
        case test(TemplateExpression, TemplateTest, TemplateArguments)
        case not(TemplateExpression)
        case negative(TemplateExpression)
        case positive(TemplateExpression)
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        case comparison(TemplateExpression, [(TemplateComparison, TemplateExpression)])
        case arithmetic(TemplateArithmetic, TemplateExpression, TemplateExpression)
        case conditional(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
    }

    let kind: Kind
    let depth: Int

    init(_ kind: Kind, over parts: [TemplateExpression] = []) throws(TemplateError) {
        self.kind = kind
        depth = 1 + (parts.map(\.depth).max() ?? 0)
        guard depth <= TemplateLimit.expressionDepth else {
            throw .limit(what: "expressions nested deeper than \(TemplateLimit.expressionDepth)")
        }
    }
}

struct TemplateArguments {
    var positional: [TemplateExpression] = []
    /// `*rest`: more positional ones.
    var spread: TemplateExpression?
    var named: [(name: String, value: TemplateExpression)] = []
    /// `**rest`: more named ones.
    var namedSpread: TemplateExpression?

    var all: [TemplateExpression] {
        positional + named.map(\.value) + [spread, namedSpread].compactMap { $0 }
    }
}

enum TemplateComparison {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, contained, notContained
}

enum TemplateArithmetic: String {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
    case concatenate = "~"
}

/// The filters that exist; a template that asks for another one is refused when it is read.
enum TemplateFilter: String {
    case abs, capitalize, dictsort, first, float, indent, int, items, join, last, length, list, lower, map, max, min
    case reject, rejectattr, replace, reverse, safe, select, selectattr, sort, string, sum, title, tojson, trim, unique,
        upper
    case defaultValue = "default"

    init?(name: String) {
        switch name {
        case "count": self = .length
        case "d": self = .defaultValue
        default: self.init(rawValue: name)
        }
    }
}

enum TemplateTest: String {
    case boolean, callable, defined, divisibleby, even, float, integer, iterable, lower, mapping, none, number, odd,
        sameas
    case sequence, string, undefined, upper
    case isTrue = "true"
    case isFalse = "false"
    case contained = "in"
    case equal = "eq"
    case notEqual = "ne"
    case less = "lt"
    case lessOrEqual = "le"
    case greater = "gt"
    case greaterOrEqual = "ge"

    init?(name: String) {
        switch name {
        case "equalto", "==": self = .equal
        case "!=": self = .notEqual
        case "<", "lessthan": self = .less
        case "<=": self = .lessOrEqual
        case ">", "greaterthan": self = .greater
        case ">=": self = .greaterOrEqual
        case "True": self = .isTrue
        case "False": self = .isFalse
        case "None": self = .none
        default: self.init(rawValue: name)
        }
    }
}

indirect enum TemplateStatement {
    enum Target {
        case names([String])
        /// `ns.attribute`
        case attribute(String, String)
    }

    case data(TemplateText)
    case output(TemplateExpression)
    case conditional([(condition: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(TemplateForLoop)
    case assignment(Target, TemplateExpression)
    /// `{% set name %}...{% endset %}`
    case capture(Target, [TemplateStatement])
    case macro(TemplateMacro)
    /// `{% call(parameters) callee(arguments) %}...{% endcall %}`: the macro calls what the tag holds as `caller`.
    case callBlock(TemplateExpression, TemplateArguments, caller: TemplateMacro)
    case breakLoop
    case continueLoop
}

struct TemplateForLoop {
    let names: [String]
    let items: TemplateExpression
    let condition: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
}

final class TemplateMacro {
    let name: String
    let parameters: [(name: String, fallback: TemplateExpression?)]
    let body: [TemplateStatement]

    init(name: String, parameters: [(name: String, fallback: TemplateExpression?)], body: [TemplateStatement]) {
        self.name = name
        self.parameters = parameters
        self.body = body
    }
}
