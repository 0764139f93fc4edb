import Foundation

/// Seeds that failed once, and must not again: Simulations/seeds.txt, a line each.
///
///     SCENARIO SEED [peers=N] why it failed
///
/// Empty lines and lines that begin with `#` are passed over.
public struct PastSeed: Sendable, Hashable {
    public var scenario: String
    public var seed: UInt64
    /// Where the world had another number of machines than the scenario says.
    public var peers: Int?
    public var reason: String

    public static let file = "\(ScenarioLibrary.folder)/seeds.txt"

    public static func read(_ path: String = file) throws(ScenarioFileError) -> [PastSeed] {
        guard let data = FileManager.default.contents(atPath: path), let text = String(data: data, encoding: .utf8)
        else {
            throw ScenarioFileError(file: path, line: 1, reason: "the file cannot be read")
        }
        return try parse(text, file: path)
    }

    public static func parse(_ text: String, file: String) throws(ScenarioFileError) -> [PastSeed] {
        var seeds: [PastSeed] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            func mistake(_ reason: String) -> ScenarioFileError {
                ScenarioFileError(file: file, line: index + 1, reason: reason)
            }
            guard words.count >= 2, let seed = UInt64(words[1]) else {
                throw mistake("a line holds SCENARIO SEED and the reason")
            }
            var peers: Int?
            var rest = words.dropFirst(2)
            if let word = rest.first, word.hasPrefix("peers=") {
                guard let count = Int(word.dropFirst(6)), ScenarioFile.Bounds.peers.contains(count) else {
                    throw mistake("'\(word)' is no number of machines")
                }
                peers = count
                rest = rest.dropFirst()
            }
            guard !rest.isEmpty else { throw mistake("the reason is missing: why this seed failed") }
            let entry = PastSeed(
                scenario: String(first), seed: seed, peers: peers, reason: rest.joined(separator: " "))
            if seeds.contains(where: { ($0.scenario, $0.seed, $0.peers) == (entry.scenario, entry.seed, entry.peers) })
            {
                throw mistake("\(entry.scenario) \(entry.seed) stands in the file already")
            }
            seeds.append(entry)
        }
        return seeds
    }
}
