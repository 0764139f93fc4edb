/// The kinds of metadata values, numbered as in GGUF v3 (`gguf_metadata_value_type`).
enum GGUFValueType: UInt32 {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// Bytes of one value, or nil where the length is in the file.
    var fixedBytes: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }
}

/// A GGUF file's key-value section. Only the places of the values are kept: an array of a million tokens costs
/// nothing until it is asked for, and a file cannot make the reader allocate more than a small multiple of its own
/// size.
struct GGUFMetadata: Sendable {
    struct Entry: Sendable {
        let key: String
        let type: GGUFValueType
        /// The whole entry: key, type and value.
        let range: Range<Int>
        let valueOffset: Int
    }

    /// In the order of the file.
    private(set) var entries: [Entry] = []
    private var indexByKey: [String: Int] = [:]
    private let file: MappedFile

    enum Limit {
        /// Real files have 20 to 60 entries.
        static let entries: UInt64 = 4096
        /// GGUF v3 allows 65535; real keys have up to 60 bytes.
        static let keyBytes: UInt64 = 1024
        /// Arrays of arrays occur in no known model; GGUF v3 allows them.
        static let arrayDepth = 4
        /// The largest known vocabularies take about 12 MB.
        static let bytes = 256 << 20
    }

    init(reading count: UInt64, from reader: inout ByteReader, of file: MappedFile) throws(ModelFileError) {
        self.file = file
        guard count <= Limit.entries else {
            throw .implausible(
                what: "the number of metadata entries", value: "\(count)", allowed: "up to \(Limit.entries)")
        }
        let sectionStart = reader.offset
        for _ in 0..<count {
            let start = reader.offset
            let keyBytes = try reader.integer(UInt64.self, of: "the length of a metadata key")
            guard keyBytes > 0, keyBytes <= Limit.keyBytes else {
                throw .implausible(
                    what: "the length of a metadata key", value: "\(keyBytes)", allowed: "1 to \(Limit.keyBytes)")
            }
            let keyRange = try reader.take(keyBytes, of: "a metadata key")
            guard let key = String(validating: UnsafeRawBufferPointer(rebasing: reader.bytes[keyRange]), as: UTF8.self)
            else {
                throw .malformed(what: "a metadata key at byte \(start)", reason: "it is not UTF-8")
            }
            let type = try Self.valueType(from: &reader, key: key)
            let valueOffset = reader.offset
            try Self.skipValue(of: type, key: key, depth: 0, from: &reader)
            guard reader.offset - sectionStart <= Limit.bytes else {
                throw .implausible(
                    what: "the size of the metadata", value: "more than \(Limit.bytes) bytes", allowed: "less")
            }
            guard indexByKey.updateValue(entries.count, forKey: key) == nil else {
                throw .duplicate(what: "the metadata key \(quoted(key))")
            }
            entries.append(Entry(key: key, type: type, range: start..<reader.offset, valueOffset: valueOffset))
        }
    }

    private static func valueType(from reader: inout ByteReader, key: String) throws(ModelFileError) -> GGUFValueType {
        let raw = try reader.integer(UInt32.self, of: "the type of metadata entry \(quoted(key))")
        guard let type = GGUFValueType(rawValue: raw) else {
            throw .malformed(what: "metadata entry \(quoted(key))", reason: "\(raw) is no type that GGUF knows")
        }
        return type
    }

    private static func skipValue(
        of type: GGUFValueType, key: String, depth: Int, from reader: inout ByteReader
    ) throws(ModelFileError) {
        if type == .bool {
            guard try reader.integer(UInt8.self, of: "metadata entry \(quoted(key))") <= 1 else {
                throw .malformed(what: "metadata entry \(quoted(key))", reason: "a truth value is neither 0 nor 1")
            }
        } else if let size = type.fixedBytes {
            try reader.take(1, unitBytes: size, of: "metadata entry \(quoted(key))")
        } else if type == .string {
            let length = try reader.integer(UInt64.self, of: "metadata entry \(quoted(key))")
            try reader.take(length, of: "metadata entry \(quoted(key))")
        } else {
            guard depth < Limit.arrayDepth else {
                throw .malformed(
                    what: "metadata entry \(quoted(key))", reason: "arrays are nested deeper than \(Limit.arrayDepth)")
            }
            let elementType = try valueType(from: &reader, key: key)
            let count = try reader.integer(UInt64.self, of: "metadata entry \(quoted(key))")
            if let size = elementType.fixedBytes {
                try reader.take(count, unitBytes: size, of: "metadata entry \(quoted(key))")
            } else {
                // Every element takes 8 bytes or more, so a huge count runs into the end of the file, not into a long
                // wait.
                var left = count
                while left > 0 {
                    try skipValue(of: elementType, key: key, depth: depth + 1, from: &reader)
                    left -= 1
                }
            }
        }
    }
}

// MARK: - Values

extension GGUFMetadata {
    func has(_ key: String) -> Bool { indexByKey[key] != nil }

    private func entry(_ key: String) -> Entry? { indexByKey[key].map { entries[$0] } }

    /// A whole number of any width; nil where there is no such entry.
    func integer(_ key: String) throws(ModelFileError) -> UInt64? {
        guard let entry = entry(key) else { return nil }
        var reader = ByteReader(file.bytes, at: entry.valueOffset)
        guard let value = try Self.integer(of: entry.type, from: &reader), value >= 0 else {
            throw .wrongType(key: key, expected: "a whole number, zero or more")
        }
        return UInt64(value)
    }

