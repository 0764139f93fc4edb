extension WordPattern {
    /// The published regular expressions, by their exact text. One that is not among them is refused: a guess would
    /// give a model other tokens than those it has learned.
    static let byExpression: [String: WordPattern] = {
        let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
        let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
        func words(_ letters: String, _ numbers: String, _ others: String) -> String {
            contractions + #"|[^\r\n\p{L}\p{N}]?"# + letters + "|" + numbers + "| ?" + others + #"[\r\n]*|"# + spaces
        }
        let letter = #"\p{L}+"#
        let other = #"[^\s\p{L}\p{N}]+"#
        let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        func cased(_ suffix: String, _ numbers: String) -> String {
            let start = #"[^\r\n\p{L}\p{N}]?"#
            return start + upper + "*" + lower + "+" + suffix + "|" + start + upper + "+" + lower + "*" + suffix + "|"
                + numbers + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
        }
        return [
            #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2,
            words(letter, #"\p{N}{1,3}"#, other): .words(.llama3),
            words(letter, #"\p{N}"#, other): .words(.qwen2),
            words(#"[\p{L}\p{M}]+"#, #"\p{N}"#, #"[^\s\p{L}\p{M}\p{N}]+"#): .words(.qwen35),
            // Possessive, and one newline behind white space that may be newlines in place of several: the same words.
            #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"#
                + #"|\s*[\r\n]|\s+(?!\S)|\s+"#: .words(.llama3),
            cased("", #"\p{N}"#): .casedWords(.tekken),
            cased(contractions + "?", #"\p{N}{1,3}"#): .casedWords(.gpt4o),
            #"\p{N}"#: .eachNumber,
            #"\p{N}{1,3}"#: .numbers(upTo: 3),
            #"\p{N}+"#: .numbers(upTo: .max),
            "[一-龥぀-ゟ゠-ヿ]+": .eastAsian,
            ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^"## + "\r\n"
                + #"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+["# + "\r\n" + #"]*|\s*["# + "\r\n"
                + #"]+|\s+(?!\S)|\s+"#: .deepSeek3,
            ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
                + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#: .deepSeek3,
        ]
    }()
}
