/// The right side of a rule.
indirect enum GrammarExpression: Sendable, Equatable {
    case bytes([UInt8])
    /// One character out of ranges of code points, which ascend and do not touch.
    case character([ClosedRange<UInt32>])
    case sequence([GrammarExpression])
    case choice([GrammarExpression])
    /// From so many times to so many, nil without end.
    case repetition(GrammarExpression, Int, Int?)
    case rule(Int)

    static let nothing = GrammarExpression.bytes([])

    static func text(_ text: String) -> GrammarExpression { .bytes(Array(text.utf8)) }
    static func optional(_ part: GrammarExpression) -> GrammarExpression { .repetition(part, 0, 1) }
}

/// Named rules with their right sides; the first is where a text begins.
struct GrammarRules {
    private(set) var names: [String] = []
    private(set) var bodies: [GrammarExpression?] = []
    private var numbers: [String: Int] = [:]

    /// The number of the rule of that name, which may be defined later.
    mutating func number(of name: String) throws(GrammarError) -> Int {
        if let known = numbers[name] { return known }
        let number = try newNumber(calling: name)
        numbers[name] = number
        return number
    }

    /// The number of a rule of its own, whatever others are called; the name is for messages.
    mutating func newNumber(calling name: String) throws(GrammarError) -> Int {
        guard names.count < GrammarLimit.rules else { throw .limit(what: "more than \(GrammarLimit.rules) rules") }
        names.append(name)
        bodies.append(nil)
        return names.count - 1
    }

    mutating func define(_ number: Int, as body: GrammarExpression) throws(GrammarError) {
        guard bodies[number] == nil else { throw .repeatedRule(names[number]) }
        bodies[number] = body
    }

    func isDefined(_ number: Int) -> Bool { bodies[number] != nil }
}

/// Sets of code points as ascending ranges.
enum CodePoints {
    static let surrogates: ClosedRange<UInt32> = 0xD800...0xDFFF
    static let all: [ClosedRange<UInt32>] = [0...0xD7FF, 0xE000...0x10FFFF]

    /// In order, joined where they touch, without surrogates.
    static func union(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return intersection(result, all)
    }

    static func intersection(
        _ left: [ClosedRange<UInt32>], _ right: [ClosedRange<UInt32>]
    ) -> [ClosedRange<UInt32>] {
        left.flatMap { one in right.filter { $0.overlaps(one) }.map { $0.clamped(to: one) } }
    }

    static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in union(ranges) {
            if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { result.append(next...0x10FFFF) }
        return intersection(result, all)
    }

    /// The byte sequences of a range in UTF-8, each as one range per byte.
    static func sequences(of range: ClosedRange<UInt32>) -> [[ClosedRange<UInt8>]] {
        for last: UInt32 in [0x7F, 0x7FF, 0xFFFF] where range.lowerBound <= last && range.upperBound > last {
            return sequences(of: range.lowerBound...last) + sequences(of: last + 1...range.upperBound)
        }
        // Cut where the last bytes do not run through all that they can be.
        var span: UInt32 = 0x40
        while span <= 0x40000, range.upperBound > 0x7F {
            let mask = span - 1
            if range.lowerBound & ~mask != range.upperBound & ~mask {
                if range.lowerBound & mask != 0 {
                    let end = range.lowerBound | mask
                    return sequences(of: range.lowerBound...end) + sequences(of: end + 1...range.upperBound)
                }
                if range.upperBound & mask != mask {
                    let start = range.upperBound & ~mask
                    return sequences(of: range.lowerBound...start - 1) + sequences(of: start...range.upperBound)
                }
            }
            span <<= 6
        }
        return [zip(encoded(range.lowerBound), encoded(range.upperBound)).map { $0...$1 }]
    }

    static func encoded(_ point: UInt32) -> [UInt8] {
        switch point {
        case 0...0x7F: [UInt8(point)]
        case 0x80...0x7FF: [0xC0 | UInt8(point >> 6), 0x80 | UInt8(point & 0x3F)]
        case 0x800...0xFFFF: [0xE0 | UInt8(point >> 12), 0x80 | UInt8(point >> 6 & 0x3F), 0x80 | UInt8(point & 0x3F)]
        default:
            [
                0xF0 | UInt8(point >> 18), 0x80 | UInt8(point >> 12 & 0x3F), 0x80 | UInt8(point >> 6 & 0x3F),
                0x80 | UInt8(point & 0x3F),
            ]
        }
    }
}
