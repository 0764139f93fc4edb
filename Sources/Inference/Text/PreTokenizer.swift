/// Cuts text into the words within which byte pairs are merged.
///
/// Each case is one published regular expression, written as a scanner over Unicode scalars: a general engine would
/// backtrack, be slower, and bring its own Unicode tables. Bytes that are not UTF-8 count as one symbol each.
///
/// - `gpt2`: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
/// - `smollm`: first every `\p{N}` is cut off by itself, then what is left between them as in `gpt2`
/// - `llama3`: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
///   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
enum PreTokenizer: Sendable {
    case gpt2
    case smollm
    case llama3

    /// By the name in `tokenizer.ggml.pre`.
    init?(name: String) {
        switch name {
        case "smollm": self = .smollm
        case "gpt-2", "gpt2": self = .gpt2
        case "llama-bpe", "llama3", "llama-v3": self = .llama3
        default: return nil
        }
    }

    /// The byte ranges of the words of `bytes`, in order and without gaps.
    func words(in bytes: some Collection<UInt8>) -> [Range<Int>] {
        let text = ClassifiedText(bytes)
        var words: [Range<Int>] = []
        var position = 0
        switch self {
        case .gpt2:
            while position < text.count {
                let next = text.endOfGPT2Word(from: position, limit: text.count)
                words.append(text.starts[position]..<text.starts[next])
                position = next
            }
        case .smollm:
            while position < text.count {
                let limit = text.end(ofRunFrom: position, limit: text.count) { $0 != .number }
                while position < limit {
                    let next = text.endOfGPT2Word(from: position, limit: limit)
                    words.append(text.starts[position]..<text.starts[next])
                    position = next
                }
                if position < text.count {
                    words.append(text.starts[position]..<text.starts[position + 1])
                    position += 1
                }
            }
        case .llama3:
            while position < text.count {
                let next = text.endOfLlama3Word(from: position)
                words.append(text.starts[position]..<text.starts[next])
                position = next
            }
        }
        return words
    }
}

/// Text as scalars, each with the one property that the expressions ask for.
private struct ClassifiedText {
    enum Kind: UInt8 {
        /// `\p{L}`
        case letter
        /// `\p{N}`
        case number
        /// `\s`: the property White_Space
        case space
        case other
    }

    private(set) var kinds: [Kind] = []
    private(set) var scalars: [UInt32] = []
    /// Where each scalar begins in the bytes, and at last the number of bytes.
    private(set) var starts: [Int] = []
    var count: Int { kinds.count }

    init(_ bytes: some Collection<UInt8>) {
        kinds.reserveCapacity(bytes.count)
        scalars.reserveCapacity(bytes.count)
        starts.reserveCapacity(bytes.count + 1)
        var decoder = UTF8Scanner(Array(bytes))
        while let (scalar, start) = decoder.next() {
            kinds.append(Self.kind(of: scalar))
            scalars.append(scalar?.value ?? 0xFFFD)
            starts.append(start)
        }
        starts.append(bytes.count)
    }

    private static func kind(of scalar: Unicode.Scalar?) -> Kind {
        guard let scalar else { return .other }
        if scalar.isASCII {
            switch scalar.value {
            case 0x41...0x5A, 0x61...0x7A: return .letter
            case 0x30...0x39: return .number
            case 0x09...0x0D, 0x20: return .space
            default: return .other
            }
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return scalar.properties.isWhitespace ? .space : .other
        }
    }

    func end(ofRunFrom start: Int, limit: Int, while belongs: (Kind) -> Bool) -> Int {
        var end = start
        while end < limit, belongs(kinds[end]) { end += 1 }
        return end
    }

    /// The end of `'s`, `'re` and their like, or nil where there is none.
    private func endOfContraction(from start: Int, limit: Int, ignoringCase: Bool) -> Int? {
        guard scalars[start] == 0x27, start + 1 < limit else { return nil }
        func letter(_ position: Int) -> Character? {
            guard position < limit, let byte = UInt8(exactly: scalars[position]) else { return nil }
            let isCapital = (0x41...0x5A).contains(byte)
            return Character(Unicode.Scalar(isCapital && ignoringCase ? byte + 32 : byte))
        }
        switch (letter(start + 1), letter(start + 2)) {
        case ("s", _), ("t", _), ("m", _), ("d", _): return start + 2
        case ("r", "e"), ("v", "e"), ("l", "l"): return start + 3
        default: return nil
        }
    }

    func endOfGPT2Word(from start: Int, limit: Int) -> Int {
        if let end = endOfContraction(from: start, limit: limit, ignoringCase: false) { return end }
        // " ?" takes a space only where something other than white space follows it.
        let hasSpace = scalars[start] == 0x20 && start + 1 < limit && kinds[start + 1] != .space
        let first = hasSpace ? start + 1 : start
        let kind = kinds[first]
        let end = end(ofRunFrom: first, limit: limit) { $0 == kind }
        return kind == .space ? endOfSpaces(from: start, runEnd: end, limit: limit) : end
    }

    /// `\s+(?!\S)|\s+`: a run of white space leaves its last one to the word that follows, unless it has only that one.
    private func endOfSpaces(from start: Int, runEnd: Int, limit: Int) -> Int {
        runEnd == limit || runEnd == start + 1 ? runEnd : runEnd - 1
    }

    private func isNewline(_ position: Int) -> Bool { scalars[position] == 0x0A || scalars[position] == 0x0D }

    func endOfLlama3Word(from start: Int) -> Int {
        if let end = endOfContraction(from: start, limit: count, ignoringCase: true) { return end }
        if kinds[start] == .letter {
            return end(ofRunFrom: start, limit: count) { $0 == .letter }
        }
        if kinds[start] != .number, !isNewline(start), start + 1 < count, kinds[start + 1] == .letter {
            return end(ofRunFrom: start + 1, limit: count) { $0 == .letter }
        }
        if kinds[start] == .number {
            return end(ofRunFrom: start, limit: min(count, start + 3)) { $0 == .number }
        }
        let hasSpace = scalars[start] == 0x20 && start + 1 < count && kinds[start + 1] == .other
        if hasSpace || kinds[start] == .other {
            var end = end(ofRunFrom: hasSpace ? start + 1 : start, limit: count) { $0 == .other }
            while end < count, isNewline(end) { end += 1 }
            return end
        }
        let runEnd = end(ofRunFrom: start, limit: count) { $0 == .space }
        if let newline = (start..<runEnd).last(where: isNewline) { return newline + 1 }
        return endOfSpaces(from: start, runEnd: runEnd, limit: count)
    }
}
