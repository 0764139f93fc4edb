/// The words of one text that were met already, so that most of them are merged once: a table of fixed size in which a
/// new word takes the place of an older one. It keeps no copy: a word is a place in the text, its tokens are a place
/// in the result.
struct WordCache {
    private struct Entry {
        var hash: UInt64 = 0
        var wordStart: UInt32 = 0
        var firstToken: UInt32 = 0
        var tokenCount: UInt16 = 0
        /// 0 where the entry is free.
        var wordLength: UInt16 = 0
    }

    private var entries: [Entry]
    private let mask: Int

    private enum Limit {
        /// Of words of up to so many bytes.
        static let wordBytes = 128
        static let entries = 1 << 14
    }

    init(textBytes: Int) {
        var size = 64
        while size < Limit.entries, size < textBytes / 8 { size *= 2 }
        entries = [Entry](repeating: Entry(), count: size)
        mask = size - 1
    }

    /// Eight bytes at a time; the words of one text need no better hash, for a wrong guess costs one comparison.
    @inline(__always)
    static func hash(_ word: UnsafeRawBufferPointer) -> UInt64 {
        var state = UInt64(truncatingIfNeeded: word.count)
        var offset = 0
        while offset + 8 <= word.count {
            state = mix(state, word.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < word.count {
            rest = rest << 8 | UInt64(word[offset])
            offset += 1
        }
        return mix(state, rest)
    }

    @inline(__always)
    private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }

    /// Where the tokens of an equal word lie in the result, nil where the word is not known.
    @inline(__always)
    func find(_ word: Range<Int>, of text: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Range<Int>? {
        let entry = entries[Int(truncatingIfNeeded: hash) & mask]
        guard entry.hash == hash, Int(entry.wordLength) == word.count, word.count > 0 else { return nil }
        let start = Int(entry.wordStart)
        for offset in 0..<word.count where text[start + offset] != text[word.lowerBound + offset] { return nil }
        return Int(entry.firstToken)..<Int(entry.firstToken) + Int(entry.tokenCount)
    }

    @inline(__always)
    mutating func keep(_ word: Range<Int>, tokens: Range<Int>, hash: UInt64) {
        guard word.count <= Limit.wordBytes, let wordStart = UInt32(exactly: word.lowerBound),
            let firstToken = UInt32(exactly: tokens.lowerBound), let tokenCount = UInt16(exactly: tokens.count)
        else { return }
        entries[Int(truncatingIfNeeded: hash) & mask] = Entry(
            hash: hash, wordStart: wordStart, firstToken: firstToken, tokenCount: tokenCount,
            wordLength: UInt16(word.count))
    }
}
