import Yams

/// One mapping of a scenario file. Keys that nobody knows are refused as soon as it is read.
struct ScenarioSection {
    /// "network", for messages; nil for the file itself.
    let name: String?
    let line: Int
    private(set) var values: [ScenarioValue] = []

    init(_ node: Node, name: String?, line: Int, keys: [String]) throws(ScenarioMistake) {
        self.name = name
        self.line = line
        guard case .mapping(let mapping) = node else {
            let what = name.map { "'\($0)' takes" } ?? "a scenario file is"
            throw ScenarioMistake(line: line, reason: "\(what) keys with values, such as \(keys[0]): ...")
        }
        for (key, value) in mapping {
            let line = key.mark?.line ?? line
            guard case .scalar(let scalar) = key else {
                throw ScenarioMistake(line: line, reason: "a key must be a word")
            }
            guard keys.contains(scalar.string) else {
                let place = name.map { " in '\($0)'" } ?? ""
                throw ScenarioMistake(
                    line: line,
                    reason: "'\(scalar.string)' is unknown\(place)"
                        + NearestWord.hint(for: scalar.string, among: keys))
            }
            values.append(ScenarioValue(key: scalar.string, node: value, line: value.mark?.line ?? line))
        }
    }

    subscript(key: String) -> ScenarioValue? { values.first { $0.key == key } }
}

/// What stands behind a key.
struct ScenarioValue {
    let key: String
    let node: Node
    let line: Int

    /// The text of a single value.
    func text() throws(ScenarioMistake) -> String {
        guard case .scalar(let scalar) = node else { throw mistake("'\(key)' takes one value") }
        let text = scalar.string
        guard !text.isEmpty else { throw mistake("'\(key)' has no value") }
        return text
    }

    /// The entries of a list.
    func list() throws(ScenarioMistake) -> [ScenarioValue] {
        guard case .sequence(let sequence) = node else { throw mistake("'\(key)' takes a list") }
        return sequence.map { ScenarioValue(key: key, node: $0, line: $0.mark?.line ?? line) }
    }

    func section(keys: [String]) throws(ScenarioMistake) -> ScenarioSection {
        try ScenarioSection(node, name: key, line: line, keys: keys)
    }

    /// A value or a range, in the quantity's first unit.
    func range(_ quantity: Quantity, within bounds: ClosedRange<Double>) throws(ScenarioMistake) -> ClosedRange<Double>
    {
        let text = try text()
        let range: ClosedRange<Double>
        do {
            range = try quantity.range(text)
        } catch {
            throw mistake(quantity.sentence(for: error, key: key, text: text))
        }
        guard bounds.contains(range.lowerBound), bounds.contains(range.upperBound) else {
            let (low, high) = (quantity.written(bounds.lowerBound), quantity.written(bounds.upperBound))
            throw mistake("'\(key)' takes \(low) to \(high), not '\(text)'")
        }
        return range
    }

    /// One value: a range is refused.
    func single(_ quantity: Quantity, within bounds: ClosedRange<Double>) throws(ScenarioMistake) -> Double {
        let range = try range(quantity, within: bounds)
        guard range.lowerBound == range.upperBound else { throw mistake("'\(key)' takes one value and no range") }
        return range.lowerBound
    }

    /// A whole number, or a range of them.
    func whole(_ quantity: Quantity, within bounds: ClosedRange<Int>) throws(ScenarioMistake) -> ClosedRange<Int> {
        let range = try range(quantity, within: Double(bounds.lowerBound)...Double(bounds.upperBound))
        guard let low = Int(exactly: range.lowerBound), let high = Int(exactly: range.upperBound) else {
            throw mistake("'\(key)' takes whole numbers")
        }
        return low...high
    }

    func mistake(_ reason: String) -> ScenarioMistake { ScenarioMistake(line: line, reason: reason) }
}
