import Foundation

/// How requests and events are written: one JSON document to a line, ended by a line feed. JSON escapes line feeds inside
/// text, so a line feed always ends a message.
enum ControlLine {
    /// The longest line either side reads. A conversation of a hundred thousand words fits.
    static let bytesLimit = 4 << 20

    static func encode(_ value: some Encodable) throws(ControlError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // Numbers that JSON has no words for must not cost the whole line.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let data = try? encoder.encode(value) else { throw .unreadableAnswer }
        guard data.count < bytesLimit else { throw .lineTooLong(bytes: data.count, limit: bytesLimit) }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    /// Nil where the line is no such value.
    static func decode<Value: Decodable>(_ type: Value.Type, from line: some Sequence<UInt8>) -> Value? {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try? decoder.decode(type, from: Data(line))
    }
}
