/// A JSON document (RFC 8259) in memory.
public enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A whole number that 64 bits hold, written without fraction and exponent.
    case integer(Int)
    case real(Double)
    case string(String)
    case array([JSONValue])
    indirect case object(JSONObject)

    public subscript(key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    public var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    public var real: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .real(let number): number
        default: nil
        }
    }

    /// The type in words, for messages.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .integer, .real: "a number"
        case .string: "a text"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Keys and values in the order in which they were written; every key stands once.
///
/// Keys are compared byte for byte: Swift takes canonically equivalent texts for equal, JSON does not.
public struct JSONObject: Sendable {
    public private(set) var keys: [String] = []
    private var values: [JSONValue] = []
    /// Where each key stands, once there are too many to look through.
    private var places: [Key: Int] = [:]

    private static let fewKeys = 8

    private struct Key: Hashable, Sendable {
        let text: String

        static func == (left: Key, right: Key) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    public init() {}

    public init(_ members: [(String, JSONValue)]) {
        for (key, value) in members { self[key] = value }
    }

    private func place(of key: String) -> Int? {
        guard places.isEmpty else { return places[Key(text: key)] }
        return keys.firstIndex { $0.utf8.elementsEqual(key.utf8) }
    }

    public subscript(key: String) -> JSONValue? {
        get { place(of: key).map { values[$0] } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): values[place] = value
            case (nil, let value?): add(key, value)
            case (nil, nil): break
            case (let place?, nil):
                keys.remove(at: place)
                values.remove(at: place)
                places = [:]
                if keys.count > Self.fewKeys { index() }
            }
        }
    }

    /// An object of these members, and a key that stands twice among them, if one does.
    static func unique(_ members: [(key: String, value: JSONValue)]) -> (JSONObject, twice: String?) {
        var object = JSONObject()
        object.keys = members.map(\.key)
        object.values = members.map(\.value)
        if members.count > fewKeys {
            object.places.reserveCapacity(members.count)
            for (place, key) in object.keys.enumerated()
            where object.places.updateValue(place, forKey: Key(text: key)) != nil { return (object, key) }
        } else {
            for (place, key) in object.keys.enumerated() where object.place(of: key) != place { return (object, key) }
        }
        return (object, nil)
    }

    private mutating func add(_ key: String, _ value: JSONValue) {
        keys.append(key)
        values.append(value)
        if !places.isEmpty {
            places[Key(text: key)] = keys.count - 1
        } else if keys.count > Self.fewKeys {
            index()
        }
    }

    private mutating func index() {
        places.reserveCapacity(keys.count)
        for (place, key) in keys.enumerated() { places[Key(text: key)] = place }
    }

    public var count: Int { keys.count }
    public var members: [(key: String, value: JSONValue)] { zip(keys, values).map { ($0, $1) } }
}

extension JSONObject: Equatable {
    /// The order of the members does not count.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && zip(left.keys, left.values).allSatisfy { right[$0] == $1 }
    }
}

// MARK: - Writing

extension JSONValue {
    /// The document on one line, without spaces; texts as they are but for what JSON demands to be escaped.
    public var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += Array("null".utf8)
        case .bool(let flag): bytes += Array((flag ? "true" : "false").utf8)
        case .integer(let number): bytes += Array("\(number)".utf8)
        // JSON has no word for what is no finite number.
        case .real(let number): bytes += Array((number.isFinite ? "\(number)" : "null").utf8)
        case .string(let text): bytes += Self.quoted(text)
        case .array(let items):
            bytes.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                item.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes += Self.quoted(member.key)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// A text as JSON writes it, in quotes.
    static func quoted(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 { bytes += escaped(byte) }
        return bytes + [UInt8(ascii: "\"")]
    }

    /// A byte of a text as it stands inside the quotes.
    static func escaped(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\""): return Array("\\\"".utf8)
        case UInt8(ascii: "\\"): return Array("\\\\".utf8)
        case 0x0A: return Array("\\n".utf8)
        case 0x0D: return Array("\\r".utf8)
        case 0x09: return Array("\\t".utf8)
        case 0x08: return Array("\\b".utf8)
        case 0x0C: return Array("\\f".utf8)
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        default: return [byte]
        }
    }
}
