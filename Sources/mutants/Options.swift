import Wire

/// What was asked for. This program is for tools/mutants, which explains the words.
struct Options {
    static let usage = """
        usage: mutants [--json] [--only NAME]... [--whole] [--seeds N] [--seconds S] [--clean N] [--jobs N]

          --only NAME   only this mutant
          --whole       only in worlds of whole peers, which takes hours
          --seeds N     seeds that a mutant may survive at most (default: 2000)
          --seconds S   time for each mutant (default: 120)
          --clean N     seeds that the core without a mutant must pass (default: 100)
          --jobs N      mutants at a time (default: one for each core)
        """

    var json = false
    var only: [Mutant] = []
    var whole = false
    var seeds = 2000
    var seconds = 120
    var clean = 100
    var jobs: Int?
    /// In the child: which mutant to run, from which try on, in which scenarios.
    var trial: Mutant?
    var from = 0
    var scenarios: [String] = []

    struct WrongUsage: Error {
        let sentence: String
    }

    init(_ words: [String]) throws(WrongUsage) {
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--json": json = true
            case "--whole": whole = true
            case "--only": only.append(try Options.mutant(after: word, in: &rest))
            case "--trial": trial = try Options.mutant(after: word, in: &rest)
            case "--seeds": seeds = try Options.number(after: word, in: &rest)
            case "--seconds": seconds = try Options.number(after: word, in: &rest)
            case "--clean": clean = try Options.number(after: word, in: &rest)
            case "--jobs": jobs = try Options.number(after: word, in: &rest)
            case "--from": from = try Options.number(after: word, in: &rest)
            case "--scenario": scenarios.append(rest.popFirst() ?? "")
            default: throw WrongUsage(sentence: "'\(word)' is unknown")
            }
        }
    }

    private static func number(after word: String, in rest: inout ArraySlice<String>) throws(WrongUsage) -> Int {
        guard let text = rest.popFirst(), let number = Int(text), (0...1_000_000).contains(number) else {
            throw WrongUsage(sentence: "'\(word)' takes a number")
        }
        return number
    }

    private static func mutant(after word: String, in rest: inout ArraySlice<String>) throws(WrongUsage) -> Mutant {
        guard let text = rest.popFirst(), let mutant = Mutant(rawValue: text) else {
            throw WrongUsage(
                sentence: "'\(word)' takes one of: " + Mutant.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return mutant
    }
}
