/// Decodes UTF-8 (RFC 3629) scalar by scalar; a byte that begins no valid sequence comes out alone, as nil.
struct UTF8Scanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> (scalar: Unicode.Scalar?, start: Int)? {
        guard position < bytes.count else { return nil }
        let start = position
        let lead = bytes[start]
        let length = Self.sequenceLength(lead)
        position += 1
        if length == 1 { return (Unicode.Scalar(lead), start) }
        guard length > 1, start + length <= bytes.count else { return (nil, start) }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            let byte = bytes[start + offset]
            guard Self.canFollow(byte, lead: lead, at: offset) else { return (nil, start) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        position = start + length
        return (Unicode.Scalar(value), start)
    }

    /// Bytes of the sequence that `lead` begins, 0 where it begins none.
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
}
