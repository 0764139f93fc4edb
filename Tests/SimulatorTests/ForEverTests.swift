import Testing
import Wire

@testable import Simulator

@Suite("What is for ever")
struct ForEverTests {
    private func story(_ kind: Fault.Kind, _ who: Scenario.Who) -> Story {
        var scenario = Scenario(name: "ever", story: "", peers: 4...4, lends: 1...1)
        scenario.timeline = [Scenario.Step(at: 2...2, fault: Fault(kind, isForGood: true), who: who)]
        scenario.lasts = 30...30
        scenario.recoversWithin = 60
        return Story(scenario: scenario, seed: 3)
    }

    @Test("is not undone when all else is mended, and the others do without", arguments: [Fault.Kind.kill, .stop])
    func off(kind: Fault.Kind) {
        let story = story(kind, .machines([3]))
        story.run(shouldStop: { false }, progress: { _ in })
        #expect(!story.world.hosts[3].isOn && story.world.hosts[3].isGone)
        #expect(story.result.violation == nil, "\(String(describing: story.result.violation))")
    }

    @Test(
        "leaves a machine that cannot be reached out of what is asked of the rest",
        arguments: [
            Fault.Kind.cut, .oneWay, .pause,
        ])
    func unreachable(kind: Fault.Kind) {
        let story = story(kind, .machines([3]))
        story.run(shouldStop: { false }, progress: { _ in })
        #expect(story.world.hosts[3].isOn && !story.world.isReachable(0, 3) == (kind != .pause))
        #expect(story.world.hosts[3].isPaused == (kind == .pause))
        #expect(story.result.violation == nil, "\(String(describing: story.result.violation))")
    }

    @Test("must be borne where nobody is gone")
    func borne() {
        let story = story(.noMulticast, .all)
        story.run(shouldStop: { false }, progress: { _ in })
        #expect(story.world.multicastStopped == 1 && story.world.hosts.allSatisfy { $0.isOn && !$0.isGone })
        #expect(story.result.violation == nil)
    }

    @Test("does not count among those who could still decide")
    func oracle() {
        let story = story(.kill, .machines([1, 2, 3]))
        story.run(shouldStop: { false }, progress: { _ in })
        #expect(story.world.coverage.counts["network recovered"] == 1)
        #expect(story.result.violation == nil, "\(String(describing: story.result.violation))")
    }
}
