/// Finds the words of `WordPattern` in bytes, up to a limit beyond which it does not look.
struct WordScanner {
    let bytes: UnsafeBufferPointer<UInt8>
    let limit: Int
    private let classes = CharacterClasses.shared

    init(_ bytes: UnsafeBufferPointer<UInt8>, limit: Int) {
        self.bytes = bytes
        self.limit = limit
    }

    /// Calls `body` with what `pattern` matches and with what lies between.
    @inline(__always)
    func cut(from start: Int, by pattern: WordPattern, _ body: (Range<Int>) -> Void) {
        switch pattern {
        case .gpt2: cut(from: start, body) { endOfGPT2Word(from: $0) }
        case .words(let options): cut(from: start, body) { endOfWord(from: $0, options) }
        case .casedWords(let options): cut(from: start, body) { endOfCasedWord(from: $0, options) }
        case .deepSeek3: cut(from: start, body) { endOfDeepSeek3Word(from: $0) }
        case .eachNumber: cut(from: start, body) { endOfNumber(from: $0, digits: 1) }
        case .numbers(let digits): cut(from: start, body) { endOfNumber(from: $0, digits: digits) }
        case .eastAsian: cut(from: start, body) { endOfRun(from: $0) { Self.isEastAsian($0.scalar) } }
        case .lines:
            cut(from: start, body) { start in
                let isNewline = bytes[start] == 0x0A
                return endOfRun(from: start) { ($0.scalar == 0x0A) == isNewline }
            }
        case .eachPunctuation:
            cut(from: start, body) { start in
                let character = character(at: start)
                return Self.isPunctuation(character) ? start + character.length : start
            }
        case .spaceSeparated:
            cut(from: start, body) { start in
                endOfRun(from: start + character(at: start).length) { $0.scalar != 0x20 }
            }
        }
    }

    /// - Parameter match: the end of the match that begins at a place, or the place itself where none does.
    @inline(__always)
    private func cut(from start: Int, _ body: (Range<Int>) -> Void, match: (Int) -> Int) {
        var position = start
        var unmatched = start
        while position < limit {
            let end = match(position)
            if end > position {
                if unmatched < position { body(unmatched..<position) }
                body(position..<end)
                position = end
                unmatched = end
            } else {
                position += character(at: position).length
            }
        }
        if unmatched < limit { body(unmatched..<limit) }
    }

    // MARK: - Characters

    struct Character {
        /// U+10FFFF for a byte that is no UTF-8: it belongs to no class.
        let scalar: UInt32
        let length: Int
        let kind: CharacterClass
    }

    @inline(__always)
    func character(at position: Int) -> Character {
        let (scalar, length) = UTF8Scanner.character(in: bytes, at: position, limit: limit)
        let value = scalar ?? 0x10FFFF
        return Character(scalar: value, length: length, kind: classes[value])
    }

    @inline(__always)
    func endOfRun(from start: Int, while belongs: (Character) -> Bool) -> Int {
        var end = start
        while end < limit {
            let character = character(at: end)
            guard belongs(character) else { break }
            end += character.length
        }
        return end
    }

    @inline(__always)
    func endOfRun(from start: Int, of kind: CharacterClass) -> Int {
        endOfRun(from: start) { $0.kind.meets(kind) }
    }

    @inline(__always)
    private func endOfRun(from start: Int, notOf kind: CharacterClass) -> Int {
        endOfRun(from: start) { !$0.kind.meets(kind) }
    }

    private static let wordsAndSpaces: CharacterClass = [.space, .letter, .number]

    private static func isEastAsian(_ scalar: UInt32) -> Bool {
        (0x4E00...0x9FA5).contains(scalar) || (0x3040...0x30FF).contains(scalar)
    }

    private static func isPunctuation(_ character: Character) -> Bool {
        character.kind.meets(.punctuation) || (character.scalar < 0x80 && character.kind.meets(.symbol))
    }

    private func isNewline(_ position: Int) -> Bool { bytes[position] == 0x0A || bytes[position] == 0x0D }

    private func endOfNewlines(from start: Int, orSlashes: Bool = false) -> Int {
        var end = start
        while end < limit, isNewline(end) || (orSlashes && bytes[end] == 0x2F) { end += 1 }
        return end
    }

    // MARK: - Parts of expressions

