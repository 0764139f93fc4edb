/// Turns rules into nodes, from the end of each rule to its beginning, and refuses what could not be walked.
struct GrammarCompiler {
    private(set) var nodes: [Grammar.Node] = [.end]
    private(set) var starts: [Int32]
    private(set) var sets: [ByteSet] = []
    private var names: [String]
    private var bodies: [GrammarExpression]
    private var setNumbers: [ByteSet: Int32] = [:]
    /// Rules made of what is repeated, so that a repetition costs two nodes each time.
    private var ruleOfRepeated: [[ClosedRange<UInt32>]: Int] = [:]
    private var steps = 0

    private static let end: Int32 = 0

    init(_ rules: GrammarRules) {
        names = rules.names
        bodies = rules.bodies.map { $0 ?? .choice([]) }
        starts = []
    }

    mutating func compile() throws(GrammarError) {
        var rule = 0
        // Compiling adds rules at the end.
        while rule < bodies.count {
            starts.append(try compile(bodies[rule], next: Self.end, in: rule))
            rule += 1
        }
        try refuseLeftRecursion()
        try refuseEndlessRules()
    }

    private mutating func add(_ node: Grammar.Node) throws(GrammarError) -> Int32 {
        guard nodes.count < GrammarLimit.nodes else { throw .limit(what: "more than \(GrammarLimit.nodes) places") }
        nodes.append(node)
        return Int32(nodes.count - 1)
    }

    private mutating func add(_ ranges: [ClosedRange<UInt8>], next: Int32) throws(GrammarError) -> Int32 {
        let set = ByteSet(ranges)
        let number = setNumbers[set] ?? Int32(sets.count)
        if setNumbers.updateValue(number, forKey: set) == nil { sets.append(set) }
        return try add(.bytes(set: number, next: next))
    }

    /// The node at which `expression` begins, if it goes on at `next`.
    private mutating func compile(
        _ expression: GrammarExpression, next: Int32, in rule: Int
    ) throws(GrammarError) -> Int32 {
        steps += 1
        guard steps <= GrammarLimit.steps else { throw .limit(what: "too many repetitions of nothing") }
        switch expression {
        case .bytes(let bytes):
            var node = next
            for byte in bytes.reversed() { node = try add([byte...byte], next: node) }
            return node
        case .character(let ranges):
            return try compile(ranges, next: next)
        case .sequence(let parts):
            var node = next
            for part in parts.reversed() { node = try compile(part, next: node, in: rule) }
            return node
        case .choice(let parts):
            var first: [Int32] = []
            for part in parts { first.append(try compile(part, next: next, in: rule)) }
            return first.count == 1 ? first[0] : try add(.split(first))
        case .rule(let number):
            return try add(.call(rule: Int32(number), next: next))
        case .repetition(let part, let least, let most):
            return try compile(part, from: least, to: most, next: next, in: rule)
        }
    }

    private mutating func compile(
        _ part: GrammarExpression, from least: Int, to most: Int?, next: Int32, in rule: Int
    ) throws(GrammarError) -> Int32 {
        let copies = most ?? max(least, 1)
        var part = part
        if copies > 1 { part = try shared(part, in: rule) }
        var node = next
        if let most {
            for _ in least..<most { node = try add(.split([try compile(part, next: node, in: rule), next])) }
        } else {
            // A loop: its split is entered behind the part, or, where none is asked for, first.
            node = try add(.split([]))
            let body = try compile(part, next: node, in: rule)
            nodes[Int(node)] = .split([body, next])
            if least > 0 { node = body }
        }
        for _ in 0..<(most == nil ? max(0, least - 1) : least) { node = try compile(part, next: node, in: rule) }
        return node
    }

    /// What stands several times becomes a rule of its own, unless it is one node anyway.
    private mutating func shared(_ part: GrammarExpression, in rule: Int) throws(GrammarError) -> GrammarExpression {
        switch part {
        case .rule: return part
        case .bytes(let bytes) where bytes.count <= 1: return part
        case .character(let ranges):
            if let last = ranges.last, last.upperBound <= 0x7F { return part }
            if let known = ruleOfRepeated[ranges] { return .rule(known) }
            ruleOfRepeated[ranges] = bodies.count
        default: break
        }
        names.append(names[rule])
        bodies.append(part)
        guard bodies.count <= 2 * GrammarLimit.rules else { throw .limit(what: "too many repetitions") }
        return .rule(bodies.count - 1)
    }

