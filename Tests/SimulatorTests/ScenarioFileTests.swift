import Foundation
import Simulator
import Testing

private func parsed(_ body: String) throws -> Scenario {
    try ScenarioFile.parse("# A story.\n" + body, file: "Simulations/tale.yaml")
}

@Suite("A scenario file")
struct ScenarioFileTests {
    @Test func whatItLeavesOutKeepsItsUsualValue() throws {
        #expect(try parsed("peers: 4\n") == Scenario(name: "tale", story: "A story.", peers: 4...4))
    }

    @Test func everyKeyIsRead() throws {
        let scenario = try parsed(
            """
            peers: 3-9
            lends: 5-20 %
            model: {blocks: 12, block memory: 7 bytes, piece: 32 bytes}
            network:
              latency: 0.2 - 1 ms
              jitter: 0.5 ms
              loss: 0-2 %
              duplicates: 1 %
              multicast: 50 %
              pairs without datagrams: 10-30 %
            disk: {write: 2-40 ms}
            opening: {arrive within: 1-2 min}
            workload:
              chats: 6-20 per minute
              answer: 3-5 tokens
              changes: 1 per second
              joins: 60 per hour
              leaves: 2 per minute
            chaos: {rate: 2-6 per minute, lasting: 100 ms, kinds: [cut, one way], each: 75 %}
            lasts: 1 h
            recovers within: 90 s
            """)
        var expected = Scenario(name: "tale", story: "A story.", peers: 3...9, lends: 0.05...0.2)
        expected.model.blocks = 12
        expected.model.blockMemory = 7
        expected.model.pieceBytes = 32
        expected.network.latency = 0.2...1
        expected.network.jitter = 0.5...0.5
        expected.network.loss = 0...0.02
        expected.network.duplicates = 0.01...0.01
        expected.network.multicast = 0.5
        expected.network.pairsWithoutDatagrams = 0.1...0.3
        expected.disk.write = 2...40
        expected.opening = .arrivals(within: 60...120)
        expected.workload.chats = 6...20
        expected.workload.answer = 3...5
        expected.workload.changes = 60...60
        expected.workload.joins = 1...1
        expected.workload.leaves = 2...2
        var chaos = Scenario.Chaos()
        chaos.rate = 2...6
        chaos.lasting = 0.1...0.1
        chaos.kinds = [.cut, .oneWay]
        chaos.each = 0.75
        expected.chaos = chaos
        expected.lasts = 3600...3600
        expected.recoversWithin = 90
        #expect(scenario == expected)
    }

    @Test func aStepSaysWhenWhatWhomAndForHowLong() throws {
        let scenario = try parsed(
            """
            peers: 6
            timeline:
              - at: 20-30 s
                kill: leader
                for: 10 s
              - at: 5 s
                stop: all but 2
                for: ever
                over: 20-25 s
              - at: 1 s
                reset links: machines 1, 5
                every: 3-4 s
            """)
        var kill = Scenario.Step(at: 20...30, fault: Fault(.kill, lasting: 10...10), who: .leader)
        #expect(scenario.timeline[0] == kill)
        kill = Scenario.Step(at: 5...5, fault: Fault(.stop, isForGood: true), who: .allBut(2))
        kill.over = 20...25
        #expect(scenario.timeline[1] == kill)
        kill = Scenario.Step(at: 1...1, fault: Fault(.resetLinks), who: .machines([1, 5]))
        kill.every = 3...4
        #expect(scenario.timeline[2] == kill)
    }

    @Test(arguments: [
        ("all", Scenario.Who.all), ("founder", .machines([0])), ("leader", .leader), ("voter", .voter),
        ("voters", .voters), ("majority of voters", .majorityOfVoters), ("driver", .driver), ("stage", .stage),
        ("machine 3", .machines([3])), ("machines 1,2", .machines([1, 2])), ("any 2", .some(2)), ("25 %", .share(0.25)),
        ("all but 3", .allBut(3)),
    ])
    func machinesAreNamedInWords(words: String, who: Scenario.Who) throws {
        let scenario = try parsed("peers: 6\ntimeline:\n  - {at: 1 s, cut: \"\(words)\"}\n")
        #expect(scenario.timeline.first?.who == who)
    }

