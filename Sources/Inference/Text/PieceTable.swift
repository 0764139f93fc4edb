/// Finds numbers by the bytes they belong to: an open-addressed table over runs of one long array.
struct PieceTable: Sendable {
    private let bytes: [UInt8]
    private let starts: [Int]
    /// Of each run, as far as it is in the table: its length and its first bytes.
    private var heads: [UInt64]
    /// The number of a run, -1 where the slot is free.
    private var slots: [Int32]
    /// The numbers of runs of one byte, -1 where there is none.
    private var singles = [Int32](repeating: -1, count: 256)
    private let mask: Int
    private(set) var longest = 0

    /// A table that is at most half full has probes of a few steps; one of so many was made to be slow.
    private static let longestProbe = 4096

    /// - Parameters:
    ///   - starts: where each run begins, and at last where the last one ends.
    init(bytes: [UInt8], starts: [Int], capacity: Int) {
        self.bytes = bytes
        self.starts = starts
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        heads = [UInt64](repeating: 0, count: max(0, starts.count - 1))
        mask = size - 1
    }

    /// - Returns: the number that has these bytes already, or nil where they are new.
    /// - Throws: `TokenizerError.malformed` for a table made of bytes that all hash alike.
    mutating func insert(_ number: Int32) throws(TokenizerError) -> Int32? {
        let range = starts[Int(number)]..<starts[Int(number) + 1]
        var head: UInt64 = 0
        let (slot, known) = bytes.withUnsafeBufferPointer { bytes -> (Int?, Int32?) in
            let piece = UnsafeBufferPointer(rebasing: bytes[range])
            head = Self.head(piece)
            var slot = Int(truncatingIfNeeded: PieceHash.hash(piece)) & mask
            for _ in 0..<Self.longestProbe {
                let other = slots[slot]
                if other < 0 { return (slot, nil) }
                if equal(piece, head, other, bytes) { return (nil, other) }
                slot = (slot + 1) & mask
            }
            return (nil, nil)
        }
        if let known { return known }
        guard let slot else { throw .malformed(what: "its tokens all look alike") }
        if range.count == 1 { singles[Int(bytes[range.lowerBound])] = number }
        slots[slot] = number
        heads[Int(number)] = head
        longest = max(longest, range.count)
        return nil
    }

    /// A short run, whole; of a longer one what tells it apart from nearly all others. Runs lie far apart, and waiting for
    /// their bytes would cost more than all else.
    @inline(__always)
    private static func head(_ piece: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let length = UInt64(min(piece.count, 255)) << 56
        if piece.count >= 8 {
            let bytes = UInt64(littleEndian: UnsafeRawBufferPointer(piece).loadUnaligned(as: UInt64.self))
            return length | bytes & 0xFF_FFFF_FFFF_FFFF
        }
        if piece.count >= 4 {
            // The two halves may overlap: then they agree.
            let first = UInt32(littleEndian: UnsafeRawBufferPointer(piece).loadUnaligned(as: UInt32.self))
            let last = UInt32(
                littleEndian: UnsafeRawBufferPointer(piece).loadUnaligned(
                    fromByteOffset: piece.count - 4, as: UInt32.self))
            return length | UInt64(first) | UInt64(last) << UInt64((piece.count - 4) * 8)
        }
        var bytes: UInt64 = 0
        for byte in piece.reversed() { bytes = bytes << 8 | UInt64(byte) }
        return length | bytes
    }

    @inline(__always)
    private func equal(
        _ piece: UnsafeBufferPointer<UInt8>, _ head: UInt64, _ number: Int32, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard heads[Int(number)] == head else { return false }
        guard piece.count > 7 else { return true }
        let start = starts[Int(number)]
        guard starts[Int(number) + 1] - start == piece.count else { return false }
        for offset in 7..<piece.count where bytes[start + offset] != piece[offset] { return false }
        return true
    }

    func find(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? {
        if piece.count == 1 { return singles[Int(piece[0])] >= 0 ? singles[Int(piece[0])] : nil }
        return piece.count > longest ? nil : find(piece, hash: PieceHash.hash(piece))
    }

    /// - Parameter hash: `PieceHash.hash(piece)`.
    func find(_ piece: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int32? {
        bytes.withUnsafeBufferPointer { bytes in
            var slot = Int(truncatingIfNeeded: hash) & mask
            var number = slots[slot]
            // Most of what is looked for is not there.
            guard number >= 0 else { return nil }
            let head = Self.head(piece)
            while number >= 0 {
                if equal(piece, head, number, bytes) { return number }
                slot = (slot + 1) & mask
                number = slots[slot]
            }
            return nil
        }
    }

    /// Whether the run of that number is these two behind each other.
    func joins(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>, to number: Int32) -> Bool {
        guard number >= 0, Int(number) + 1 < starts.count else { return false }
        let run = bytes[starts[Int(number)]..<starts[Int(number) + 1]]
        return run.count == left.count + right.count && run.starts(with: left) && run.suffix(right.count) == right
    }
}

/// FNV-1a's steps over 64 bits, with a last mixing so that every bit of the result depends on every byte. It can be
/// taken byte by byte.
enum PieceHash {
    static let seed: UInt64 = 0xCBF2_9CE4_8422_2325

    @inline(__always)
    static func step(_ state: UInt64, _ byte: UInt8) -> UInt64 { (state ^ UInt64(byte)) &* 0x100_0000_01B3 }

    @inline(__always)
    static func finish(_ state: UInt64) -> UInt64 {
        let mixed = (state ^ (state >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ (mixed >> 29)
    }

    @inline(__always)
    static func hash(_ piece: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var state = seed
        for byte in piece { state = step(state, byte) }
        return finish(state)
    }
}
