/// A field of a message as it stands on the wire (protobuf.dev, "Encoding"), whatever it means.
struct ProtobufField {
    enum Value {
        case varint(UInt64)
        case fixed([UInt8])
        /// A text, bytes or a message.
        case bytes([UInt8])
    }

    var number: UInt64
    var value: Value

    /// Nil where the bytes are no message.
    static func fields(of bytes: [UInt8]) -> [ProtobufField]? {
        var fields: [ProtobufField] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let tag = varint(&rest), tag >> 3 > 0 else { return nil }
            let value: Value
            switch tag & 7 {
            case 0:
                guard let number = varint(&rest) else { return nil }
                value = .varint(number)
            case 1, 5:
                let width = tag & 7 == 1 ? 8 : 4
                guard rest.count >= width else { return nil }
                value = .fixed(Array(rest.prefix(width)))
                rest = rest.dropFirst(width)
            case 2:
                guard let count = varint(&rest), count <= UInt64(rest.count) else { return nil }
                value = .bytes(Array(rest.prefix(Int(count))))
                rest = rest.dropFirst(Int(count))
            default: return nil
            }
            fields.append(ProtobufField(number: tag >> 3, value: value))
        }
        return fields
    }

    var encoded: [UInt8] {
        switch value {
        case .varint(let value): Self.varint(number << 3) + Self.varint(value)
        case .fixed(let bytes): Self.varint(number << 3 | (bytes.count == 8 ? 1 : 5)) + bytes
        case .bytes(let bytes): Self.varint(number << 3 | 2) + Self.varint(UInt64(bytes.count)) + bytes
        }
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
