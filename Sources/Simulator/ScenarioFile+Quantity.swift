/// A kind of number with its units, as a scenario file writes them: `20 s`, `0.2-1 ms`, `5-20 %`, `6-20 per minute`.
struct Quantity: Sendable {
    /// "a time", for messages.
    let name: String
    /// How each unit is written, and what one of it is worth. The first is the one that messages use.
    let units: [(word: String, worth: Double)]
    let example: String

    static let seconds = Quantity(
        name: "a time", units: [("s", 1), ("ms", 0.001), ("min", 60), ("h", 3600)], example: "20 s or 20-30 s")
    static let milliseconds = Quantity(
        name: "a time", units: [("ms", 1), ("us", 0.001), ("s", 1000), ("min", 60_000)], example: "5 ms or 0.2-1 ms")
    static let share = Quantity(name: "a share", units: [("%", 0.01)], example: "20 % or 5-20 %")
    static let rate = Quantity(
        name: "a rate", units: [("per minute", 1), ("per second", 60), ("per hour", 1.0 / 60)],
        example: "6 per minute or 6-20 per minute")
    static let number = Quantity(name: "a number", units: [("", 1)], example: "5 or 3-9")
    static let tokens = Quantity(name: "a number of tokens", units: [("tokens", 1)], example: "8-64 tokens")
    static let bytes = Quantity(name: "a size", units: [("bytes", 1)], example: "64 bytes")

    enum Refusal: Error, Equatable {
        case unreadable
        case noUnit
        case unknownUnit(String)
        case reversed
    }

    /// "0.2-1 ms" in the first unit of its kind.
    func range(_ text: String) throws(Refusal) -> ClosedRange<Double> {
        let form = #/(\d{1,15}(?:\.\d{1,15})?)(?:\s*-\s*(\d{1,15}(?:\.\d{1,15})?))?\s*(%|[a-zA-Z][a-zA-Z ]*)?/#
        guard let match = text.wholeMatch(of: form), let low = Double(match.1) else { throw .unreadable }
        var high = low
        if let written = match.2 {
            guard let second = Double(written) else { throw .unreadable }
            high = second
        }
        let unit = match.3.map { $0.split(separator: " ").joined(separator: " ") } ?? ""
        guard let worth = units.first(where: { $0.word == unit })?.worth else {
            throw unit.isEmpty ? .noUnit : .unknownUnit(unit)
        }
        guard low <= high else { throw .reversed }
        return low * worth...high * worth
    }

    /// "0.5 s", for messages.
    func written(_ value: Double) -> String {
        let worth = units[0].worth
        let shown = value / worth
        let number = shown == shown.rounded() && abs(shown) < 1e15 ? "\(Int(shown))" : "\(shown)"
        return units[0].word.isEmpty ? number : "\(number) \(units[0].word)"
    }

    func sentence(for refusal: Refusal, key: String, text: String) -> String {
        switch refusal {
        case .unreadable: "'\(key)' takes \(name) such as \(example), not '\(text)'"
        case .noUnit: "'\(text)' has no unit; '\(key)' takes \(name) such as \(example)"
        case .unknownUnit(let unit):
            "'\(unit)' is no unit of \(name)"
                + (units[0].word.isEmpty
                    ? "; '\(key)' takes \(example)" : "; there are: \(units.map(\.word).joined(separator: ", "))")
        case .reversed: "'\(text)' of '\(key)' goes downwards; write the smaller number first"
        }
    }
}
