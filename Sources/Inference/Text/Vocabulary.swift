/// A model's tokens: number to bytes, the special ones by their text, and which of them end an answer.
public struct Vocabulary: Sendable {
    /// `llama_token_type`, as GGUF numbers it.
    enum Kind: Int64 {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    /// How a file writes the bytes that a normal token stands for.
    enum Spelling: Sendable {
        /// In GPT-2's `ByteAlphabet`.
        case byteAlphabet
        /// As they are, but for "▁", which is a space; tokens of single bytes are called `<0x0A>`.
        case escapedSpaces
    }

    enum Limit {
        static let tokens = 1 << 22
        static let tokenBytes = 65536
    }

    public let count: Int
    /// All tokens' bytes behind each other, and where each begins.
    let bytes: [UInt8]
    let starts: [Int]
    private let kinds: [Kind]
    public let beginningOfSequence: Int32?
    public let endOfSequence: Int32?
    public let endOfTurn: Int32?
    private let endings: Set<Int32>

    /// Special tokens that end an answer in the chat formats that are in use, whether or not the file says so.
    private static let endingTexts: Set<String> = [
        "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>",
        "<end_of_turn>", "<turn|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>",
    ]

    init(_ definition: TokenizerDefinition) throws(TokenizerError) {
        let texts = definition.texts
        guard definition.kinds.count == texts.count else {
            throw .malformed(what: "\(definition.kinds.count) token types for \(texts.count) tokens")
        }
        guard texts.count <= Limit.tokens else { throw .malformed(what: "it has \(texts.count) tokens") }
        var kinds = definition.kinds
        var bytes: [UInt8] = []
        var starts: [Int] = []
        var endings: Set<Int32> = []
        starts.reserveCapacity(texts.count + 1)
        for (id, text) in texts.enumerated() {
            guard text.count <= Limit.tokenBytes else { throw .malformed(what: "token \(id) has \(text.count) bytes") }
            starts.append(bytes.count)
            switch (kinds[id], definition.spelling) {
            case (.normal, .byteAlphabet): Self.appendDecoded(text, to: &bytes)
            case (.normal, .escapedSpaces): Self.appendUnescaped(text, to: &bytes)
            case (.byte, _):
                guard let byte = Self.byte(named: text) else {
                    throw .malformed(what: "token \(id) is of the type for bytes, and not called like one")
                }
                bytes.append(byte)
            default: bytes.append(contentsOf: text)
            }
            // Converters call some of them user-defined that steer a chat all the same.
            if kinds[id] == .control || kinds[id] == .userDefined,
                let name = String(validating: text, as: UTF8.self), Self.endingTexts.contains(name)
            {
                kinds[id] = .control
                endings.insert(Int32(id))
            }
        }
        starts.append(bytes.count)
        count = texts.count
        self.bytes = bytes
        self.starts = starts
        self.kinds = kinds
        beginningOfSequence = definition.beginningOfSequence
        endOfSequence = definition.endOfSequence
        endOfTurn = definition.endOfTurn
        endings.formUnion([endOfSequence, endOfTurn].compactMap(\.self) + definition.endings)
        self.endings = endings
    }

    /// A token written in `ByteAlphabet`; one that is not written in it stands for its own text.
    private static func appendDecoded(_ text: [UInt8], to bytes: inout [UInt8]) {
        let start = bytes.count
        text.withUnsafeBufferPointer { text in
            var position = 0
            while position < text.count {
                let (scalar, length) = UTF8Scanner.character(in: text, at: position, limit: text.count)
                guard let scalar, let byte = ByteAlphabet.byte(for: scalar) else {
                    bytes.removeSubrange(start...)
                    bytes.append(contentsOf: text)
                    return
                }
                bytes.append(byte)
                position += length
            }
        }
    }

    private static func appendUnescaped(_ text: [UInt8], to bytes: inout [UInt8]) {
        var position = 0
        while position < text.count {
            if text[position] == 0xE2, text[position...].starts(with: [0xE2, 0x96, 0x81]) {
                bytes.append(0x20)
                position += 3
            } else {
                bytes.append(text[position])
                position += 1
            }
        }
    }

    /// The byte that `<0x0A>` and its like stand for.
    static func byte(named text: [UInt8]) -> UInt8? {
        guard text.count == 6, text.starts(with: Array("<0x".utf8)), text[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: text[3..<5], as: UTF8.self), radix: 16)
    }

    func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < count }

    /// The bytes that the token stands for; none for a number that is no token.
    public func bytes(of id: Int32) -> ArraySlice<UInt8> {
        contains(id) ? bytes[starts[Int(id)]..<starts[Int(id) + 1]] : []
    }

    /// Whether the token is a control token, which steers the model and is not part of what it says.
    public func isControl(_ id: Int32) -> Bool {
        contains(id) && (kinds[Int(id)] == .control || kinds[Int(id)] == .unknown)
    }

    func kind(of id: Int32) -> Kind { kinds[Int(id)] }

    /// Whether an answer is over when this token is sampled.
    public func isEndOfGeneration(_ id: Int32) -> Bool { endings.contains(id) }
}
