/// The tokens that may follow, one bit for each of the vocabulary.
public struct TokenMask: Sendable, Equatable {
    public let count: Int
    /// Token t is bit t % 64 of word t / 64.
    public internal(set) var words: [UInt64]

    public init(count: Int) {
        self.count = count
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
    }

    public subscript(token: Int32) -> Bool {
        get {
            guard token >= 0, Int(token) < count else { return false }
            return words[Int(token) >> 6] & 1 << UInt64(token & 63) != 0
        }
        set {
            guard token >= 0, Int(token) < count else { return }
            let bit: UInt64 = 1 << UInt64(token & 63)
            if newValue { words[Int(token) >> 6] |= bit } else { words[Int(token) >> 6] &= ~bit }
        }
    }

    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
    /// The allowed tokens, ascending.
    public var tokens: [Int32] { (0..<Int32(count)).filter { self[$0] } }
}
