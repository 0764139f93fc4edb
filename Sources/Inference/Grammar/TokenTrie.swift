/// The bytes of a vocabulary's tokens as a tree in which tokens that begin alike share their beginnings, laid out in
/// the order in which it is walked. One for each vocabulary; shared by all that match grammars against it.
public struct TokenTrie: Sendable {
    /// Tokens that are longer take no part.
    static let tokenBytes = 512

    public let tokenCount: Int
    /// Tokens that end an answer.
    let ends: [Int32]

    /// For each node the byte that leads to it, how many lie above it, and the node behind its subtree.
    let bytes: [UInt8]
    let depths: [UInt16]
    let behind: [Int32]
    /// Node n is the end of the tokens from `firstToken[n]` up to `firstToken[n + 1]` of `tokens`.
    let firstToken: [Int32]
    let tokens: [Int32]
    /// Where each token's bytes lie in `text`.
    private let textStarts: [Int]
    private let text: [UInt8]

    /// - Parameters:
    ///   - text: the bytes of each token, nil for tokens that are no text.
    ///   - ends: tokens that end an answer; they count as no text.
    public init(tokenCount: Int, ends: [Int32], text: (Int32) -> ArraySlice<UInt8>?) {
        self.tokenCount = tokenCount
        self.ends = ends.filter { $0 >= 0 && Int($0) < tokenCount }
        let excluded = Set(ends)
        var all: [UInt8] = []
        var starts: [Int] = []
        starts.reserveCapacity(tokenCount + 1)
        var sorted: [Int32] = []
        for token in 0..<Int32(tokenCount) {
            starts.append(all.count)
            guard !excluded.contains(token), let bytes = text(token), !bytes.isEmpty, bytes.count <= Self.tokenBytes
            else { continue }
            all.append(contentsOf: bytes)
            sorted.append(token)
        }
        starts.append(all.count)
        textStarts = starts
        self.text = all

        all.withUnsafeBufferPointer { all in
            // By the first eight bytes as a number, then by the rest.
            var keys: [(key: UInt64, token: Int32)] = sorted.map { token in
                var key: UInt64 = 0
                let start = starts[Int(token)]
                let end = starts[Int(token) + 1]
                for place in start..<start + 8 { key = key << 8 | (place < end ? UInt64(all[place]) : 0) }
                return (key, token)
            }
            keys.sort { left, right in
                if left.key != right.key { return left.key < right.key }
                let one = all[starts[Int(left.token)]..<starts[Int(left.token) + 1]]
                let other = all[starts[Int(right.token)]..<starts[Int(right.token) + 1]]
                if one.elementsEqual(other) { return left.token < right.token }
                return one.lexicographicallyPrecedes(other)
            }
            for (place, pair) in keys.enumerated() { sorted[place] = pair.token }
        }
        tokens = sorted

        var bytes: [UInt8] = []
        var depths: [UInt16] = []
        var behind: [Int32] = []
        var firstToken: [Int32] = []
        var path: [Int] = []
        var last = 0..<0
        for (place, token) in sorted.enumerated() {
            let range = starts[Int(token)]..<starts[Int(token) + 1]
            var shared = 0
            while shared < range.count, shared < last.count,
                all[range.lowerBound + shared] == all[last.lowerBound + shared]
            {
                shared += 1
            }
            while path.count > shared { behind[path.removeLast()] = Int32(bytes.count) }
            for depth in shared..<range.count {
                path.append(bytes.count)
                bytes.append(all[range.lowerBound + depth])
                depths.append(UInt16(depth))
                behind.append(0)
                firstToken.append(Int32(place))
            }
            last = range
        }
        for node in path { behind[node] = Int32(bytes.count) }
        // A node is made by the first token that passes through it. If that one goes on, it makes the next node too,
        // and none is left in between; if not, it ends here, and so do those after it that make no node.
        firstToken.append(Int32(sorted.count))
        self.firstToken = firstToken
        self.bytes = bytes
        self.depths = depths
        self.behind = behind
    }

    /// What a token stands for; empty for those that are no text.
    func text(of token: Int32) -> ArraySlice<UInt8> {
        guard token >= 0, Int(token) < tokenCount else { return [] }
        return text[textStarts[Int(token)]..<textStarts[Int(token) + 1]]
    }

    func isEnd(_ token: Int32) -> Bool { ends.contains(token) }
}

extension TokenTrie {
    public init(_ vocabulary: Vocabulary) {
        let ids = 0..<Int32(vocabulary.count)
        self.init(tokenCount: vocabulary.count, ends: ids.filter { vocabulary.isEndOfGeneration($0) }) { token in
            vocabulary.isControl(token) ? nil : vocabulary.bytes(of: token)
        }
    }
}
