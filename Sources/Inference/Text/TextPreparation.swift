/// What SentencePiece does to a text before it is cut into tokens. Vocabularies write a space as "▁"; here tokens and
/// text are compared with the space itself, so a "▁" in the text is a space too.
struct TextPreparation: Sendable {
    enum SpacePrefix: Sendable {
        case never
        /// A space is put before the whole text.
        case atStart
        /// A space is put before the text and before what follows a special token.
        case afterSpecials
    }

    var prefix = SpacePrefix.never
    /// Whether a text that begins with a space gets no other one.
    var keepsOwnSpace = false
    /// Whether white space at both ends is dropped and several spaces become one.
    var collapsesSpaces = false
    var characterMap: CharacterMap?
    /// Whether bytes that are no UTF-8 become U+FFFD: with vocabularies that have no tokens for bytes.
    var replacesBroken = false

    /// Appends a text as the model is to read it.
    ///
    /// - Parameters:
    ///   - isStart: whether nothing stands before it.
    ///   - afterSpecial: whether a special token, or nothing, stands before it.
    func append(
        _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, afterSpecial: Bool, to result: inout [UInt8]
    ) {
        let start = result.count
        if characterMap == nil, !collapsesSpaces, !replacesBroken {
            if wantsPrefix(isStart: isStart, afterSpecial: afterSpecial), !text.isEmpty {
                let hasSpace = text[0] == 0x20 || Self.isEscapedSpace(text, at: 0)
                if !(keepsOwnSpace && hasSpace) { result.append(0x20) }
            }
            appendUnescaped(text, to: &result)
            return
        }
        var needsSpace = wantsPrefix(isStart: isStart, afterSpecial: afterSpecial)
        func appendReplaced(_ byte: UInt8) {
            if byte == 0x20 {
                if collapsesSpaces {
                    needsSpace = needsSpace || result.count > start
                } else {
                    result.append(0x20)
                }
            } else {
                if needsSpace { result.append(0x20) }
                needsSpace = false
                result.append(byte)
            }
        }
        var position = 0
        while position < text.count {
            if let (length, replacement) = characterMap?.match(text, at: position) {
                for byte in replacement { appendReplaced(byte) }
                position += length
                continue
            }
            let (scalar, length) = UTF8Scanner.character(in: text, at: position, limit: text.count)
            if scalar == 0x2581 {
                // It reads like a space, but is none of those that are collapsed.
                if needsSpace { result.append(0x20) }
                needsSpace = false
                result.append(0x20)
            } else if scalar == nil, replacesBroken {
                for byte in [0xEF, 0xBF, 0xBD] as [UInt8] { appendReplaced(byte) }
            } else {
                for byte in text[position..<position + length] { appendReplaced(byte) }
            }
            position += length
        }
    }

    private func wantsPrefix(isStart: Bool, afterSpecial: Bool) -> Bool {
        switch prefix {
        case .never: false
        case .atStart: isStart
        case .afterSpecials: afterSpecial
        }
    }

    @inline(__always)
    private static func isEscapedSpace(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 2 < text.count && text[position] == 0xE2 && text[position + 1] == 0x96 && text[position + 2] == 0x81
    }

    private func appendUnescaped(_ text: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]) {
        var copied = 0
        var position = 0
        while position < text.count {
            if Self.isEscapedSpace(text, at: position) {
                result.append(contentsOf: text[copied..<position])
                result.append(0x20)
                position += 3
                copied = position
            } else {
                position += 1
            }
        }
        result.append(contentsOf: text[copied...])
    }
}
