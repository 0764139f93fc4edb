/// A format that an answer must keep to, compiled to a pushdown automaton over the bytes of UTF-8.
///
/// Nodes stand for what may come at a place. A node `bytes` takes one byte out of a set; `split` goes on at any of
/// several nodes; `call` goes into a rule and comes back; `end` leaves a rule. `GrammarMatcher` walks it.
///
/// Whether a text keeps to the format depends on nothing but grammar and text, so that any peer can go on with an
/// answer from its tokens.
public struct Grammar: Sendable {
    enum Node: Sendable, Equatable {
        case bytes(set: Int32, next: Int32)
        case split([Int32])
        case call(rule: Int32, next: Int32)
        case end
    }

    let nodes: [Node]
    /// The first node of each rule; rule 0 is where a text begins.
    let starts: [Int32]
    /// Bytes that no set of the grammar tells apart are of one class.
    let classOf: [UInt8]
    let classCount: Int
    /// Whether set s holds class c: at s * classCount + c.
    let setHolds: [Bool]

    /// - Parameter source: a grammar in the notation of GBNF, which begins with the rule `root`.
    /// - Throws: `GrammarError`.
    public init(gbnf source: String) throws(GrammarError) {
        try self.init(try GrammarParser.parse(source))
    }

    init(_ rules: GrammarRules) throws(GrammarError) {
        var compiler = GrammarCompiler(rules)
        try compiler.compile()
        nodes = compiler.nodes
        starts = compiler.starts
        (classOf, classCount) = ByteSet.classes(of: compiler.sets)
        var representative = [UInt8](repeating: 0, count: classCount)
        for byte in UInt8.min...UInt8.max { representative[Int(classOf[Int(byte)])] = byte }
        setHolds = compiler.sets.flatMap { set in representative.map { set.contains($0) } }
    }
}

/// A set of bytes.
struct ByteSet: Hashable, Sendable {
    private var words = SIMD4<UInt64>(repeating: 0)

    init(_ ranges: [ClosedRange<UInt8>]) {
        for range in ranges {
            for byte in range { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
        }
    }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] & 1 << UInt64(byte & 63) != 0 }

    /// A class for each byte, the same for those that all sets hold alike.
    static func classes(of sets: [ByteSet]) -> (classOf: [UInt8], count: Int) {
        var classOf = [Int](repeating: 0, count: 256)
        var count = 1
        var split = [Int](repeating: -1, count: 512)
        for set in sets where count < 256 {
            for key in split.indices { split[key] = -1 }
            count = 0
            for byte in 0..<256 {
                let key = classOf[byte] * 2 + (set.contains(UInt8(byte)) ? 1 : 0)
                if split[key] < 0 {
                    split[key] = count
                    count += 1
                }
                classOf[byte] = split[key]
            }
        }
        return (classOf.map { UInt8($0) }, count)
    }
}
