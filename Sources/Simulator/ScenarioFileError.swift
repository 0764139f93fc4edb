/// A mistake in a scenario file: where it stands, and what is wrong with it.
public struct ScenarioFileError: Error, Hashable, CustomStringConvertible {
    /// As it was named by whoever asked for it.
    public var file: String
    /// From 1.
    public var line: Int
    public var reason: String

    public init(file: String, line: Int, reason: String) {
        self.file = file
        self.line = line
        self.reason = reason
    }

    public var description: String { "\(file):\(line): \(reason)" }
}

/// A mistake whose file is known further up.
struct ScenarioMistake: Error {
    let line: Int
    let reason: String
}

/// What somebody may have meant.
enum NearestWord {
    /// " (did you mean 'x'?)", or what there is to choose from.
    static func hint(for word: String, among known: [String]) -> String {
        if let nearest = find(word, among: known) { return "; did you mean '\(nearest)'?" }
        return "; there are: " + known.joined(separator: ", ")
    }

    /// The known word that differs least, if it differs in no more than a third of its letters; the first of several.
    static func find(_ word: String, among known: [String]) -> String? {
        var best: (word: String, distance: Int)?
        for candidate in known {
            let distance = editDistance(Array(word.lowercased().prefix(64)), Array(candidate.lowercased()))
            if distance <= max(1, candidate.count / 3), distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.word
    }

    /// Letters added, removed or changed (Levenshtein 1965).
    private static func editDistance(_ one: [Character], _ other: [Character]) -> Int {
        var row = Array(0...other.count)
        for (i, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, against) in other.enumerated() {
                let changed = diagonal + (letter == against ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(changed, diagonal + 1, row[j] + 1)
            }
        }
        return row[other.count]
    }
}
