import Testing

@testable import Inference

@Suite("Stop strings")
struct StopStringsTests {
    private func run(_ strings: [String], _ parts: [String]) throws -> (shown: [String], found: String?) {
        var stop = try StopStrings(strings)
        var shown = parts.map { stop.push($0) }
        shown.append(stop.finish())
        return (shown, stop.found)
    }

    @Test("are found across the borders of tokens and not shown")
    func across() throws {
        let result = try run(["</end>"], ["one <", "/e", "nd> two", " three"])
        #expect(result.shown == ["one ", "", "", "", ""])
        #expect(result.found == "</end>")
    }

    @Test("hold back just what could still become one")
    func holding() throws {
        let result = try run(["\n\nUser:"], ["a\n", "\nUs", "ing", "\n"])
        #expect(result.shown == ["a", "", "\n\nUsing", "", "\n"])
        #expect(result.found == nil)
    }

    @Test("that repeat themselves are found where they first end")
    func repeating() throws {
        #expect(try run(["aab"], ["aaa", "b"]).shown == ["a", "", ""])
        #expect(try run(["abab"], ["abaabab"]).shown == ["aba", ""])
    }

    @Test("of two that end at one place, the longer counts; otherwise the one that ends first")
    func several() throws {
        #expect(try run(["b", "ab"], ["xab"]).found == "ab")
        #expect(try run(["abcd", "bc"], ["xabcd"]).found == "bc")
    }

    @Test("give the same however the text is cut")
    func cuts() throws {
        let text = "wh\u{e9}n 🚀🚀 the STOP STO 🚀P STOP and on"
        let strings = ["STOP a", "🚀P S", "\u{e9}m"]
        let whole = try run(strings, [text])
        var generator = SplitMix(state: 1)
        for _ in 0..<200 {
            var parts: [String] = []
            var rest = Substring(text)
            while !rest.isEmpty {
                let count = Int.random(in: 1...5, using: &generator)
                parts.append(String(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let cut = try run(strings, parts)
            #expect(cut.shown.joined() == whole.shown.joined())
            #expect(cut.found == whole.found)
        }
    }

    @Test("that are empty, too long or too many are refused")
    func refusals() {
        #expect(throws: SamplingError.self) { try StopStrings([""]) }
        #expect(throws: SamplingError.self) { try StopStrings([String(repeating: "x", count: 1025)]) }
        #expect(throws: SamplingError.self) { try StopStrings((0..<17).map { "\($0)" }) }
    }
}