    private mutating func compile(_ ranges: [ClosedRange<UInt32>], next: Int32) throws(GrammarError) -> Int32 {
        var firstBytes: [Int32: [ClosedRange<UInt8>]] = [:]
        var order: [Int32] = []
        var tails: [[ClosedRange<UInt8>]: Int32] = [[]: next]
        for range in ranges {
            for sequence in CodePoints.sequences(of: range) {
                // Characters that end alike share the nodes of their ends.
                var node = next
                for place in stride(from: sequence.count - 1, to: 0, by: -1) {
                    let tail = Array(sequence[place...])
                    if let known = tails[tail] {
                        node = known
                    } else {
                        node = try add([sequence[place]], next: node)
                        tails[tail] = node
                    }
                }
                if firstBytes[node] == nil { order.append(node) }
                firstBytes[node, default: []].append(sequence[0])
            }
        }
        var first: [Int32] = []
        for node in order { first.append(try add(firstBytes[node] ?? [], next: node)) }
        return first.count == 1 ? first[0] : try add(.split(first))
    }

    // MARK: What cannot be walked

    /// Visits all nodes of a rule that can be reached without taking a byte, given which rules can be empty.
    private func visitBeginning(of rule: Int, canBeEmpty: [Bool], _ visit: (Grammar.Node) -> Void) {
        var open = [starts[rule]]
        var seen: Set<Int32> = [starts[rule]]
        while let number = open.popLast() {
            let node = nodes[Int(number)]
            visit(node)
            var following: [Int32] = []
            switch node {
            case .split(let parts): following = parts
            case .call(let called, let next) where canBeEmpty[Int(called)]: following = [next]
            case .call, .bytes, .end: break
            }
            for next in following where seen.insert(next).inserted { open.append(next) }
        }
    }

    /// Which rules can come to their end, over rules that can: without taking a byte, or taking some.
    ///
    /// A node belongs to one rule and is visited once: a path that has to wait until a called rule is known to end goes
    /// on from there.
    private func rulesThatEnd(takingBytes: Bool) -> [Bool] {
        var result = [Bool](repeating: false, count: starts.count)
        var waiting = [[(rule: Int, node: Int32)]](repeating: [], count: starts.count)
        var seen = [Bool](repeating: false, count: nodes.count)
        var open = starts.enumerated().map { (rule: $0.offset, node: $0.element) }
        while let (rule, number) = open.popLast() {
            if number == Self.end {
                result[rule] = true
                open += waiting[rule]
                waiting[rule] = []
                continue
            }
            guard !seen[Int(number)] else { continue }
            seen[Int(number)] = true
            switch nodes[Int(number)] {
            case .end: break
            case .bytes(_, let next): if takingBytes { open.append((rule, next)) }
            case .split(let parts): for part in parts { open.append((rule, part)) }
            case .call(let called, let next):
                if result[Int(called)] {
                    open.append((rule, next))
                } else {
                    waiting[Int(called)].append((rule, next))
                }
            }
        }
        return result
    }

    private func refuseLeftRecursion() throws(GrammarError) {
        let canBeEmpty = rulesThatEnd(takingBytes: false)
        var begins = [[Int]](repeating: [], count: starts.count)
        for rule in starts.indices {
            visitBeginning(of: rule, canBeEmpty: canBeEmpty) {
                if case .call(let called, _) = $0 { begins[rule].append(Int(called)) }
            }
        }
        // Rules whose beginnings all lead to rules that are settled are settled; what is left over lies on a ring.
        var waiting = begins.map { Set($0).count }
        var callers = [[Int]](repeating: [], count: starts.count)
        for rule in starts.indices {
            for called in Set(begins[rule]) { callers[called].append(rule) }
        }
        var open = starts.indices.filter { waiting[$0] == 0 }
        while let settled = open.popLast() {
            for caller in callers[settled] {
                waiting[caller] -= 1
                if waiting[caller] == 0 { open.append(caller) }
            }
        }
        for rule in starts.indices where waiting[rule] > 0 {
            // Not each rule that is left lies on a ring itself; follow it until one comes again.
            var seen: Set<Int> = []
            var current = rule
            while seen.insert(current).inserted {
                guard let next = begins[current].first(where: { waiting[$0] > 0 }) else { break }
                current = next
            }
            throw .leftRecursion(names[current])
        }
    }

    /// A rule is of use if some path through it ends, over rules that are of use.
    private func refuseEndlessRules() throws(GrammarError) {
        let ends = rulesThatEnd(takingBytes: true)
        if let endless = ends.firstIndex(of: false) { throw .endless(names[endless]) }
    }
}
