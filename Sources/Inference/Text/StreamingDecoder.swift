/// Turns tokens into text as they come. A character whose bytes are spread over several tokens is given out when it is
/// whole, so every text that leaves is valid by itself and all of them together are the text of all tokens.
public struct StreamingDecoder: Sendable {
    private var reader: TokenReader
    /// The beginning of a character: at most 3 bytes.
    private var pending: [UInt8] = []

    /// - Parameters:
    ///   - includingControl: whether control tokens come out as their text.
    ///   - continuing: whether the tokens go on where others ended within a text, so that a space they begin with is
    ///     the text's own.
    public init(_ tokenizer: Tokenizer, includingControl: Bool = false, continuing: Bool = false) {
        reader = TokenReader(tokenizer, includingControl: includingControl, continuing: continuing)
    }

    /// The characters that this token completes; bytes that can be part of none become U+FFFD.
    public mutating func push(_ id: Int32) -> String {
        pending.append(contentsOf: reader.bytes(of: id))
        let whole = pending.count - Self.openEnd(of: pending)
        let text = String(decoding: pending[..<whole], as: UTF8.self)
        pending.removeFirst(whole)
        return text
    }

    /// What is left when no more tokens come: U+FFFD for a character that was not completed.
    public mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end can still become a character.
    private static func openEnd(of bytes: [UInt8]) -> Int {
        for count in stride(from: min(3, bytes.count), to: 0, by: -1) {
            let tail = bytes.suffix(count)
            guard let lead = tail.first, UTF8Scanner.sequenceLength(lead) > count else { continue }
            let follows = tail.dropFirst().enumerated().allSatisfy {
                UTF8Scanner.canFollow($0.element, lead: lead, at: $0.offset + 1)
            }
            if follows { return count }
        }
        return 0
    }
}
