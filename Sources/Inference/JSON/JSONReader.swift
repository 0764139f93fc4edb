/// Why a text is not taken as JSON.
public enum JSONError: Error, Equatable, Sendable {
    case malformed(offset: Int, problem: String)
    case limit(what: String)
}

extension JSONError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let offset, let problem): "This is no JSON: at byte \(offset), \(problem); correct it."
        case .limit(let what): "The JSON document has \(what); use a smaller one."
        }
    }
}

extension JSONValue {
    /// What a document may take up.
    public struct Limits: Sendable {
        public var bytes: Int
        /// Arrays and objects inside each other.
        public var depth: Int
        /// Values, keys included.
        public var values: Int

        public init(bytes: Int = 1 << 24, depth: Int = 64, values: Int = 1 << 20) {
            self.bytes = bytes
            self.depth = depth
            self.values = values
        }
    }

    /// - Throws: `JSONError`. A key that stands twice is refused: readers differ in which of the two they take.
    public init(parsing text: String, limits: Limits = Limits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    public init(parsing bytes: some Collection<UInt8>, limits: Limits = Limits()) throws(JSONError) {
        guard bytes.count <= limits.bytes else { throw .limit(what: "more than \(limits.bytes) bytes") }
        self = try Array(bytes).withUnsafeBufferPointer { (bytes) throws(JSONError) in
            var reader = JSONReader(bytes, limits)
            return try reader.document()
        }
    }
}

/// Reads by recursive descent, never deeper than `Limits.depth`.
private struct JSONReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONValue.Limits
    private var offset = 0
    private var valueCount = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: JSONValue.Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard offset == bytes.count else { throw problem("something follows the document") }
        return value
    }

    private func problem(_ text: String) -> JSONError { .malformed(offset: offset, problem: text) }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func take(_ letter: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: letter) else { return false }
        offset += 1
        return true
    }

    private mutating func count() throws(JSONError) {
        valueCount += 1
        guard valueCount <= limits.values else { throw .limit(what: "more than \(limits.values) values") }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= limits.depth else { throw .limit(what: "more than \(limits.depth) levels") }
        try count()
        skipSpace()
        switch next {
        case UInt8(ascii: "{"):
            offset += 1
            return try object(depth: depth)
        case UInt8(ascii: "["):
            offset += 1
            return try array(depth: depth)
        case UInt8(ascii: "\""):
            return .string(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard bytes[offset...].starts(with: word.utf8) else { throw problem("a value is missing") }
        offset += word.utf8.count
        return value
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        var items: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(items) }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return .array(items) }
            guard take(",") else { throw problem("\",\" or \"]\" is missing") }
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        skipSpace()
        if take("}") { return .object(JSONObject()) }
        while true {
            skipSpace()
            try count()
            let key = try text()
            skipSpace()
            guard take(":") else { throw problem("\":\" is missing") }
            members.append((key, try value(depth: depth + 1)))
            skipSpace()
            if take("}") {
                let (object, twice) = JSONObject.unique(members)
                if let twice { throw problem("the key \(quoted(twice)) stands twice") }
                return .object(object)
            }
            guard take(",") else { throw problem("\",\" or \"}\" is missing") }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = offset
        let isNegative = take("-")
        let whole = offset
        skipDigits()
        guard offset > whole else {
            throw problem(start == offset && next == nil ? "it ends too early" : "a value is missing")
        }
        guard bytes[whole] != UInt8(ascii: "0") || offset == whole + 1 else {
            throw problem("a number begins with 0")
        }
        var isWhole = true
        if take(".") {
            isWhole = false
            let fraction = offset
            skipDigits()
            guard offset > fraction else { throw problem("a digit is missing") }
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("-") { _ = take("+") }
            let exponent = offset
            skipDigits()
            guard offset > exponent else { throw problem("a digit is missing") }
        }
        if isWhole, !isNegative, offset - start <= 18 {
            return .integer(bytes[start..<offset].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) })
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        // "-0" is a real number: as a whole one it would lose its sign.
        if isWhole, let number = Int(text), !(isNegative && number == 0) { return .integer(number) }
        guard let number = Double(text) else { throw problem("a number cannot be read") }
        return .real(number)
    }

    private mutating func skipDigits() {
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
    }

    private mutating func text() throws(JSONError) -> String {
        guard take("\"") else { throw problem("a text is missing") }
        // Up to the first escape a text is what stands there; most have none.
        let start = offset
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { offset += 1 }
        if take("\"") { return try string(UnsafeBufferPointer(rebasing: bytes[start..<offset - 1])) }
        var result = Array(bytes[start..<offset])
        while let byte = next {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try result.withUnsafeBufferPointer { (text) throws(JSONError) in try string(text) }
            case UInt8(ascii: "\\"): try appendEscape(to: &result)
            case 0..<0x20:
                offset -= 1
                throw problem("a text holds a control character")
            default: result.append(byte)
            }
        }
        throw problem("a text does not end")
    }

    private func string(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> String {
        var position = 0
        while position < bytes.count {
            let (scalar, length) = UTF8Scanner.character(in: bytes, at: position, limit: bytes.count)
            guard scalar != nil else { throw problem("a text is not UTF-8") }
            position += length
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func appendEscape(to result: inout [UInt8]) throws(JSONError) {
        guard let letter = next else { throw problem("a text does not end") }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(letter)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hexadecimal()
            if (0xD800..<0xDC00).contains(unit) {
                guard take("\\"), take("u") else { throw problem("half of a surrogate pair is missing") }
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw problem("half of a surrogate pair is missing") }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw problem("half of a surrogate pair is missing") }
            result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw problem("an escape is unknown")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard offset + 4 <= bytes.count,
            bytes[offset..<offset + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 }),
            let value = UInt32(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
        else { throw problem("four hexadecimal digits are missing") }
        offset += 4
        return value
    }
}
