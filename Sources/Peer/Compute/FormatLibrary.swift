import Inference
import Wire

/// Compiled formats of late, also those that cannot be compiled: turns of a conversation, its retries and other sessions often have
/// the same.
struct FormatLibrary {
    private static let count = 16

    private var known: [(format: AnswerFormat, grammar: Result<Grammar, any Error>)] = []

    /// - Throws: `GrammarError` or `JSONError`.
    mutating func grammar(for format: AnswerFormat) throws -> Grammar {
        if let index = known.firstIndex(where: { $0.format == format }) {
            known.append(known.remove(at: index))
        } else {
            known.append((format, Result { try Grammar(format) }))
            if known.count > Self.count { known.removeFirst() }
        }
        return try known[known.count - 1].grammar.get()
    }
}
