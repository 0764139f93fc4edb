/// Finds numbers by the bytes they belong to: an open-addressed table over runs of one long array.
struct PieceTable: Sendable {
    private let bytes: [UInt8]
    private let starts: [Int]
    /// The number of a run, -1 where the slot is free.
    private var slots: [Int32]
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
        mask = size - 1
    }

    /// - Returns: the number that has these bytes already, or nil where they are new.
    /// - Throws: `TokenizerError.malformed` for a table made of bytes that all hash alike.
    mutating func insert(_ number: Int32) throws(TokenizerError) -> Int32? {
        let range = starts[Int(number)]..<starts[Int(number) + 1]
        let (slot, known) = bytes.withUnsafeBufferPointer { bytes -> (Int?, Int32?) in
            let piece = UnsafeBufferPointer(rebasing: bytes[range])
            var slot = Int(truncatingIfNeeded: PieceHash.hash(piece)) & mask
            for _ in 0..<Self.longestProbe {
                let other = slots[slot]
                if other < 0 { return (slot, nil) }
                if equal(piece, other, bytes) { return (nil, other) }
                slot = (slot + 1) & mask
            }
            return (nil, nil)
        }
        if let known { return known }
        guard let slot else { throw .malformed(what: "its tokens all look alike") }
        slots[slot] = number
        longest = max(longest, range.count)
        return nil
    }

    private func equal(
        _ piece: UnsafeBufferPointer<UInt8>, _ number: Int32, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let start = starts[Int(number)]
        guard starts[Int(number) + 1] - start == piece.count else { return false }
        for offset in 0..<piece.count where bytes[start + offset] != piece[offset] { return false }
        return true
    }

    func find(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? {
        piece.count > longest ? nil : find(piece, hash: PieceHash.hash(piece))
    }

    /// - Parameter hash: `PieceHash.hash(piece)`.
    func find(_ piece: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int32? {
        bytes.withUnsafeBufferPointer { bytes in
            var slot = Int(truncatingIfNeeded: hash) & mask
            while true {
                let number = slots[slot]
                if number < 0 { return nil }
                if equal(piece, number, bytes) { return number }
                slot = (slot + 1) & mask
            }
        }
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