    @Test func everyKindOfFaultHasWordsThatAreReadBack() {
        for kind in Fault.Kind.allCases {
            #expect(Fault.Kind(words: kind.words) == kind)
            #expect(kind.words.allSatisfy { $0.isLowercase || $0 == " " })
        }
        #expect(Fault.Kind.noDatagrams.words == "no datagrams")
    }

    @Test func theStoryIsTheCommentOnTop() throws {
        let text = "# The first\n# paragraph.\n#\n## And another.\npeers: 3 # no story\n# nor this\n"
        #expect(try ScenarioFile.parse(text, file: "a").story == "The first paragraph.\nAnd another.")
    }

    @Test func itIsNamedAfterItsFile() {
        #expect(ScenarioFile.name(ofFile: "some/where/power-cut.yaml") == "power-cut")
        #expect(ScenarioFile.name(ofFile: "power-cut.yml") == "power-cut.yml")
    }

    @Test func linesMayEndAsOnWindows() throws {
        #expect(try ScenarioFile.parse("# A story.\r\npeers: 3\r\nlasts: 20 s\r\n", file: "a").lasts == 20...20)
    }

    @Test func anotherNumberOfMachinesIsTakenWhereTheStoryHasRoomForIt() throws {
        let scenario = try parsed("peers: 6\ntimeline:\n  - {at: 1 s, cut: any 4}\n")
        #expect(scenario.with(peers: 4)?.peers == 4...4)
        #expect(scenario.with(peers: 3) == nil)
        #expect(scenario.with(peers: 0) == nil)
    }
}

@Suite("The scenarios that come with the program")
struct ScenarioLibraryTests {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static let names = ScenarioLibrary.names(in: root)

    @Test func thereAreTheOnesThatWerePromised() {
        let promised = [
            "campus", "cloned-machine", "flapping-wifi", "full-disk", "healthy-lan", "malicious-member",
            "office-evening",
            "office-morning", "one-way-cable", "power-cut", "rolling-restart", "slow-disk", "split-floor", "stale-disk",
            "swarm", "thundering-invitations", "two-machine-home",
        ]
        #expect(Set(promised).subtracting(ScenarioLibraryTests.names).isEmpty)
    }

    @Test(arguments: names)
    func eachIsReadAndHasAStory(name: String) throws {
        let scenario = try ScenarioFile.read("\(ScenarioLibraryTests.root)/Simulations/\(name).yaml")
        #expect(scenario.name == name)
        #expect(scenario.story.count > 80)
    }

    @Test func theFileOfSwarmSaysWhatIsBuiltIn() throws {
        var file = try ScenarioFile.read("\(ScenarioLibraryTests.root)/Simulations/swarm.yaml")
        #expect(file.story.hasPrefix(Scenario.swarm.story))
        file.story = Scenario.swarm.story
        #expect(file == .swarm)
    }

    @Test func everyKindOfFaultComesInSomeStory() throws {
        let stories = try ScenarioLibraryTests.names.filter { $0 != "swarm" }.map {
            try ScenarioLibrary.find($0, in: ScenarioLibraryTests.root).scenario
        }
        let told = stories.flatMap { $0.timeline.map(\.fault.kind) + ($0.chaos?.kinds ?? []) }
        #expect(Set(Fault.Kind.allCases).subtracting(told).map(\.words).sorted() == [])
    }

    @Test func pastSeedsAreOfScenariosThatStillExist() throws {
        for past in try PastSeed.read("\(ScenarioLibraryTests.root)/\(PastSeed.file)") {
            #expect(throws: Never.self) { try ScenarioLibrary.find(past.scenario, in: ScenarioLibraryTests.root) }
        }
    }

    @Test func whoeverMistypesANameIsToldTheNearest() {
        #expect(throws: ScenarioLibrary.Missing.name("helthy-lan", hint: "; did you mean 'healthy-lan'?")) {
            try ScenarioLibrary.find("helthy-lan", in: ScenarioLibraryTests.root)
        }
    }

    @Test func swarmNeedsNoFile() throws {
        #expect(try ScenarioLibrary.find("swarm", in: "/nowhere").scenario == .swarm)
    }
}
