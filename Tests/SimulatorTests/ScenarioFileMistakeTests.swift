import Simulator
import Testing
import Wire

/// A file with one mistake: its text, the line that is to be blamed, and words that the reason must hold.
private struct Mistake: CustomTestStringConvertible {
    let text: String
    let line: Int
    let words: [String]

    /// Below a story of one line and `peers: 5`, so that the first line of `body` is line 3.
    init(_ body: String, line: Int = 3, _ words: String...) {
        text = "# A story.\npeers: 5\n" + body
        self.line = line
        self.words = words
    }

    init(whole text: String, line: Int, _ words: String...) {
        self.text = text
        self.line = line
        self.words = words
    }

    var testDescription: String { words.joined(separator: " … ") }
}

@Suite("A scenario file with a mistake is refused with its line and the reason")
struct ScenarioFileMistakeTests {
    private func expectRefusal(_ mistake: Mistake) {
        do {
            _ = try ScenarioFile.parse(mistake.text, file: "tale.yaml")
            Issue.record("it was read: \(mistake.text)")
        } catch {
            #expect(error.file == "tale.yaml")
            #expect(error.line == mistake.line, "\(error)")
            for words in mistake.words { #expect(error.reason.contains(words), "\(error)") }
            #expect(!error.reason.contains("\n"))
        }
    }

    @Test(arguments: [
        Mistake("lend: 5 %\n", "'lend' is unknown", "did you mean 'lends'?"),
        Mistake("colour: red\n", "'colour' is unknown", "there are: peers, lends"),
        Mistake(
            "network:\n  latency: 1 ms\n  los: 1 %\n", line: 5, "'los' is unknown in 'network'", "mean 'loss'?"),
        Mistake("model: {blokcs: 3}\n", "did you mean 'blocks'?"),
        Mistake("disk: {read: 3 ms}\n", "'read' is unknown in 'disk'"),
        Mistake("opening: {within: 3 s}\n", "'within' is unknown in 'opening'"),
        Mistake("workload: {chat: 3 per minute}\n", "did you mean 'chats'?"),
        Mistake("chaos: {kind: all}\n", "did you mean 'kinds'?"),
        Mistake("? [a]\n: b\n", "a key must be a word"),
        Mistake("lasts: 20 s\nlasts: 30 s\n", "'lasts'", "more than once"),
    ])
    private func ofUnknownKeys(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test(arguments: [
        Mistake("lends: [1, 2]\n", "'lends' takes one value"),
        Mistake("lends:\n", "'lends' has no value"),
        Mistake("lends: plenty\n", "a share such as 20 % or 5-20 %, not 'plenty'"),
        Mistake("lasts: 20\n", "'20' has no unit", "20 s"),
        Mistake("lasts:\n  twenty\n", line: 4, "such as 20 s"),
        Mistake("lasts: 20 sec\n", "'sec' is no unit of a time", "there are: s, ms, min, h"),
        Mistake("lasts: 30-20 s\n", "goes downwards"),
        Mistake("lasts: -20 s\n", "such as"),
        Mistake("lasts: 1e9 s\n", "such as"),
        Mistake("lasts: 99999999999999999999 s\n", "such as"),
        Mistake("recovers within: 20-30 s\n", "one value and no range"),
        Mistake("model: {blocks: 3-4}\n", "one value and no range"),
        Mistake("model: {blocks: 2.5}\n", "whole numbers"),
        Mistake("model: nine\n", "'model' takes keys with values"),
        Mistake("network: [latency]\n", "'network' takes keys with values"),
        Mistake("timeline: {at: 1 s}\n", "'timeline' takes a list"),
        Mistake("timeline:\n  - kill\n", line: 4, "'timeline' takes keys with values"),
        Mistake("chaos: {kinds: cut}\n", "'kinds' takes a list"),
        Mistake("chaos: {kinds: [[cut]]}\n", "'kinds' takes one value"),
        Mistake("opening: later\n", "'opening' is ready, or"),
        Mistake("opening: {}\n", "'opening' needs 'arrive within'"),
        Mistake("workload: {chats: 5}\n", "'5' has no unit", "per minute"),
        Mistake("workload: {answer: 5 words}\n", "'words' is no unit"),
        Mistake(whole: "# A story.\npeers: 5 machines\n", line: 2, "'machines' is no unit", "5 or 3-9"),
    ])
    private func ofValuesOfTheWrongType(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test(arguments: [
        Mistake(whole: "# A story.\npeers: 0\n", line: 2, "'peers' takes 1 to 1000, not '0'"),
        Mistake(whole: "# A story.\npeers: 3-5000\n", line: 2, "'peers' takes 1 to 1000"),
        Mistake("network: {loss: 101 %}\n", "'loss' takes 0 % to 100 %, not '101 %'"),
        Mistake("network: {latency: 2 min}\n", "'latency' takes 0 ms to 60000 ms"),
        Mistake("lasts: 0 s\n", "'lasts' takes 0.001 s to 86400 s"),
        Mistake("workload: {answer: 0-5 tokens}\n", "1 tokens to 10000 tokens"),
        Mistake("model: {blocks: 1000}\n", "1 to 200"),
    ])
    private func ofValuesOutOfRange(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test(arguments: [
        Mistake(
            "timeline:\n  - at: 3 s\n    kil: leader\n", line: 5, "'kil' is unknown in 'timeline'",
            "did you mean 'kill'?"),
        Mistake(
            "timeline:\n  - at: 3 s\n    kill: leadr\n", line: 5, "'leadr' names no machines", "mean 'leader'?"),
        Mistake("timeline:\n  - at: 3 s\n    kill: me\n", line: 5, "there are: all, founder"),
        Mistake("timeline:\n  - at: 3 s\n    kill: machines 1, 1\n", line: 5, "names no machines"),
        Mistake("timeline:\n  - at: 3 s\n    kill: 0 %\n", line: 5, "names no machines"),
        Mistake("timeline:\n  - at: 3 s\n    kill: any 0\n", line: 5, "names no machines"),
        Mistake("timeline:\n  - at: 3 s\n", line: 4, "nothing happens in this step"),
        Mistake("timeline:\n  - kill: leader\n", line: 4, "'at' is missing"),
        Mistake("chaos: {kinds: [cut, paus]}\n", "there is no fault 'paus'", "did you mean 'pause'?"),
        Mistake("chaos:\n  kinds:\n    - cut\n    - cut\n", line: 6, "'cut' stands here more than once"),
        Mistake("chaos: {kinds: []}\n", "'kinds' is empty"),
    ])
    private func ofUnknownFaultsAndMachines(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test(arguments: [
        Mistake(
            "timeline:\n  - at: 3 s\n    kill: leader\n    cut: any 1\n", line: 6, "'cut' stand in one step"),
        Mistake("timeline:\n  - at: 3 s\n    new address: any 1\n    for: 3 s\n", line: 6, "is over in a moment"),
        Mistake(
            "timeline:\n  - at: 3 s\n    cut: any 1\n    for: ever\n    every: 5 s\n", line: 7, "cannot come again"),
        Mistake("timeline:\n  - at: 3 s\n    loss: all\n    for: ever\n", line: 6, "cannot be for ever"),
        Mistake("timeline:\n  - at: 3 s\n    kill: machine 5\n", line: 5, "needs 6 machines, and there may be only 5"),
        Mistake("timeline:\n  - at: 3 s\n    kill: any 6\n", line: 5, "needs 6 machines"),
        Mistake("timeline:\n  - at: 3 s\n    kill: all but 5\n", line: 5, "needs 6 machines"),
        Mistake(
            "lasts: 20-40 s\ntimeline:\n  - at: 10-21 s\n    kill: any 1\n", line: 5, "at 21 s the story may have ended"
        ),
    ])
    private func ofContradictions(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test(arguments: [
        Mistake(whole: "", line: 1, "begins with its story"),
        Mistake(whole: "peers: 5\n", line: 1, "begins with its story"),
        Mistake(whole: "\n# Too late.\npeers: 5\n", line: 1, "begins with its story"),
        Mistake(whole: "#\n#  \npeers: 5\n", line: 1, "begins with its story"),
        Mistake(whole: "# Only a story.\n", line: 1, "nothing but comments"),
        Mistake(whole: "# A story.\nlasts: 5 s\n", line: 2, "'peers' is missing"),
        Mistake(whole: "# A story.\n- 5\n", line: 2, "a scenario file is keys with values"),
        Mistake(whole: "# A story.\nfive\n", line: 2, "a scenario file is keys with values"),
    ])
    private func withoutStoryOrContent(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test(arguments: [
        Mistake("network: {loss: 1 %\n", line: 4, "','"),
        Mistake("network:\n\tloss: 1 %\n", line: 4, "cannot start any token"),
        Mistake("lasts: 'ten\n", line: 4, "unexpected end"),
        Mistake("lasts: &long 20 s\n", "anchors, aliases and tags"),
        Mistake("\"#\": *long\n", "anchors, aliases and tags"),
        Mistake("lasts: !!str 20 s\n", "anchors, aliases and tags"),
        Mistake("lasts: 20 s\n---\npeers: 3\n", line: 4, "another document"),
        Mistake("lasts: " + String(repeating: "[", count: 200) + "\n", "nests too deeply"),
        Mistake("- - " + String(repeating: "- ", count: 200) + "\n", "nests too deeply"),
        Mistake(
            whole: "# " + String(repeating: "long ", count: 20_000) + "\npeers: 3\n", line: 1, "longer than 64 KiB"),
    ])
    private func thatIsNoYAMLOrTooMuchOfIt(_ mistake: Mistake) { expectRefusal(mistake) }

    @Test func noMixtureOfItsPiecesMakesTheReaderTrap() {
        let pieces = [
            "peers: 3", "\n", "  ", "- ", "{", "}", "[", "]", ": ", ", ", "timeline:", "at: 1 s", "kill: all",
            "for: ever",
            "\"", "'", "#", "%", "9-1 s", "? ", "|", ">", "\t", "---", "\u{0}", "é", "chaos: {kinds: all}",
            "99999999999999999 s",
            "\\x", "\u{feff}", "network:", "loss: 3 %",
        ]
        var generator = SeededGenerator(seed: 20)
        var read = 0
        for _ in 0..<3000 {
            let count = Int.random(in: 1...12, using: &generator)
            let body = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
            if (try? ScenarioFile.parse("# A story.\npeers: 5\n" + body, file: "a.yaml")) != nil { read += 1 }
        }
        #expect(read > 0 && read < 3000)
    }

    @Test func aFileThatIsNotThereIsNamed() {
        #expect(throws: ScenarioFileError(file: "no/where.yaml", line: 1, reason: "the file cannot be read")) {
            try ScenarioFile.read("no/where.yaml")
        }
    }

    @Test(arguments: [
        ("swarm\n", 1, "SCENARIO SEED and the reason"), ("# x\nswarm x why\n", 2, "SCENARIO SEED and the reason"),
        ("swarm 3\n", 1, "reason is missing"), ("swarm 3 peers=4\n", 1, "reason is missing"),
        ("swarm 3 peers=x why\n", 1, "no number of machines"),
        ("swarm 3 a\n\nswarm 3 b\n", 3, "stands in the file already"),
    ])
    func pastSeedsAreRefusedInTheSameWay(text: String, line: Int, words: String) {
        do {
            _ = try PastSeed.parse(text, file: "seeds.txt")
            Issue.record("it was read")
        } catch {
            #expect(error.line == line)
            #expect(error.reason.contains(words))
        }
    }

    @Test func pastSeedsAreReadWithTheirReasons() throws {
        let text = "# comment\n\nswarm 17 two leaders\nsplit-floor 4 peers=9 a lost token\n"
        #expect(
            try PastSeed.parse(text, file: "seeds.txt").map {
                "\($0.scenario) \($0.seed) \($0.peers ?? 0) \($0.reason)"
            }
                == ["swarm 17 0 two leaders", "split-floor 4 9 a lost token"])
    }
}
