import Foundation

/// Where scenarios are found by what people call them.
public enum ScenarioLibrary {
    /// Beside the current directory.
    public static let folder = "Simulations"

    /// A scenario, and the word by which it is found again from the same place.
    public struct Entry: Sendable, Hashable {
        public var scenario: Scenario
        public var word: String
    }

    public enum Missing: Error, Hashable, CustomStringConvertible {
        case name(String, hint: String)

        public var description: String {
            switch self {
            case .name(let name, let hint): "there is no scenario '\(name)'\(hint)"
            }
        }
    }

    /// `swarm`, which is built in; a path; or the name of a file in `Simulations`.
    public static func find(_ word: String, in directory: String = ".") throws -> Entry {
        if word == Scenario.swarm.name { return Entry(scenario: .swarm, word: word) }
        if word.contains("/") || word.hasSuffix(".yaml") {
            return Entry(scenario: try ScenarioFile.read(word), word: word)
        }
        let path = path(of: word, in: directory)
        guard FileManager.default.fileExists(atPath: path) else {
            throw Missing.name(word, hint: NearestWord.hint(for: word, among: names(in: directory)))
        }
        return Entry(scenario: try ScenarioFile.read(path), word: path)
    }

    /// `swarm` and whatever stands in `Simulations`, sorted.
    public static func names(in directory: String = ".") -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path(folder, in: directory))) ?? []
        let names = files.filter { $0.hasSuffix(".yaml") }.map(ScenarioFile.name(ofFile:))
        return Set(names + [Scenario.swarm.name]).sorted()
    }

    private static func path(of name: String, in directory: String) -> String {
        path("\(folder)/\(name).yaml", in: directory)
    }

    private static func path(_ path: String, in directory: String) -> String {
        directory == "." ? path : "\(directory)/\(path)"
    }
}
