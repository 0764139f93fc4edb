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

    enum Limit {
        static let tokens = 1 << 22
        static let tokenBytes = 65536
    }

    public let count: Int
    /// All tokens' bytes behind each other, and where each begins.
    private let bytes: [UInt8]
    private let starts: [Int]
    private let kinds: [Kind]
    public let beginningOfSequence: Int32?
    public let endOfSequence: Int32?
    public let endOfTurn: Int32?
    private let endings: Set<Int32>

    /// Control tokens that end an answer in the chat formats that are in use, whether or not the file says so.
    private static let endingTexts: Set<String> = [
        "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>",
        "</s>",
    ]

    /// - Parameter texts: the tokens as the file writes them, normal ones in `ByteAlphabet`.
    init(texts: [[UInt8]], kinds rawKinds: [Int64]?, metadata: GGUFMetadata) throws {
        if let rawKinds, rawKinds.count != texts.count {
            throw TokenizerError.malformed(what: "\(rawKinds.count) token types for \(texts.count) tokens")
        }
        var kinds: [Kind] = []
        var bytes: [UInt8] = []
        var starts: [Int] = []
        var endings: Set<Int32> = []
        kinds.reserveCapacity(texts.count)
        starts.reserveCapacity(texts.count + 1)
        for (id, text) in texts.enumerated() {
            guard text.count <= Limit.tokenBytes else {
                throw TokenizerError.malformed(what: "token \(id) has \(text.count) bytes")
            }
            let rawKind = rawKinds?[id] ?? Kind.normal.rawValue
            guard let kind = Kind(rawValue: rawKind) else {
                throw TokenizerError.malformed(what: "token \(id) is of type \(rawKind)")
            }
            kinds.append(kind)
            starts.append(bytes.count)
            if kind == .normal {
                Self.appendDecoded(text, to: &bytes)
            } else {
                bytes.append(contentsOf: text)
            }
            if kind == .control, let name = String(validating: text, as: UTF8.self), Self.endingTexts.contains(name) {
                endings.insert(Int32(id))
            }
        }
        starts.append(bytes.count)
        count = texts.count
        self.bytes = bytes
        self.starts = starts
        self.kinds = kinds

        func id(_ key: String) throws -> Int32? {
            guard let value = try metadata.integer(key) else { return nil }
            guard value < UInt64(texts.count) else {
                throw TokenizerError.malformed(what: "\(key) is \(value), and there are \(texts.count) tokens")
            }
            return Int32(value)
        }
        beginningOfSequence = try id("tokenizer.ggml.bos_token_id")
        endOfSequence = try id("tokenizer.ggml.eos_token_id")
        endOfTurn = try id("tokenizer.ggml.eot_token_id")
        if let endOfSequence { endings.insert(endOfSequence) }
        if let endOfTurn { endings.insert(endOfTurn) }
        self.endings = endings
    }

    /// A token written in `ByteAlphabet`; one that is not written in it stands for its own text.
    private static func appendDecoded(_ text: [UInt8], to bytes: inout [UInt8]) {
        let start = bytes.count
        var scanner = UTF8Scanner(text)
        while let (scalar, _) = scanner.next() {
            guard let scalar, let byte = ByteAlphabet.byte(for: scalar) else {
                bytes.removeSubrange(start...)
                bytes.append(contentsOf: text)
                return
            }
            bytes.append(byte)
        }
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