    /// The end of `'s`, `'re` and their like, or `start` where there is none. Ignoring case, U+017F is an s too.
    private func endOfContraction(from start: Int, ignoringCase: Bool) -> Int {
        guard bytes[start] == 0x27, start + 1 < limit else { return start }
        func letter(_ position: Int) -> UInt8 {
            guard position < limit else { return 0 }
            let byte = bytes[position]
            return ignoringCase && (0x41...0x5A).contains(byte) ? byte + 32 : byte
        }
        switch (letter(start + 1), letter(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        case (0xC5, 0xBF): return ignoringCase ? start + 3 : start
        default: return start
        }
    }

    private func endOfNumber(from start: Int, digits: Int) -> Int {
        var end = start
        var count = 0
        while end < limit, count < digits {
            let character = character(at: end)
            guard character.kind.meets(.number) else { break }
            end += character.length
            count += 1
        }
        return end
    }

    /// `\s+(?!\S)|\s+`: a run of white space leaves its last character to the word that follows, unless it has only
    /// that one.
    private func endOfSpaces(from start: Int) -> Int {
        var end = start
        var last = start
        while end < limit {
            let character = character(at: end)
            guard character.kind.meets(.space) else { return last > start ? last : end }
            last = end
            end += character.length
        }
        return end
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last newline of the run, where there is one.
    private func endOfSpacesOrLines(from start: Int) -> Int {
        let runEnd = endOfRun(from: start, of: .space)
        var end = runEnd
        while end > start {
            if isNewline(end - 1) { return end }
            end -= 1
        }
        return endOfSpaces(from: start)
    }

    // MARK: - Expressions

    @inline(__always)
    private func endOfGPT2Word(from start: Int) -> Int {
        let contraction = endOfContraction(from: start, ignoringCase: false)
        if contraction > start { return contraction }
        // " ?" takes a space only where something other than white space follows it.
        var first = start
        var character = character(at: start)
        if character.scalar == 0x20, start + 1 < limit {
            let next = self.character(at: start + 1)
            if !next.kind.meets(.space) {
                first = start + 1
                character = next
            }
        }
        let kind = character.kind
        if kind.meets(.letter) { return endOfRun(from: first + character.length, of: .letter) }
        if kind.meets(.number) { return endOfRun(from: first + character.length, of: .number) }
        if kind.meets(.space) { return endOfSpaces(from: start) }
        return endOfRun(from: first + character.length, notOf: Self.wordsAndSpaces)
    }

    @inline(__always)
    private func endOfWord(from start: Int, _ options: WordPattern.WordOptions) -> Int {
        let contraction = endOfContraction(from: start, ignoringCase: true)
        if contraction > start { return contraction }
        let first = character(at: start)
        let letter: CharacterClass = options.marksAreLetters ? [.letter, .mark] : .letter
        if !first.kind.meets([.letter, .number]), first.scalar != 0x0A, first.scalar != 0x0D {
            let end = endOfRun(from: start + first.length, of: letter)
            if end > start + first.length { return end }
        }
        if first.kind.meets(letter) { return endOfRun(from: start + first.length, of: letter) }
        if first.kind.meets(.number) { return endOfNumber(from: start, digits: options.digits) }
        let symbols = endOfSymbols(from: start, first, except: letter.union([.space, .number]))
        return symbols > start ? endOfNewlines(from: symbols) : endOfSpacesOrLines(from: start)
    }

    /// ` ?[^...]+`
    private func endOfSymbols(from start: Int, _ first: Character, except kind: CharacterClass) -> Int {
        let begin = first.scalar == 0x20 ? start + 1 : start
        let end = endOfRun(from: begin, notOf: kind)
        return end > begin ? end : start
    }

    private static let uppers: CharacterClass = [.upper, .caseless, .mark]
    private static let lowers: CharacterClass = [.lower, .caseless, .mark]

    private func endOfCasedWord(from start: Int, _ options: WordPattern.CasedWordOptions) -> Int {
        let first = character(at: start)
        let isPrefix =
            !first.kind.meets([.letter, .number]) && first.scalar != 0x0A && first.scalar != 0x0D
        let afterPrefix = start + first.length
        var end = start
        if isPrefix { end = endOfMixedCase(from: afterPrefix) ?? start }
        if end == start { end = endOfMixedCase(from: start) ?? start }
        if end == start, isPrefix { end = endOfCapitals(from: afterPrefix) ?? start }
        if end == start { end = endOfCapitals(from: start) ?? start }
        if end > start {
            return options.keepsContractions && end < limit ? endOfContraction(from: end, ignoringCase: true) : end
        }
        if first.kind.meets(.number) { return endOfNumber(from: start, digits: options.digits) }
        let symbols = endOfSymbols(from: start, first, except: Self.wordsAndSpaces)
        return symbols > start ? endOfNewlines(from: symbols, orSlashes: true) : endOfSpacesOrLines(from: start)
    }

    /// `[upper, caseless]*[lower, caseless]+`: where no lower letter follows the first run, it gives back what it took
    /// up to its last letter without case.
    private func endOfMixedCase(from start: Int) -> Int? {
        var end = start
        var endOfLastCaseless: Int?
        while end < limit {
            let character = character(at: end)
            guard character.kind.meets(Self.uppers) else {
                if character.kind.meets(.lower) { return endOfRun(from: end, of: Self.lowers) }
                break
            }
            end += character.length
            if character.kind.meets(Self.lowers) { endOfLastCaseless = end }
        }
        return endOfLastCaseless
    }

    /// `[upper, caseless]+[lower, caseless]*`
    private func endOfCapitals(from start: Int) -> Int? {
        let end = endOfRun(from: start, of: Self.uppers)
        return end > start ? endOfRun(from: end, of: Self.lowers) : nil
    }

    private func endOfDeepSeek3Word(from start: Int) -> Int {
        let first = character(at: start)
        if first.scalar < 0x80, Self.isPunctuation(first) {
            let end = endOfRun(from: start + 1) { $0.scalar < 0x80 && $0.kind.meets(.letter) }
            if end > start + 1 { return end }
        }
        let word: CharacterClass = [.letter, .mark]
        let symbol: CharacterClass = [.punctuation, .symbol]
        if !first.kind.meets([.letter, .punctuation, .symbol]), first.scalar != 0x0A, first.scalar != 0x0D {
            let end = endOfRun(from: start + first.length, of: word)
            if end > start + first.length { return end }
        }
        if first.kind.meets(word) { return endOfRun(from: start + first.length, of: word) }
        let begin = first.scalar == 0x20 ? start + 1 : start
        let symbols = endOfRun(from: begin, of: symbol)
        if symbols > begin { return endOfNewlines(from: symbols) }
        return first.kind.meets(.space) ? endOfSpacesOrLines(from: start) : start
    }
}
