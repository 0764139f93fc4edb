/// Turns tokens into text as they come. A character whose bytes are spread over several tokens is given out when it is
/// whole, so every text that leaves is valid by itself and all of them together are the text of all tokens.
public struct StreamingDecoder: Sendable {
    private let vocabulary: Vocabulary
    private let includingControl: Bool
    /// The beginning of a character: at most 3 bytes.
    private var pending: [UInt8] = []

    /// - Parameter includingControl: whether control tokens come out as their text.
    public init(_ tokenizer: Tokenizer, includingControl: Bool = false) {
        self.vocabulary = tokenizer.vocabulary
        self.includingControl = includingControl
    }

    /// The characters that this token completes; bytes that can be part of none become U+FFFD.
    public mutating func push(_ id: Int32) -> String {
        guard includingControl || !vocabulary.isControl(id) else { return "" }
        pending.append(contentsOf: vocabulary.bytes(of: id))
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
