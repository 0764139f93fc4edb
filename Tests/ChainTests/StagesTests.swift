import Chain
import Identity
import Testing
import Wire

@Suite("The stages of a peer") struct StagesTests {
    /// Peer 2 holds both ends, peer 1 the middle.
    let bent = [stage(2, 0...2), stage(1, 3...5), stage(2, 6...8)]

    @Test("keep a resume that comes before its route")
    func earlyResume() {
        let stages = StagesBench()
        #expect(stages.receive(resume(1, stage: 2, next: 0), from: 3).isEmpty)
        stages.open(routeOpen(1, stage: 1))
        let key = StageKey(session: session, firstBlock: 3)
        let work = stages.receive(activation(1, stage: 1, at: 0, [1]), from: 1).works[0]
        let effects = stages.handle(.computed(key, work.ticket, .hidden(FakeModel.payload([9]))))
        #expect(effects.frames == [activation(1, stage: 2, at: 0, [9])])
    }

    @Test("forget a resume whose route was passed over")
    func staleResume() {
        let stages = StagesBench()
        stages.receive(resume(1, stage: 2, next: 5), from: 3)
        stages.open(routeOpen(2, stage: 1))
        let key = StageKey(session: session, firstBlock: 3)
        let work = stages.receive(activation(2, stage: 1, at: 0, [1]), from: 1).works[0]
        #expect(stages.handle(.computed(key, work.ticket, .hidden(FakeModel.payload([9])))).frames.isEmpty)
    }

    @Test("may be two of one route, each fed its own frames")
    func twoOfOneRoute() {
        let stages = StagesBench()
        for index in [0, 2] {
            stages.open(routeOpen(1, stage: index, stages: bent))
        }
        #expect(stages.receive(tokens(1, at: 0, [5]), from: 0).works.map(\.blocks.first) == [0])
        #expect(stages.receive(activation(1, stage: 2, at: 0, [5]), from: 1).works.map(\.blocks.first) == [6])
    }

    @Test("end with the route that has no more place for them")
    func leaveRoute() {
        let stages = StagesBench()
        for index in [0, 2] {
            stages.receive(.routeOpen(routeOpen(1, stage: index, stages: bent)), from: 0)
        }
        let effects = stages.receive(.routeOpen(routeOpen(2, stage: 1)), from: 0)
        #expect(effects.filter { $0 == .dropCache(StageKey(session: session, firstBlock: 0)) }.count == 1)
        #expect(effects.filter { $0 == .dropCache(StageKey(session: session, firstBlock: 6)) }.count == 1)
        #expect(stages.stages.stages.map(\.key.firstBlock) == [3])
    }

    @Test("end when their driver closes the session, unless they are in a newer route")
    func closing() {
        let stages = StagesBench()
        stages.receive(.routeOpen(routeOpen(2, stage: 1)), from: 0)
        stages.receive(.sessionClose(session: session, epoch: RouteEpoch(1)), from: 0)
        #expect(stages.stages.stages.count == 1)
        stages.receive(.sessionClose(session: session, epoch: RouteEpoch(3)), from: 5)
        #expect(stages.stages.stages.count == 1)
        let effects = stages.receive(.sessionClose(session: session, epoch: RouteEpoch(3)), from: 0)
        #expect(effects == [.dropCache(StageKey(session: session, firstBlock: 3))])
        #expect(stages.stages.stages.isEmpty)
    }

    @Test("take no result of a stage that was dropped and opened again meanwhile")
    func lateResult() {
        let stages = StagesBench()
        let key = StageKey(session: session, firstBlock: 3)
        func begin(_ epoch: UInt64) -> StageTicket {
            stages.open(routeOpen(epoch, stage: 1))
            return stages.receive(activation(epoch, stage: 1, at: 0, [1]), from: 1).works[0].ticket
        }
        let old = begin(1)
        stages.handle(.evicted(session))
        _ = begin(2)
        #expect(stages.handle(.computed(key, old, .hidden(FakeModel.payload([9])))).isEmpty)
        #expect(stages.stages[key]?.next == .zero)
    }

    @Test("tell the driver when they are evicted")
    func evicted() {
        let stages = StagesBench()
        stages.receive(.routeOpen(routeOpen(1, stage: 1)), from: 0)
        let effects = stages.handle(.evicted(session))
        #expect(effects.frames(to: driverPeer) == [failed(1, stage: 1, "its memory was needed")])
        #expect(effects.last == .dropCache(StageKey(session: session, firstBlock: 3)))
    }

    @Test("are limited in number, and say so")
    func limited() {
        var limits = ChainSettings.small
        limits.stages = 1
        let stages = StagesBench(settings: limits)
        stages.receive(.routeOpen(routeOpen(1, stage: 0, stages: bent)), from: 0)
        let effects = stages.receive(.routeOpen(routeOpen(1, stage: 2, stages: bent)), from: 0)
        #expect(effects.frames(to: driverPeer) == [failed(1, stage: 2, "the peer serves 1 stages already")])
    }
}
