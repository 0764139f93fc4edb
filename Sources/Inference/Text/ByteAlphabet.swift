/// GPT-2's way to write any bytes as printable text: each byte is one character, itself where it is printable in
/// Latin-1, and one of U+0100 to U+0143 where it is not ("Ġ" for the space). Vocabularies and merges are written in it.
enum ByteAlphabet {
    /// The scalar value of each byte.
    static let scalars: [UInt32] = {
        var next: UInt32 = 256
        return (UInt32(0)...255).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF:
                return byte
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// The byte of each scalar value below 324, -1 where it stands for none.
    private static let bytesByScalar: [Int16] = {
        var result = [Int16](repeating: -1, count: 324)
        for (byte, scalar) in scalars.enumerated() { result[Int(scalar)] = Int16(byte) }
        return result
    }()

    static func byte(for scalar: UInt32) -> UInt8? {
        let value = Int(scalar)
        guard value < bytesByScalar.count, bytesByScalar[value] >= 0 else { return nil }
        return UInt8(bytesByScalar[value])
    }

    static func character(for byte: UInt8) -> String {
        Unicode.Scalar(scalars[Int(byte)]).map { String(Character($0)) } ?? ""
    }
}
