/// UTF-8 (RFC 3629), character by character. A byte that begins no valid sequence counts as one character of its own,
/// so that any bytes can be walked.
enum UTF8Scanner {
    /// Bytes of the sequence that `lead` begins, 0 where it begins none.
    @inline(__always)
    static func sequenceLength(_ lead: UInt8) -> Int {
        switch lead {
        case 0x00...0x7F: 1
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }

    /// Whether `byte` can be the one at `offset` of a sequence: no overlong forms, no surrogates, nothing above
    /// U+10FFFF.
    static func canFollow(_ byte: UInt8, lead: UInt8, at offset: Int) -> Bool {
        guard offset == 1 else { return (0x80...0xBF).contains(byte) }
        switch lead {
        case 0xE0: return (0xA0...0xBF).contains(byte)
        case 0xED: return (0x80...0x9F).contains(byte)
        case 0xF0: return (0x90...0xBF).contains(byte)
        case 0xF4: return (0x80...0x8F).contains(byte)
        default: return (0x80...0xBF).contains(byte)
        }
    }

    /// The character at `position`, which lies before `limit`: its scalar value, nil for a byte that is no UTF-8, and
    /// its length in bytes.
    @inline(__always)
    static func character(
        in bytes: UnsafeBufferPointer<UInt8>, at position: Int, limit: Int
    ) -> (scalar: UInt32?, length: Int) {
        let lead = bytes[position]
        if lead < 0x80 { return (UInt32(lead), 1) }
        return longCharacter(in: bytes, at: position, limit: limit)
    }

    private static func longCharacter(
        in bytes: UnsafeBufferPointer<UInt8>, at position: Int, limit: Int
    ) -> (scalar: UInt32?, length: Int) {
        let lead = bytes[position]
        let length = sequenceLength(lead)
        guard length > 1, position + length <= limit else { return (nil, 1) }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            let byte = bytes[position + offset]
            guard canFollow(byte, lead: lead, at: offset) else { return (nil, 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        return (value, length)
    }
}
