/// One published regular expression that cuts text into words. What it does not match becomes words of its own, from
/// one match to the next.
enum WordPattern: Sendable, Equatable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// `\p{N}`
    case eachNumber
    /// `\p{N}{1,n}`; `\p{N}+` with n as large as can be.
    case numbers(upTo: Int)
    /// ```
    /// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*
    /// |\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    case words(WordOptions)
    /// ```
    /// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
    /// |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
    /// |\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    case casedWords(CasedWordOptions)
    /// `[一-龥぀-ゟ゠-ヿ]+`: Han, Hiragana, Katakana.
    case eastAsian
    /// ```
    /// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*
    /// |\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    case deepSeek3
    /// `[^\n]+|[\n]+`
    case lines
    /// A character that is punctuation, by itself: `\p{P}` or one of ASCII's.
    case eachPunctuation
    /// What begins with one space and goes up to the next one.
    case spaceSeparated

    struct WordOptions: Sendable, Equatable {
        /// Numbers go into words of so many digits.
        let digits: Int
        /// `[\p{L}\p{M}]+` in place of `\p{L}+`, and no `\p{M}` among the rest.
        var marksAreLetters = false

        static let llama3 = WordOptions(digits: 3)
        static let qwen2 = WordOptions(digits: 1)
        static let qwen35 = WordOptions(digits: 1, marksAreLetters: true)
    }

    struct CasedWordOptions: Sendable, Equatable {
        let digits: Int
        /// Whether `'s` and its like stay with the word before them; else they are words of the other kind.
        let keepsContractions: Bool

        static let tekken = CasedWordOptions(digits: 1, keepsContractions: false)
        static let gpt4o = CasedWordOptions(digits: 3, keepsContractions: true)
    }
}
