import Foundation

/// Unicode's canonical composition (NFC, UAX #15), which some tokenizer.json files ask for first.
enum TextComposition {
    /// Whether some character is one that composition can touch: all below U+0300 stay what they are.
    static func mayChange(_ text: UnsafeBufferPointer<UInt8>) -> Bool { text.contains { $0 >= 0xCC } }

    /// The text composed; bytes that are no UTF-8 stay where they are.
    static func composed(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var start = 0
        var position = 0
        func flush() {
            let valid = String(decoding: text[start..<position], as: UTF8.self)
            result.append(contentsOf: Array(valid.precomposedStringWithCanonicalMapping.utf8))
        }
        while position < text.count {
            let (scalar, length) = UTF8Scanner.character(in: text, at: position, limit: text.count)
            if scalar == nil {
                flush()
                result.append(text[position])
                start = position + 1
            }
            position += length
        }
        flush()
        return result
    }
}
