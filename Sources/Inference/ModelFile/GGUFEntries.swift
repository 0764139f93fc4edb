/// Metadata entries of a GGUF v3 file in the making, one after the other.
struct GGUFEntries {
    private(set) var count = 0
    /// Key, type and value of each.
    private(set) var bytes: [UInt8] = []

    /// What a file begins with that has so many tensors and metadata entries.
    static func header(tensors: Int = 0, entries: Int) -> [UInt8] {
        var head = Array("GGUF".utf8)
        head.append(littleEndian: UInt32(3))
        head.append(littleEndian: UInt64(tensors))
        head.append(littleEndian: UInt64(entries))
        return head
    }

    /// A whole file of these entries, without tensors.
    var file: [UInt8] { Self.header(entries: count) + bytes }

    mutating func add(_ key: String, _ flag: Bool) {
        begin(key, .bool)
        bytes.append(flag ? 1 : 0)
    }

    mutating func add(_ key: String, _ number: UInt32) {
        begin(key, .uint32)
        bytes.append(littleEndian: number)
    }

    mutating func add(_ key: String, _ number: Float) {
        begin(key, .float32)
        bytes.append(littleEndian: number.bitPattern)
    }

    mutating func add(_ key: String, _ text: String) {
        begin(key, .string)
        append(text.utf8)
    }

    mutating func add(_ key: String, _ texts: some Collection<some Collection<UInt8>>) {
        begin(key, arrayOf: .string, count: texts.count)
        for text in texts { append(text) }
    }

    mutating func add(_ key: String, _ numbers: [Int32]) {
        begin(key, arrayOf: .int32, count: numbers.count)
        for number in numbers { bytes.append(littleEndian: number) }
    }

    /// Numbers of single precision as a file has them.
    mutating func add(_ key: String, floats: some Collection<UInt8>) {
        begin(key, arrayOf: .float32, count: floats.count / 4)
        bytes.append(contentsOf: floats)
    }

    private mutating func begin(_ key: String, _ type: GGUFValueType) {
        count += 1
        append(key.utf8)
        bytes.append(littleEndian: type.rawValue)
    }

    private mutating func begin(_ key: String, arrayOf type: GGUFValueType, count: Int) {
        begin(key, .array)
        bytes.append(littleEndian: type.rawValue)
        bytes.append(littleEndian: UInt64(count))
    }

    private mutating func append(_ text: some Collection<UInt8>) {
        bytes.append(littleEndian: UInt64(text.count))
        bytes.append(contentsOf: text)
    }
}