    func real(_ key: String) throws(ModelFileError) -> Double? {
        guard let entry = entry(key) else { return nil }
        var reader = ByteReader(file.bytes, at: entry.valueOffset)
        switch entry.type {
        case .float32: return Double(Float(bitPattern: try reader.integer(UInt32.self, of: key)))
        case .float64: return Double(bitPattern: try reader.integer(UInt64.self, of: key))
        default: throw .wrongType(key: key, expected: "a real number")
        }
    }

    func bool(_ key: String) throws(ModelFileError) -> Bool? {
        guard let entry = entry(key) else { return nil }
        guard entry.type == .bool else { throw .wrongType(key: key, expected: "a truth value") }
        return file.bytes[entry.valueOffset] != 0
    }

    func string(_ key: String) throws(ModelFileError) -> String? {
        guard let entry = entry(key) else { return nil }
        guard entry.type == .string else { throw .wrongType(key: key, expected: "a text") }
        var reader = ByteReader(file.bytes, at: entry.valueOffset)
        let range = try reader.take(try reader.integer(UInt64.self, of: key), of: key)
        guard let text = String(validating: UnsafeRawBufferPointer(rebasing: file.bytes[range]), as: UTF8.self) else {
            throw .malformed(what: "metadata entry \(quoted(key))", reason: "its text is not UTF-8")
        }
        return text
    }

    func isArray(_ key: String) -> Bool { entry(key)?.type == .array }

    /// The number of elements of an array; nil where there is no such entry.
    func arrayCount(_ key: String) throws(ModelFileError) -> Int? {
        guard let (_, count, _) = try array(key) else { return nil }
        return count
    }

    /// The elements of an array of texts as the bytes they have in the file.
    func strings(_ key: String, atMost limit: Int) throws(ModelFileError) -> [[UInt8]]? {
        guard let (type, count, start) = try array(key) else { return nil }
        guard type == .string else { throw .wrongType(key: key, expected: "an array of texts") }
        try Self.check(count, of: key, atMost: limit)
        var reader = start
        var result: [[UInt8]] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            let range = try reader.take(try reader.integer(UInt64.self, of: key), of: key)
            result.append([UInt8](file.bytes[range]))
        }
        return result
    }

    /// The elements of an array of whole numbers.
    func integers(_ key: String, atMost limit: Int) throws(ModelFileError) -> [Int64]? {
        guard let (type, count, start) = try array(key) else { return nil }
        try Self.check(count, of: key, atMost: limit)
        var reader = start
        var result: [Int64] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            guard let value = try Self.integer(of: type, from: &reader), let number = Int64(exactly: value) else {
                throw .wrongType(key: key, expected: "an array of whole numbers")
            }
            result.append(number)
        }
        return result
    }

    /// The elements of an array of numbers, whole or real, as single precision.
    func reals(_ key: String, atMost limit: Int) throws(ModelFileError) -> [Float]? {
        guard let (type, count, start) = try array(key) else { return nil }
        guard type == .float32 else { return try integers(key, atMost: limit)?.map { Float($0) } }
        try Self.check(count, of: key, atMost: limit)
        var reader = start
        var result: [Float] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(Float(bitPattern: try reader.integer(UInt32.self, of: key))) }
        return result
    }

    /// The elements of an array of 8-bit numbers.
    func bytes(_ key: String, atMost limit: Int) throws(ModelFileError) -> [UInt8]? {
        guard let (type, count, start) = try array(key) else { return nil }
        guard type == .uint8 || type == .int8 else { throw .wrongType(key: key, expected: "an array of bytes") }
        try Self.check(count, of: key, atMost: limit)
        var reader = start
        return [UInt8](file.bytes[try reader.take(UInt64(count), of: key)])
    }

    private static func check(_ count: Int, of key: String, atMost limit: Int) throws(ModelFileError) {
        guard count <= limit else {
            throw .implausible(what: "the length of \(key)", value: "\(count)", allowed: "up to \(limit)")
        }
    }

    private func array(_ key: String) throws(ModelFileError) -> (GGUFValueType, Int, ByteReader)? {
        guard let entry = entry(key) else { return nil }
        guard entry.type == .array else { throw .wrongType(key: key, expected: "an array") }
        var reader = ByteReader(file.bytes, at: entry.valueOffset)
        let type = try Self.valueType(from: &reader, key: key)
        // The section was walked when it was read: a count that is not true did not get here.
        let count = Int(try reader.integer(UInt64.self, of: key))
        return (type, count, reader)
    }

    private static func integer(
        of type: GGUFValueType, from reader: inout ByteReader
    ) throws(ModelFileError) -> Int128? {
        switch type {
        case .uint8: Int128(try reader.integer(UInt8.self, of: "a number"))
        case .int8: Int128(try reader.integer(Int8.self, of: "a number"))
        case .uint16: Int128(try reader.integer(UInt16.self, of: "a number"))
        case .int16: Int128(try reader.integer(Int16.self, of: "a number"))
        case .uint32: Int128(try reader.integer(UInt32.self, of: "a number"))
        case .int32: Int128(try reader.integer(Int32.self, of: "a number"))
        case .uint64: Int128(try reader.integer(UInt64.self, of: "a number"))
        case .int64: Int128(try reader.integer(Int64.self, of: "a number"))
        case .float32, .float64, .bool, .string, .array: nil
        }
    }
}
