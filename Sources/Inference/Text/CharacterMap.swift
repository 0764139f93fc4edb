/// The normalisation that a SentencePiece model brings along (`tokenizer.ggml.precompiled_charsmap`): the longest
/// prefix that the map knows is replaced.
///
/// The map is a double array of 32-bit units (Aoe 1989, in the packing of Darts-clone) and behind it the replacements,
/// each ending with a zero byte. It comes from a file: every step is checked, and one that leads outside finds nothing.
struct CharacterMap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]

    init(_ bytes: [UInt8]) throws(TokenizerError) {
        func unit(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count >= 4 else { throw .malformed(what: "its character map has \(bytes.count) bytes") }
        let size = Int(unit(0))
        guard size % 4 == 0, size <= bytes.count - 4 else {
            throw .malformed(what: "its character map says that it has \(size) bytes of \(bytes.count)")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map(unit)
        replacements = Array(bytes[(4 + size)...])
        guard units.isEmpty || replacements.last == 0 else {
            throw .malformed(what: "the last replacement of its character map does not end")
        }
    }

    private func unit(_ index: Int) -> UInt32? { index < units.count ? units[index] : nil }

    /// How far the children of a unit lie from it.
    private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }

    /// The longest known prefix of what begins at `start`: its length, and what replaces it.
    func match(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (length: Int, replacement: ArraySlice<UInt8>)? {
        guard let root = unit(0) else { return nil }
        var index = Self.offset(root)
        var found: (Int, Int)?
        for position in start..<bytes.count {
            let byte = bytes[position]
            index ^= Int(byte)
            guard byte != 0, let node = unit(index), node & (1 << 31 | 0xFF) == UInt32(byte) else { break }
            index ^= Self.offset(node)
            guard node >> 8 & 1 == 1 else { continue }
            guard let leaf = unit(index) else { break }
            found = (position + 1 - start, Int(leaf & (1 << 31 - 1)))
        }
        guard let (length, first) = found, first < replacements.count else { return nil }
        let end = replacements[first...].firstIndex(of: 0) ?? replacements.endIndex
        return (length, replacements[first..<end])
    }
}
