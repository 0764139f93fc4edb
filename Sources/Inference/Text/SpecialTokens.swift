/// Finds the tokens that are matched as a whole wherever they stand in a text: the leftmost first, and of those that
/// begin at one place the longest.
struct SpecialTokens: Sendable {
    enum Part: Equatable {
        case token(Int32)
        case text(Range<Int>)
    }

    private struct Special {
        let id: Int32
        let text: [UInt8]
        let isControl: Bool
    }

    /// By first byte; each list longest first, then by number.
    private let specials: [[Special]]

    init(_ vocabulary: Vocabulary) {
        var specials = [[Special]](repeating: [], count: 256)
        for id in 0..<Int32(vocabulary.count) {
            let kind = vocabulary.kind(of: id)
            guard kind == .control || kind == .userDefined || kind == .unknown else { continue }
            let text = Array(vocabulary.bytes(of: id))
            guard let first = text.first else { continue }
            specials[Int(first)].append(Special(id: id, text: text, isControl: kind != .userDefined))
        }
        self.specials = specials.map { list in
            list.sorted { $0.text.count != $1.text.count ? $0.text.count > $1.text.count : $0.id < $1.id }
        }
    }

    /// - Parameter includingControl: whether control tokens are found; user-defined ones always are.
    func forEachPart(of bytes: [UInt8], includingControl: Bool, _ body: (Part) -> Void) {
        var textStart = 0
        var position = 0
        while position < bytes.count {
            let found = specials[Int(bytes[position])].first { special in
                (includingControl || !special.isControl) && bytes[position...].starts(with: special.text)
            }
            guard let found else {
                position += 1
                continue
            }
            if textStart < position { body(.text(textStart..<position)) }
            body(.token(found.id))
            position += found.text.count
            textStart = position
        }
        if textStart < bytes.count { body(.text(textStart..<bytes.count)) }
    }
}
