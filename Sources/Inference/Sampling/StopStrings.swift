/// Ends an answer where one of some texts appears in it, however the tokens cut it.
///
/// What streams out is held back only as far as it could still become a stop string, and what comes out does not depend
/// on how the text was cut: the string that is complete first counts, of those that end at one place the longest. The
/// stop string itself is not given out.
public struct StopStrings: Sendable {
    public enum Limit {
        public static let strings = 16
        public static let bytes = 1024
    }

    private struct Pattern: Sendable {
        let bytes: [UInt8]
        /// For each length matched, the next shorter one that could have matched too (Knuth, Morris, Pratt 1977).
        let fallback: [Int]
        var matched = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            var fallback = [0, 0]
            for index in 1..<max(1, bytes.count) {
                var length = fallback[index]
                while length > 0, bytes[length] != bytes[index] { length = fallback[length] }
                fallback.append(bytes[length] == bytes[index] ? length + 1 : 0)
            }
            self.fallback = fallback
        }

        /// Whether the pattern ends with this byte.
        mutating func take(_ byte: UInt8) -> Bool {
            while matched > 0, bytes[matched] != byte { matched = fallback[matched] }
            if bytes[matched] == byte { matched += 1 }
            return matched == bytes.count
        }
    }

    private var patterns: [Pattern]
    private var held: [UInt8] = []
    /// The stop string that has appeared, after which nothing comes out any more.
    public private(set) var found: String?

    /// - Throws: `SamplingError.stopStrings` for an empty string, or too many or too long ones.
    public init(_ strings: [String]) throws(SamplingError) {
        guard strings.count <= Limit.strings else {
            throw .stopStrings("\(strings.count) are too many, up to \(Limit.strings) are allowed")
        }
        for string in strings where string.isEmpty || string.utf8.count > Limit.bytes {
            throw .stopStrings(string.isEmpty ? "one is empty" : "one is longer than \(Limit.bytes) bytes")
        }
        patterns = strings.map { Pattern(Array($0.utf8)) }
    }

    /// Takes the next part of the answer and returns what can be shown of all that is there. Both are whole characters.
    public mutating func push(_ text: String) -> String {
        guard found == nil else { return "" }
        guard !patterns.isEmpty else { return text }
        for byte in text.utf8 {
            held.append(byte)
            var longest: Int?
            for index in patterns.indices where patterns[index].take(byte) {
                if longest.map({ patterns[index].bytes.count > patterns[$0].bytes.count }) ?? true { longest = index }
            }
            guard let longest else { continue }
            let stop = patterns[longest].bytes
            found = String(decoding: stop, as: UTF8.self)
            defer { held = [] }
            return String(decoding: held.dropLast(stop.count), as: UTF8.self)
        }
        // A stop string begins with a whole character, so what may have begun one does too.
        let open = patterns.map(\.matched).max() ?? 0
        defer { held.removeFirst(held.count - open) }
        return String(decoding: held.dropLast(open), as: UTF8.self)
    }

    /// What was held back, when nothing comes any more.
    public mutating func finish() -> String {
        defer { held = [] }
        return found == nil ? String(decoding: held, as: UTF8.self) : ""
    }
}
