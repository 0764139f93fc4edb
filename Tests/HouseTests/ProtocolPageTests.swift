// docs/protocol.md promises every frame, message, domain and limit. It is held against the sources that define them, so that
// neither can change without the other.

import Foundation
import Testing

/// What the page says, and what the sources say.
private enum ProtocolPage {
    static func text() throws -> String { try read("docs/protocol.md") }

    static func read(_ path: String) throws -> String {
        try String(contentsOf: House.root.appendingPathComponent(path), encoding: .utf8)
    }

    /// What stands between the first `opening` and the next line that is just a closing brace. Nil where there is none.
    static func body(of opening: String, in source: String) -> Substring? {
        guard let start = source.firstRange(of: opening),
            let end = source[start.upperBound...].firstRange(of: "\n}\n")
        else { return nil }
        return source[start.upperBound..<end.lowerBound]
    }

    /// The cells of the page's table rows that begin with this cell, each row once.
    static func rows(beginningWith cell: String, in page: String) -> [[String]] {
        page.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("| \(cell) |") else { return nil }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
            return cells.map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    /// Each kind's name and number.
    static func frameKinds(in source: String) -> [(name: String, number: String)] {
        (body(of: "enum FrameKind: UInt8 {", in: source) ?? "").matches(of: #/case (\w+) = (\d+)/#)
            .map { (String($0.1), String($0.2)) }
    }
}

@Suite("docs/protocol.md")
struct ProtocolPageTests {
    @Test("has a row and a paragraph for every kind of frame, under its number")
    func frameKinds() throws {
        let page = try ProtocolPage.text()
        let kinds = ProtocolPage.frameKinds(in: try ProtocolPage.read("Sources/Wire/Frame+Coding.swift"))
        #expect(kinds.contains { $0 == ("hello", "1") })
        for (name, number) in kinds {
            let rows = ProtocolPage.rows(beginningWith: "`\(name)`", in: page)
            #expect(rows.map { $0[1] } == [number], "the row of \(name)")
            #expect(page.contains("**\(number) `\(name)`**"), "the paragraph of \(number) `\(name)`")
        }
    }

    @Test("has no row for a kind of frame that is not there")
    func noOtherKinds() throws {
        let known = ProtocolPage.frameKinds(in: try ProtocolPage.read("Sources/Wire/Frame+Coding.swift")).map(\.name)
        let told = try ProtocolPage.text().matches(of: #/\n\| `(\w+)` \| \d+ \|/#).map { String($0.1) }
        #expect(told.filter { !known.contains($0) } == [])
        #expect(told.count == known.count)
    }

    @Test("marks just those frames that an admission link carries")
    func admission() throws {
        let page = try ProtocolPage.text()
        let source = try ProtocolPage.read("Sources/Transport/LinkPurpose.swift")
        let list = try #require(source.firstMatch(of: #/case \.admission:\s+switch frame \{\s+case ([^:]+): true/#))
        let carried = Set(list.1.matches(of: #/\.(\w+)/#).map { String($0.1) })
        let marked = page.matches(of: #/\n\| `(\w+)` \| \d+ \| j \|/#).map { String($0.1) }
        #expect(Set(marked) == carried)
    }

    @Test("names every message of the proto file")
    func messages() throws {
        let page = try ProtocolPage.text()
        let proto = try ProtocolPage.read("Sources/Wire/tiktrue.proto")
        let messages = proto.matches(of: #/\nmessage (\w+) /#).map { String($0.1) }
        #expect(messages.contains("SignedMessage"))
        // Parts of one message that are written out where they stand in it.
        let inline = [
            "RecordVersionMessage", "RouteStageMessage", "SamplingMessage", "PenaltiesMessage", "TokenBiasMessage",
            "FormatMessage",
            "CandidateMessage", "AdmissionMessage", "GrantMessage",
        ]
        #expect(messages.filter { !inline.contains($0) && !page.contains($0) } == [])
        let fields = inline.flatMap { name in
            (ProtocolPage.body(of: "message \(name) {", in: proto) ?? "").matches(of: #/(\w+) = \d+;/#).map {
                String($0.1)
            }
        }
        #expect(!fields.isEmpty)
        #expect(fields.filter { !page.contains($0) } == [])
    }

    @Test("names every domain of signatures")
    func domains() throws {
        let page = try ProtocolPage.text()
        let domains = try ProtocolPage.read("Sources/Identity/Signing.swift").matches(of: #/case \w+ = "([^"]+)"/#)
        #expect(!domains.isEmpty)
        #expect(domains.map { String($0.1) }.filter { !page.contains("`\($0)`") } == [])
    }

    @Test("has a row for every limit")
    func limits() throws {
        let page = try ProtocolPage.text()
        let source = try ProtocolPage.read("Sources/Wire/Limits.swift")
        let limits = (ProtocolPage.body(of: "public enum Limits {", in: source) ?? "")
            .matches(of: #/public static let (\w+)/#).map { String($0.1) }
        #expect(limits.contains("datagramBytes"))
        #expect(limits.filter { ProtocolPage.rows(beginningWith: $0, in: page).count != 1 } == [])
    }
}
