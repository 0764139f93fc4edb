import Consensus
import Identity
import Testing
import Wire

/// A leader of three and its two followers, all with the same log, who have nothing to do.
private func restingStage() -> Stage {
    let stage = Stage()
    stage.enter([a, b, c])
    stage.elect(a)
    stage.deliver()
    return stage
}

@Suite("Heartbeats") struct HeartbeatTests {
    private let times = RaftTimes()

    /// Messages that the leader sends within so many seconds, with all delivered at once.
    private func sent(by stage: Stage, seconds: Int64) -> Int {
        let end = stage.now.advanced(by: .seconds(seconds))
        var count = 0
        while stage[a].nextWake <= end {
            stage.wake(a)
            count += stage.sent(by: a).count
            stage.deliver()
        }
        return count
    }

    @Test("at rest a follower hears its leader once a second")
    func atRest() {
        let stage = restingStage()
        #expect(stage[a].nextWake.since(stage.now) == times.heartbeat)
        #expect(sent(by: stage, seconds: 60) == 2 * 60)
        #expect(stage[a].role == .leader && stage[b].leader == a)
    }

    @Test("a follower that bears as many late heartbeats as it should keeps its leader, and then seeks another")
    func patience() {
        let stage = restingStage()
        stage.wake(a)
        stage.deliver()
        #expect(stage[b].nextWake.since(stage.now) >= Interval(nanoseconds: 3 * times.heartbeat.nanoseconds))
        stage.lose()
        stage.wake(b)
        #expect(stage[b].role == .preCandidate)
    }

    @Test("what was not answered is asked for again soon, and only of those who did not answer")
    func retry() {
        let stage = restingStage()
        stage.propose(a)
        stage.deliver { $0.to != c && $0.from != c }
        stage.lose()
        #expect(stage[a].commit == stage[a].lastIndex)
        #expect(stage[a].nextWake.since(stage.now) == times.retry)
        stage.wake(a)
        #expect(stage.letters.map(\.to) == [c])
        stage.deliver()
        #expect(
            stage[a].nextWake.since(stage.now)
                == Interval(nanoseconds: times.heartbeat.nanoseconds - times.retry.nanoseconds))
    }

    @Test("who was sent something needs no heartbeat until as long after")
    func appendsCount() {
        let stage = restingStage()
        stage.wait(900)
        stage.propose(a)
        stage.deliver()
        #expect(stage[a].nextWake.since(stage.now) == times.heartbeat)
    }

    @Test("a read asks at once, and again soon where nobody answers")
    func reads() {
        let stage = restingStage()
        stage.wait(10)
        stage.tell(a) { $0.read(ReadID(1), at: stage.now) }
        #expect(stage.sent(by: a).count == 2)
        stage.lose()
        #expect(stage[a].nextWake.since(stage.now) == times.retry)
        stage.wake(a)
        stage.deliver()
        #expect(stage.answers.map(\.granted) == [stage[a].commit])
        #expect(stage[a].nextWake.since(stage.now) == times.heartbeat)
    }

    @Test("a leader of nobody needs no time")
    func alone() {
        let stage = Stage()
        stage.enter(a, .with(voters: [a]))
        #expect(stage[a].nextWake == Raft.never)
    }
}
