/// Which characters stand side by side within some token. Where two stand side by side in a text and in no token, no
/// token crosses, so the text can be cut there and both halves encoded by themselves: whole texts fall into words,
/// which repeat. The filter may say yes wrongly, which only leaves a cut out.
struct AdjacencyFilter: Sendable {
    private var words: [UInt64]
    private let mask: UInt64

    init(pieceBytes: Int) {
        // Some 20 bits for each neighbourhood of a large vocabulary's.
        var bits = 1 << 12
        while bits < 1 << 23, bits < pieceBytes * 4 { bits *= 2 }
        words = [UInt64](repeating: 0, count: bits / 64)
        mask = UInt64(bits - 1)
    }

    /// Says yes to all.
    static let joiningAll: AdjacencyFilter = {
        var filter = AdjacencyFilter(pieceBytes: 0)
        for index in filter.words.indices { filter.words[index] = .max }
        return filter
    }()

    @inline(__always)
    private func bit(_ left: UInt32, _ right: UInt32) -> UInt64 {
        ((UInt64(left) << 32 | UInt64(right)) &* 0x9E37_79B9_7F4A_7C15) >> 32 & mask
    }

    mutating func insert(_ piece: UnsafeBufferPointer<UInt8>) {
        var position = 0
        var left: UInt32?
        while position < piece.count {
            let (scalar, length) = UTF8Scanner.character(in: piece, at: position, limit: piece.count)
            let right = scalar ?? Self.broken(piece[position])
            if let left {
                let bit = bit(left, right)
                words[Int(bit >> 6)] |= 1 << (bit & 63)
            }
            left = right
            position += length
        }
    }

    @inline(__always)
    private func contains(_ left: UInt32, _ right: UInt32) -> Bool {
        let bit = bit(left, right)
        return words[Int(bit >> 6)] >> (bit & 63) & 1 != 0
    }

    private static func broken(_ byte: UInt8) -> UInt32 { 0x8000_0000 | UInt32(byte) }

    /// Calls `body` with the parts that no token joins, in order and without gaps.
    @inline(__always)
    func forEachPart(in bytes: UnsafeBufferPointer<UInt8>, range: Range<Int>, _ body: (Range<Int>) -> Void) {
        var start = range.lowerBound
        var position = start
        var left: UInt32 = 0
        while position < range.upperBound {
            let (scalar, length) = UTF8Scanner.character(in: bytes, at: position, limit: range.upperBound)
            let right = scalar ?? Self.broken(bytes[position])
            if position > start, !contains(left, right) {
                body(start..<position)
                start = position
            }
            left = right
            position += length
        }
        if start < range.upperBound { body(start..<range.upperBound) }
    }
}
