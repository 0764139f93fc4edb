/// What a file says of its tokenizer, whichever way it is written; a `Tokenizer` is built from it.
struct TokenizerDefinition: Sendable {
    enum Model: Sendable {
        /// Merges of bytes, within words.
        case bytePairs(PreTokenizer, keepsWholeWords: Bool)
        /// Merges of characters, in the order of learning.
        case characterPairs
        /// Merges of characters by the tokens' scores.
        case scoredPieces
        case unigram
    }

    var model: Model
    var spelling: Vocabulary.Spelling
    /// The tokens as the file writes them, by number.
    var texts: [[UInt8]] = []
    var kinds: [Vocabulary.Kind] = []
    /// Of each token, for the models that have them.
    var scores: [Double] = []
    /// In the order of learning, as the file writes the tokens.
    var merges: [(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>)] = []
    var preparation = TextPreparation()
    /// Cuts text for the models over characters; nil where the whole text is one word.
    var words: PreTokenizer?
    /// Whether a run of newlines that is a token is that token, whatever the merges say.
    var keepsWholeLines = false
    /// Whether text is brought into Unicode's composed form (NFC) first.
    var composes = false
    /// Special tokens that take the white space before, or behind, them along.
    var stripping: [Int32: SpecialTokens.Stripping] = [:]

    var beginningOfSequence: Int32?
    var endOfSequence: Int32?
    var endOfTurn: Int32?
    /// Further tokens that end an answer.
    var endings: [Int32] = []
    var unknown: Int32?
    /// Whether several unknown characters are one unknown token.
    var fusesUnknown = true
    var addsBeginningOfSequence = false
    var addsEndOfSequence = false
}
