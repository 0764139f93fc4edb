/// Finds the tokens that are matched as a whole wherever they stand in a text: the leftmost first, and of those that
/// begin at one place the longest.
struct SpecialTokens: Sendable {
    enum Part: Equatable {
        case token(Int32)
        case text(Range<Int>)
    }

    /// Which white space beside it a token swallows.
    struct Stripping: OptionSet, Sendable {
        let rawValue: UInt8
        static let before = Stripping(rawValue: 1)
        static let behind = Stripping(rawValue: 2)
    }

    /// Some of the special tokens by their texts.
    private struct Index: Sendable {
        var table: PieceTable
        /// By first byte: whether a token begins with it.
        var mayBegin = [Bool](repeating: false, count: 256)
        /// By first byte; how long the tokens are that begin with it, the longest first.
        var lengths = [[Int]](repeating: [], count: 256)
        /// Which two bytes some token may begin with.
        var beginnings = [Bool](repeating: false, count: 1 << 16)

        init(_ vocabulary: Vocabulary, where belongs: (Vocabulary.Kind) -> Bool) throws(TokenizerError) {
            let ids = (0..<Int32(vocabulary.count)).filter { belongs(vocabulary.kind(of: $0)) }
            table = PieceTable(bytes: vocabulary.bytes, starts: vocabulary.starts, capacity: ids.count)
            for id in ids {
                let text = vocabulary.bytes(of: id)
                guard let first = text.first, try table.insert(id) == nil else { continue }
                let begin = Int(first) << 8
                mayBegin[Int(first)] = true
                if text.count == 1 {
                    for second in 0..<256 { beginnings[begin | second] = true }
                } else {
                    beginnings[begin | Int(text[text.startIndex + 1])] = true
                }
                if !lengths[Int(first)].contains(text.count) { lengths[Int(first)].append(text.count) }
            }
            for first in lengths.indices { lengths[first].sort(by: >) }
        }

        @inline(__always)
        func find(in bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (id: Int32, length: Int)? {
            if position + 1 < bytes.count, !beginnings[Int(bytes[position]) << 8 | Int(bytes[position + 1])] {
                return nil
            }
            return findLongest(in: bytes, at: position)
        }

        private func findLongest(
            in bytes: UnsafeBufferPointer<UInt8>, at position: Int
        ) -> (id: Int32, length: Int)? {
            for length in lengths[Int(bytes[position])] where length <= bytes.count - position {
                let text = UnsafeBufferPointer(rebasing: bytes[position..<position + length])
                if let id = table.find(text) { return (id, length) }
            }
            return nil
        }
    }

    private let all: Index
    private let userDefined: Index
    private let stripping: [Int32: Stripping]

    init(_ vocabulary: Vocabulary, stripping: [Int32: Stripping] = [:]) throws(TokenizerError) {
        all = try Index(vocabulary) { $0 == .control || $0 == .userDefined || $0 == .unknown }
        userDefined = try Index(vocabulary) { $0 == .userDefined }
        self.stripping = stripping
    }

    /// - Parameter includingControl: whether control tokens are found; user-defined ones always are.
    func forEachPart(of bytes: UnsafeBufferPointer<UInt8>, includingControl: Bool, _ body: (Part) -> Void) {
        let index = includingControl ? all : userDefined
        var textStart = 0
        var position = 0
        while position < bytes.count {
            guard index.mayBegin[Int(bytes[position])], let (id, length) = index.find(in: bytes, at: position) else {
                position += 1
                continue
            }
            let stripping = stripping[id] ?? []
            var textEnd = position
            if stripping.contains(.before) {
                while textEnd > textStart, Self.isSpace(bytes[textEnd - 1]) { textEnd -= 1 }
            }
            if textStart < textEnd { body(.text(textStart..<textEnd)) }
            body(.token(id))
            position += length
            if stripping.contains(.behind) {
                while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
            }
            textStart = position
        }
        if textStart < bytes.count { body(.text(textStart..<bytes.count)) }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
