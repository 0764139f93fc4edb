import Foundation
import Yams

// A scenario as people write it: Simulations/NAME.yaml. The story is the comment on top of the file; what the keys mean
// stands in docs/simulation.md. A file with a mistake is refused whole, with the line and the reason: a scenario that
// is silently read as another one proves nothing.

public enum ScenarioFile {
    /// Of a file. The longest of ours has two.
    public static let bytesMax = 64 << 10

    /// Reads a file. Its name without folder and `.yaml` becomes the scenario's.
    public static func read(_ path: String) throws(ScenarioFileError) -> Scenario {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw ScenarioFileError(file: path, line: 1, reason: "the file cannot be read")
        }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw ScenarioFileError(file: path, line: 1, reason: "the file is not UTF-8 text")
        }
        return try parse(text, file: path)
    }

    /// Reads a text that is said to stand in a file of that name.
    public static func parse(_ text: String, file: String) throws(ScenarioFileError) -> Scenario {
        do {
            return try parse(text, name: name(ofFile: file))
        } catch {
            throw ScenarioFileError(file: file, line: error.line, reason: error.reason)
        }
    }

    private static func parse(_ text: String, name: String) throws(ScenarioMistake) -> Scenario {
        guard text.utf8.count <= bytesMax else {
            throw ScenarioMistake(line: 1, reason: "the file is longer than \(bytesMax >> 10) KiB")
        }
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        try checkPlainness(lines)
        let story = try story(lines)
        return try scenario(try root(of: text), name: name, story: story)
    }

    /// "office-morning" of "Simulations/office-morning.yaml".
    public static func name(ofFile file: String) -> String {
        let last = file.split(separator: "/").last.map(String.init) ?? file
        return last.hasSuffix(".yaml") ? String(last.dropLast(5)) : last
    }

    /// The comment on top, without its marks. An empty comment line parts paragraphs.
    private static func story(_ lines: [Substring]) throws(ScenarioMistake) -> String {
        let comment = lines.prefix { $0.hasPrefix("#") }.map {
            $0.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
        }
        let paragraphs = comment.split(separator: "").map { $0.joined(separator: " ") }
        guard !paragraphs.isEmpty else {
            throw ScenarioMistake(line: 1, reason: "a scenario begins with its story: a comment that says what happens")
        }
        return paragraphs.joined(separator: "\n")
    }

    /// Whatever could make a small file grow or nest without end is refused before the parser sees it; scenarios need
    /// none of it.
    private static func checkPlainness(_ lines: [Substring]) throws(ScenarioMistake) {
        for (index, line) in lines.enumerated() {
            // Where there are quotes, a '#' may stand inside them: the whole line is looked at then.
            let isQuoted = line.contains { $0 == "\"" || $0 == "'" }
            let code = isQuoted && !line.hasPrefix("#") ? line : line.prefix { $0 != "#" }
            if code.contains(where: { $0 == "&" || $0 == "*" || $0 == "!" }) {
                throw ScenarioMistake(
                    line: index + 1, reason: "anchors, aliases and tags ('&', '*', '!') are not understood")
            }
            if code.count(where: { "[{?-".contains($0) }) > 64 {
                throw ScenarioMistake(line: index + 1, reason: "the line nests too deeply")
            }
        }
    }

    private static func root(of text: String) throws(ScenarioMistake) -> Node {
        do {
            guard let node = try Yams.Parser(yaml: text).singleRoot() else {
                throw ScenarioMistake(
                    line: 1, reason: "the file holds nothing but comments; at least 'peers' is needed")
            }
            return node
        } catch let mistake as ScenarioMistake {
            throw mistake
        } catch let error as YamlError {
            throw mistake(for: error)
        } catch {
            throw ScenarioMistake(line: 1, reason: "the file is no YAML")
        }
    }

    private static func mistake(for error: YamlError) -> ScenarioMistake {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ScenarioMistake(line: mark.line, reason: problem)
        case .duplicatedKeysInMapping(let keys, let context):
            ScenarioMistake(
                line: context.mark.line, reason: "the key '\(keys.first ?? "")' stands here more than once")
        case .reader(let problem, _, _, _):
            ScenarioMistake(line: 1, reason: problem)
        default:
            ScenarioMistake(line: 1, reason: "the file is no YAML")
        }
    }
}
