/// A megabyte of text that is nobody's, the same bytes as tools/fixtures/sample_text.py makes: words out of syllables,
/// numbers, marks and white space of every kind, many scripts, emoji, things that look like code or like special
/// tokens, and bytes that are no UTF-8.
struct SampleText {
    private var random: SplitMix
    private var lexicon: [String] = []
    private let broken: Bool

    /// At least `size` bytes of it.
    static func bytes(_ size: Int, seed: UInt64 = 1, broken: Bool = true) -> [UInt8] {
        var text = SampleText(seed: seed, broken: broken)
        var result: [UInt8] = []
        while result.count < size { result += text.piece() }
        return result
    }

    private init(seed: UInt64, broken: Bool) {
        random = SplitMix(state: seed)
        self.broken = broken
        for _ in 0..<3000 { lexicon.append(word()) }
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }

    private mutating func word() -> String {
        let count = 1 + below(4)
        return (0..<count).map { _ in pick(Self.syllables) }.joined()
    }

    private mutating func piece() -> [UInt8] {
        switch below(20) {
        case ..<12:
            // Some words are frequent: the smaller of two draws.
            let (one, other) = (below(lexicon.count), below(lexicon.count))
            var text = lexicon[min(one, other)]
            switch below(16) {
            case 0: text = Self.capitalized(text)
            case 1: text = text.uppercased()
            case 2: text += Self.capitalized(word())
            default: break
            }
            return Array((text + pick(Self.joiners)).utf8)
        case 12:
            let bound = (0...below(9)).reduce(1) { product, _ in product * 10 }
            return Array(String(below(bound)).utf8)
        case 13:
            let code = Array(pick(Self.code).utf8)
            return (0..<1 + below(3)).flatMap { _ in code }
        case 14: return Array(pick(Self.oddities).utf8)
        case 15...17:
            let (first, last) = pick(Self.scripts)
            let count = 1 + below(8)
            var text = String.UnicodeScalarView()
            for _ in 0..<count {
                guard let scalar = Unicode.Scalar(first + UInt32(below(Int(last - first) + 1))) else { continue }
                text.append(scalar)
            }
            return Array(String(text).utf8) + (below(3) == 0 ? [0x20] : [])
        case 18: return [UInt8](repeating: 0x20, count: spaces())
        default:
            if broken, below(4) == 0 { return pick(Self.brokenBytes) }
            return Array(pick(Self.code).utf8)
        }
    }

    private mutating func spaces() -> Int {
        guard below(4) == 0 else { return 1 }
        return 1 + below(12)
    }

    private static func capitalized(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }

    private static let syllables = """
        ba be bi bo bu da den der do el en er es fa fi ga ge ha he ho in ing ion is ka ke la le li lo ma me
        mi na ne no on or pa pe qua ra re ri ro sa se si so sta str ta te ter th the ti to tra tri un ve vi
        wa we wi xe ya ze zo ly ness ment able pre con
        """.split { $0 == " " || $0 == "\n" }.map(String.init)

    private static let joiners: [String] = [
        " ", " ", " ", " ", " ", " ", ", ", ". ", "; ", ": ", "\n", "\n\n", "  ", " - ", "-", "'s ", "'t ", "'LL ",
        "n't ", "! ", "? ", " (", ") ", "\t",
    ]

    private static let code: [String] = [
        "{", "}", "();", " = ", " == ", " != ", "->", "=>", "::", "[0]", "// ", "/* ", " */", "#include <", ">\n",
        "    ", "        ", "\t\t", "\n", "\n\n", "\r\n", "\\n", "\"", "'", "`", "```", "$", "%d", "&&", "||", "+= 1",
        "0x", "1e-5", "3.14", "_", "__init__", "self.", "return ", "if (", "def ", "/", "//", "<div>", "</s>", "<s>",
        "<|im_start|>", "<|im_end|>", "<unk>", "<0x0A>", "<pad>", "[INST]", "@", "~", "^", "*", "---", "...", "''s",
        "'", "'S", "'re", "'VE", "I'm", "'d",
    ]

    private static let oddities: [String] = [
        "\u{1F600}", "\u{1F44D}\u{1F3FD}", "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}",
        "\u{1F3F3}\u{FE0F}\u{200D}\u{1F308}", "\u{1F1EE}\u{1F1F7}", "\u{2764}\u{FE0F}", "1\u{FE0F}\u{20E3}",
        "\u{1F9D1}\u{1F3FF}\u{200D}\u{1F680}", "\u{2665}", "\u{2192}", "\u{BD}", "\u{B2}", "\u{2167}", "\u{2460}",
        "\u{1D7D9}", "\u{1D4B3}", "\u{E9}", "\u{E9}", "\u{F1}", "\u{C5}", "\u{FB01}", "\u{1C6}", "\u{DF}", "\u{1E9E}",
        "\u{FF41}", "\u{FF21}", "\u{FF11}", "\u{3000}", " ", " ", "\u{200B}", "\u{200C}", "\u{200D}", "\u{FEFF}",
        "\u{FFFD}", "\u{2581}", "\u{2581}\u{2581}", "\u{2019}s", "\u{201C}", "\u{201D}", "\u{2026}", "\u{2014}",
        "\u{B7}", "\u{AB}", "\u{BB}", "\u{85}", "\u{2028}", "\u{0}", "\u{1}", "\u{1F}", "\u{7F}", "\u{1680}",
        "\u{17F}", "'\u{17F}", "K", "\u{130}", "\u{131}", "\u{301}", "\u{489}", "\u{E000}", "\u{F0000}",
    ]

    /// First and last scalar values: letters with and without case, marks, digits, symbols.
    private static let scripts: [(UInt32, UInt32)] = [
        (0x00C0, 0x024F), (0x0370, 0x03FF), (0x0400, 0x04FF), (0x0531, 0x0556), (0x05D0, 0x05EA), (0x0621, 0x064F),
        (0x0660, 0x0669), (0x06A9, 0x06CC), (0x06F0, 0x06F9), (0x0904, 0x094D), (0x0966, 0x096F), (0x0985, 0x09CD),
        (0x0B85, 0x0BCD), (0x0E01, 0x0E3A), (0x0E40, 0x0E5B), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x1248),
        (0x13A0, 0x13F4), (0x1780, 0x17D2), (0x1E00, 0x1EFF), (0x1F00, 0x1F15), (0x2010, 0x2027), (0x2070, 0x208E),
        (0x20A0, 0x20B9), (0x2150, 0x2188), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2460, 0x24FF), (0x2500, 0x257F),
        (0x3001, 0x301F), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x5200), (0x5200, 0x9FA5), (0xAC00, 0xD7A3),
        (0xFF01, 0xFF9D), (0x10400, 0x1044F), (0x1D400, 0x1D454), (0x1F300, 0x1F5FF), (0x20000, 0x20100),
    ]

    private static let brokenBytes: [[UInt8]] = [
        [0x80], [0xBF], [0xC3], [0xC0, 0xAF], [0xE2, 0x82], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
        [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF, 0xFE], [0xE2, 0x41], [0xF0, 0x9F, 0x20],
        [0xE3, 0x80, 0x61],
    ]
}
