import Foundation
import Simulator
import Testing

@Suite("docs/simulation.md")
struct ScenarioPageTests {
    private func cells() throws -> [String] {
        let page = try String(contentsOfFile: "\(ScenarioLibraryTests.root)/docs/simulation.md", encoding: .utf8)
        return page.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("| ") else { return nil }
            return line.split(separator: "|").first.map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test func hasARowForEveryFault() throws {
        let cells = try cells()
        #expect(Fault.Kind.allWords.filter { !cells.contains("`\($0)`") } == [])
    }

    @Test func hasARowForEveryScenario() throws {
        let told = try cells().flatMap { $0.split(separator: ", ").map(String.init) }
        #expect(ScenarioLibraryTests.names.filter { !told.contains("`\($0)`") } == [])
    }

    @Test func itsExampleIsRead() throws {
        let page = try String(contentsOfFile: "\(ScenarioLibraryTests.root)/docs/simulation.md", encoding: .utf8)
        let example = try #require(page.firstMatch(of: #/```yaml\n((?:.|\n)*?)```/#)).1
        #expect(try ScenarioFile.parse(String(example), file: "example.yaml").peers == 40...40)
    }
}
