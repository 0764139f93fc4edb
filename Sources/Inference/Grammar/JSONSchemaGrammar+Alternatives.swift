/// Whether the schemas of a `oneOf` exclude each other. A grammar cannot count how many of them a text is right by; so
/// what the grammar writes for one of them must be wrong by every other one, and where that is not seen the schema is
/// refused.
///
/// Seen are: other types; values out of lists that have none in common; objects with a property that one of them
/// requires and whose schemas exclude each other, such as a `const` that names the kind; and objects that require a
/// property which the other one does not have.
extension JSONSchemaGrammar {
    /// Of how many pairs of schemas and values one schema may ask for.
    private static let comparisonsMax = 1 << 18
    private static let depthMax = 16

    /// Two of the schemas that are not seen to exclude each other.
    ///
    /// - Throws: where there are too many to be compared.
    mutating func overlap(of schemas: [JSONValue]) throws(GrammarError) -> (first: Int, second: Int)? {
        for second in schemas.indices {
            for first in 0..<second
            where !excludes(schemas[first], schemas[second], depth: 0)
                || !excludes(schemas[second], schemas[first], depth: 0)
            {
                guard mayCompare(0) else { throw .limit(what: "too many alternatives in \"oneOf\" to compare") }
                return (first, second)
            }
        }
        return nil
    }

    /// Whether what the grammar writes for one schema is wrong by the other.
    private mutating func excludes(_ written: JSONValue, _ other: JSONValue, depth: Int) -> Bool {
        guard let ways = plain(written, depth: depth), let others = plain(other, depth: depth) else { return false }
        for way in ways {
            for other in others where !excludes(way, other, depth: depth) { return false }
        }
        return true
    }

    private mutating func mayCompare(_ count: Int = 1) -> Bool {
        comparisons += count
        return comparisons <= Self.comparisonsMax
    }

    /// The schemas without references and choices that together take what a schema takes, and maybe more; nil where
    /// they are not found.
    private mutating func plain(_ schema: JSONValue, depth: Int) -> [JSONObject]? {
        guard depth < Self.depthMax, mayCompare() else { return nil }
        if let flag = schema.bool { return flag ? [JSONObject()] : [] }
        guard let object = schema.object else { return nil }
        if let reference = object["$ref"] {
            guard let (_, target) = try? target(of: reference, at: "#") else { return nil }
            return plain(target, depth: depth + 1)
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            guard let parts = object[keyword]?.array else { continue }
            guard keyword != "allOf" || parts.count == 1 else { return nil }
            var result: [JSONObject] = []
            for part in parts {
                guard let found = plain(part, depth: depth + 1) else { return nil }
                result += found
            }
            return result
        }
        return [object]
    }

    private mutating func excludes(_ written: JSONObject, _ other: JSONObject, depth: Int) -> Bool {
        guard mayCompare() else { return false }
        for (listed, schema) in [(written, other), (other, written)] {
            guard let all = Self.listed(by: listed) else { continue }
            guard mayCompare(all.count) else { return false }
            let taken = Self.typesTaken(by: listed)
            let values = all.filter { !Self.types(of: $0).isDisjoint(with: taken) }
            for value in values where !rejects(schema, value, depth: depth) { return false }
            return true
        }
        let common = Self.typesWritten(by: written).intersection(Self.typesTaken(by: other))
        return common.isEmpty || (common == ["object"] && excludesObjects(written, other, depth: depth))
    }

    private mutating func excludesObjects(_ written: JSONObject, _ other: JSONObject, depth: Int) -> Bool {
        let properties = written["properties"]?.object
        let others = other["properties"]?.object
        let additional = written["additionalProperties"]
        let isClosed = additional == .bool(false) || (additional == nil && properties != nil)
        let (always, wanted) = (Self.required(by: written), Self.required(by: other))
        for name in wanted where isClosed && properties?[name] == nil && !always.contains(name) { return true }
        for name in always where other["additionalProperties"] == .bool(false) && others?[name] == nil { return true }
        for name in always + wanted {
            guard let one = properties?[name], let another = others?[name] else { continue }
            if excludes(one, another, depth: depth + 1) { return true }
        }
        return false
    }

    /// Whether a value is seen to be wrong by a schema.
    private mutating func rejects(_ schema: JSONObject, _ value: JSONValue, depth: Int) -> Bool {
        guard mayCompare() else { return false }
        // A value of a type that the schema does not take equals no value that it takes, listed or not.
        if Self.typesTaken(by: schema).isDisjoint(with: Self.types(of: value)) { return true }
        if let values = Self.listed(by: schema) {
            return mayCompare(values.count) && !values.contains { Self.mayEqual($0, value) }
        }
        guard let object = value.object else { return false }
        for name in Self.required(by: schema) where object[name] == nil { return true }
        let properties = schema["properties"]?.object
        for (name, member) in object.members {
            guard let part = properties?[name] else {
                if schema["additionalProperties"] == .bool(false) { return true }
                continue
            }
            guard let ways = plain(part, depth: depth + 1) else { continue }
            var isRejected = true
            for way in ways where !rejects(way, member, depth: depth + 1) { isRejected = false }
            if isRejected { return true }
        }
        return false
    }

    // MARK: What a schema says

    /// A whole number is a number too, however it is written.
    static func types(of value: JSONValue) -> Set<String> {
        switch value {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .integer: ["integer", "number"]
        case .real(let number): number.rounded() == number ? ["integer", "number"] : ["number"]
        case .string: ["string"]
        case .array: ["array"]
        case .object: ["object"]
        }
    }

    /// The types that a schema names; all of them where it names none.
    private static func typesTaken(by schema: JSONObject) -> Set<String> {
        var names = allTypes
        switch schema["type"] {
        case .string(let name)?: names = [name]
        case .array(let given)?: names = Set(given.compactMap(\.string))
        default: break
        }
        return names.contains("number") ? names.union(["integer"]) : names
    }

    private static func typesWritten(by schema: JSONObject) -> Set<String> {
        let meant = typesMeant(by: Set(schema.keys))
        guard schema["type"] == nil, !meant.isEmpty else { return typesTaken(by: schema) }
        return Set(meant + (meant.contains("number") ? ["integer"] : []))
    }

    private static func required(by schema: JSONObject) -> [String] {
        (schema["required"]?.array ?? []).compactMap(\.string)
    }

    /// The only values that a schema takes, where it lists them; some of them may be wrong all the same.
    private static func listed(by schema: JSONObject) -> [JSONValue]? {
        schema["const"].map { [$0] } ?? schema["enum"]?.array
    }

    /// Equality as JSON Schema has it: 1 is 1.0. Numbers that differ by less than 64 bits show count as equal.
    private static func mayEqual(_ one: JSONValue, _ another: JSONValue) -> Bool {
        switch (one, another) {
        case (.array(let left), .array(let right)):
            left.count == right.count && zip(left, right).allSatisfy { mayEqual($0, $1) }
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.members.allSatisfy { name, value in right[name].map { mayEqual($0, value) } ?? false }
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        default:
            if let left = one.real, let right = another.real { left == right } else { one == another }
        }
    }
}
