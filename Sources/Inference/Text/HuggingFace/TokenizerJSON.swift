/// A JSON document (RFC 8259) as a tokenizer.json file holds it. Texts stay bytes: two tokens that Unicode calls
/// equivalent are two tokens, and as keys of a `Dictionary` of `String` they would be one.
enum TokenizerJSON {
    case null
    case bool(Bool)
    case number(Double)
    case text([UInt8])
    case list([TokenizerJSON])
    /// In the order of the file.
    case object([(key: [UInt8], value: TokenizerJSON)])

    enum Limit {
        static let depth = 64
        static let bytes = 512 << 20
    }

    /// - Throws: `TokenizerError.malformed` for what is not JSON, or nested deeper than any such file.
    init(_ bytes: [UInt8]) throws(TokenizerError) {
        guard bytes.count <= Limit.bytes else { throw .malformed(what: "it has \(bytes.count) bytes") }
        var parser = Parser(bytes: bytes)
        self = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure }
    }

    subscript(key: String) -> TokenizerJSON? {
        guard case .object(let entries) = self else { return nil }
        let found = entries.first { $0.key.elementsEqual(key.utf8) }?.value
        if case .null? = found { return nil }
        return found
    }

    var bytes: [UInt8]? {
        if case .text(let bytes) = self { return bytes }
        return nil
    }

    var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    var bool: Bool? {
        if case .bool(let flag) = self { return flag }
        return nil
    }

    var list: [TokenizerJSON]? {
        if case .list(let list) = self { return list }
        return nil
    }

    var real: Double? {
        if case .number(let number) = self { return number }
        return nil
    }

    /// A whole number that a token can have.
    var id: Int32? { real.flatMap { Int32(exactly: $0) } }
}

private struct Parser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    var failure: TokenizerError { .malformed(what: "it is not JSON at byte \(position)") }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func value(depth: Int) throws(TokenizerError) -> TokenizerJSON {
        guard depth < TokenizerJSON.Limit.depth else { throw failure }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth))
        case UInt8(ascii: "["): return .list(try list(depth))
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func word(_ word: String, _ value: TokenizerJSON) throws(TokenizerError) -> TokenizerJSON {
        guard bytes[position...].starts(with: word.utf8) else { throw failure }
        position += word.utf8.count
        return value
    }

    private mutating func object(_ depth: Int) throws(TokenizerError) -> [(key: [UInt8], value: TokenizerJSON)] {
        position += 1
        var entries: [(key: [UInt8], value: TokenizerJSON)] = []
        if take(UInt8(ascii: "}")) { return entries }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure }
            let key = try text()
            guard take(UInt8(ascii: ":")) else { throw failure }
            entries.append((key, try value(depth: depth + 1)))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw failure }
        return entries
    }

    private mutating func list(_ depth: Int) throws(TokenizerError) -> [TokenizerJSON] {
        position += 1
        var values: [TokenizerJSON] = []
        if take(UInt8(ascii: "]")) { return values }
        repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw failure }
        return values
    }

    private mutating func number() throws(TokenizerError) -> Double {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        guard position - start <= 64, let number = Double(String(decoding: bytes[start..<position], as: UTF8.self))
        else { throw failure }
        return number
    }

    private mutating func text() throws(TokenizerError) -> [UInt8] {
        position += 1
        var result: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return result
            case UInt8(ascii: "\\"): try escape(into: &result)
            case 0..<0x20: throw failure
            default: result.append(byte)
            }
        }
        throw failure
    }

    private mutating func escape(into result: inout [UInt8]) throws(TokenizerError) {
        guard let byte = next else { throw failure }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"):
            var value = try unit()
            if (0xD800..<0xDC00).contains(value), next == UInt8(ascii: "\\") {
                position += 1
                guard next == UInt8(ascii: "u") else { throw failure }
                position += 1
                let low = try unit()
                guard (0xDC00..<0xE000).contains(low) else { throw failure }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw failure }
            result.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw failure
        }
    }

    private mutating func unit() throws(TokenizerError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure }
        position += 4
        return value
    }
}
