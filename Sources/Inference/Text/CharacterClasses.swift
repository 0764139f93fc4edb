/// What the pre-tokenizers' expressions ask of a character, one bit each: `\p{L}` is `letter`, `\s` is `space`.
struct CharacterClass: OptionSet, Sendable {
    let rawValue: UInt8

    /// Lu and Lt.
    static let upper = CharacterClass(rawValue: 1)
    /// Ll.
    static let lower = CharacterClass(rawValue: 2)
    /// Lm and Lo: letters that have no case.
    static let caseless = CharacterClass(rawValue: 4)
    /// `\p{M}`
    static let mark = CharacterClass(rawValue: 8)
    /// `\p{N}`
    static let number = CharacterClass(rawValue: 16)
    /// `\s`: the property White_Space.
    static let space = CharacterClass(rawValue: 32)
    /// `\p{P}`
    static let punctuation = CharacterClass(rawValue: 64)
    /// `\p{S}`
    static let symbol = CharacterClass(rawValue: 128)

    /// `\p{L}`
    static let letter: CharacterClass = [.upper, .lower, .caseless]

    func meets(_ other: CharacterClass) -> Bool { rawValue & other.rawValue != 0 }

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    init(_ scalar: Unicode.Scalar) {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: self = .upper
        case .lowercaseLetter: self = .lower
        case .modifierLetter, .otherLetter: self = .caseless
        case .nonspacingMark, .spacingMark, .enclosingMark: self = .mark
        case .decimalNumber, .letterNumber, .otherNumber: self = .number
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            self = .punctuation
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: self = .symbol
        default: self = scalar.properties.isWhitespace ? .space : []
        }
    }
}

/// The classes of all characters in pages of 256: equal pages are kept once, which leaves some 60 kB to look at.
struct CharacterClasses: Sendable {
    /// Made once, in a few milliseconds, from the standard library's Unicode tables.
    static let shared = CharacterClasses()

    private let pageStarts: [UInt16]
    private let classes: [CharacterClass]

    private init() {
        let pageCount = 0x11_0000 / 256
        var pageStarts = [UInt16](repeating: 0, count: pageCount)
        var classes: [CharacterClass] = [CharacterClass](repeating: [], count: 256)
        var known: [[UInt8]: UInt16] = [classes.map(\.rawValue): 0]
        for page in 0..<pageCount where Self.hasAssigned(page) {
            let content = (page * 256..<page * 256 + 256).map { value in
                Unicode.Scalar(UInt32(value)).map { CharacterClass($0) } ?? []
            }
            let key = content.map(\.rawValue)
            if let start = known[key] {
                pageStarts[page] = start
            } else {
                // In units of 256: there are fewer than 65536 pages.
                let start = UInt16(classes.count / 256)
                known[key] = start
                pageStarts[page] = start
                classes += content
            }
        }
        self.pageStarts = pageStarts
        self.classes = classes
    }

    /// Planes 4 to 13 are not assigned, 15 and 16 are for private use: no class at all.
    private static func hasAssigned(_ page: Int) -> Bool { page < 0x400 || page >> 8 == 14 }

    /// The class of a scalar value up to U+10FFFF.
    subscript(_ scalar: UInt32) -> CharacterClass {
        classes[Int(pageStarts[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }
}
