/// Text as Python sees it, a row of code points: length, index, order and equality all count these, while Swift's
/// `String` counts grapheme clusters and takes canonically equivalent texts for equal.
typealias TemplateText = [Unicode.Scalar]

extension TemplateText {
    init(of text: String) {
        self = Array(text.unicodeScalars)
    }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: self)
        return String(view)
    }
}

/// A value inside a template, with the meaning that it has in Python.
enum TemplateValue {
    /// What was looked for and not found; prints as nothing, counts as false, and fails in most operations.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case real(Double)
    case text(TemplateText)
    /// Lists and tuples.
    case list(TemplateList)
    case mapping(TemplateMapping)
    case namespace(TemplateNamespace)
    case function(TemplateFunction)
    case loop(TemplateLoop)

    static func text(_ text: String) -> TemplateValue { .text(TemplateText(of: text)) }

    /// Containers below this value; nil for what must not be put into one, because a chain or ring of such values could
    /// grow without end.
    fileprivate var depth: Int? {
        switch self {
        case .undefined, .none, .bool, .integer, .real, .text: 0
        case .list(let list): list.depth
        case .mapping(let mapping): mapping.depth
        case .namespace, .function, .loop: nil
        }
    }

    fileprivate static func depth(above values: some Sequence<TemplateValue>) throws(TemplateError) -> Int {
        var depth = 0
        for value in values {
            guard let below = value.depth else {
                throw .evaluation(problem: "a \(value.typeName) cannot be put into a list or mapping")
            }
            depth = max(depth, below)
        }
        guard depth < TemplateLimit.valueDepth else {
            throw .limit(what: "values nested deeper than \(TemplateLimit.valueDepth)")
        }
        return depth + 1
    }

    /// The type in words, for messages.
    var typeName: String {
        switch self {
        case .undefined: "undefined value"
        case .none: "none"
        case .bool: "truth value"
        case .integer, .real: "number"
        case .text: "text"
        case .list: "list"
        case .mapping: "mapping"
        case .namespace: "namespace"
        case .function: "function"
        case .loop: "loop"
        }
    }
}

struct TemplateList {
    let items: [TemplateValue]
    /// Python tells tuples from lists when it prints and compares them.
    let isTuple: Bool
    fileprivate let depth: Int

    init(_ items: [TemplateValue], isTuple: Bool = false) throws(TemplateError) {
        self.items = items
        self.isTuple = isTuple
        depth = try TemplateValue.depth(above: items)
    }
}

/// A Python dictionary whose keys are texts, in the order of insertion.
struct TemplateMapping {
    private(set) var keys: [TemplateText] = []
    /// As many, in the same order.
    private(set) var values: [TemplateValue] = []
    private var places: [TemplateText: Int] = [:]
    fileprivate let depth: Int

    init(_ pairs: [(TemplateText, TemplateValue)]) throws(TemplateError) {
        for (key, value) in pairs {
            if let place = places[key] {
                values[place] = value
            } else {
                places[key] = keys.count
                keys.append(key)
                values.append(value)
            }
        }
        depth = try TemplateValue.depth(above: values)
    }

    subscript(key: TemplateText) -> TemplateValue? { places[key].map { values[$0] } }
    var pairs: [(TemplateText, TemplateValue)] { Array(zip(keys, values)) }
}

/// What `namespace()` gives: the one thing whose attributes a template may set, also from inside a loop.
final class TemplateNamespace {
    private(set) var attributes: [String: TemplateValue] = [:]

    func set(_ name: String, to value: TemplateValue) throws(TemplateError) {
        _ = try TemplateValue.depth(above: CollectionOfOne(value))
        attributes[name] = value
    }
}

enum TemplateFunction {
    case range
    case namespace
    case dictionary
    case raiseException
    case strftimeNow
    /// It sees the template's outermost variables. It does not hold them: they hold it, and neither would ever be freed.
    case macro(TemplateMacro)
    /// What a tag `call` holds; it sees the variables where the tag stands. Only the scope of the macro that the tag
    /// calls holds it, and no value leads from the tag's own scope back to that one.
    case caller(TemplateMacro, sees: TemplateScope)
}

/// The `loop` of a running `for`.
final class TemplateLoop {
    let items: [TemplateValue]
    var index = 0

    init(_ items: [TemplateValue]) {
        self.items = items
    }

    func attribute(_ name: String) -> TemplateValue {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(items.count - index)
        case "revindex0": .integer(items.count - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(index == items.count - 1)
        case "length": .integer(items.count)
        case "previtem": index > 0 ? items[index - 1] : .undefined("loop.previtem")
        case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("loop.nextitem")
        default: .undefined("loop.\(name)")
        }
    }
}

// MARK: - Truth and numbers

extension TemplateValue {
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .integer(let number): number != 0
        case .real(let number): number != 0
        case .text(let text): !text.isEmpty
        case .list(let list): !list.items.isEmpty
        case .mapping(let mapping): !mapping.keys.isEmpty
        case .namespace, .function, .loop: true
        }
    }

    /// The value as a number, if it is one; Python counts truth values among the numbers.
    var real: Double? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .integer(let number): Double(number)
        case .real(let number): number
        default: nil
        }
    }

    var integer: Int? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .integer(let number): number
        default: nil
        }
    }

    /// The value in a few words, for messages.
    var brief: String {
        switch self {
        case .text(let text): Array(text.prefix(64)).string
        case .integer(let number): "\(number)"
        default: typeName
        }
    }
}
