import Chain
import Identity
import Testing
import Wire

@Suite("A stage") struct StageTests {
    @Test("asks the stage before it to begin, and tells the driver, once its blocks are ready and not sooner")
    func resumesWhenReady() {
        let bench = StageBench()
        let opened = bench.handle(.opened(routeOpen(1, stage: 1), from: driverPeer))
        #expect(opened.frames.isEmpty)
        #expect(opened.contains(.needBlocks(bench.stage.key, network: World.network, blocks: BlockRange(3...5))))
        #expect(opened.resets == [BlockRange(3...5)])
        let ready = bench.handle(.blocksReady(BlockRange(3...5)))
        #expect(
            ready == [
                .send(resume(1, stage: 1, next: 0), to: peer(1)), .send(progress(1, stage: 1, next: 0), to: driverPeer),
            ])
    }

    @Test("asks the driver to begin where it is the first")
    func firstResumesAtDriver() {
        let bench = StageBench(index: 0)
        #expect(bench.open(routeOpen(1, stage: 0)).frames(to: driverPeer) == [resume(1, stage: 0, next: 0)])
    }

    @Test("does not take other blocks' readiness for its own")
    func otherBlocksReady() {
        let bench = StageBench()
        _ = bench.handle(.opened(routeOpen(1, stage: 1), from: driverPeer))
        #expect(bench.handle(.blocksReady(BlockRange(3...4))).isEmpty)
    }

    @Test("ignores a route whose epoch is not above its own", arguments: [1, 2] as [UInt64])
    func oldRoute(_ epoch: UInt64) {
        let bench = StageBench()
        bench.open(routeOpen(2, stage: 1))
        #expect(bench.handle(.opened(routeOpen(epoch, stage: 1), from: driverPeer)).isEmpty)
        #expect(bench.stage.epoch == RouteEpoch(2))
    }

    @Test("drops frames of another epoch, of another sender, and for another stage")
    func fences() {
        let bench = StageBench()
        bench.open(routeOpen(2, stage: 1))
        #expect(bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1).isEmpty)
        #expect(bench.receive(activation(3, stage: 1, at: 0, [1]), from: 1).isEmpty)
        #expect(bench.receive(activation(2, stage: 1, at: 0, [1]), from: 3).isEmpty)
        #expect(bench.receive(activation(2, stage: 2, at: 0, [1]), from: 1).isEmpty)
        #expect(bench.receive(tokens(2, at: 0, [1]), from: 0).isEmpty)
        #expect(bench.receive(activation(2, stage: 1, at: 0, [1]), from: 1).works.count == 1)
    }

    @Test("applies each position once: what it has is dropped, what overlaps is trimmed")
    func duplicates() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [10, 11, 12]), from: 1))
        #expect(bench.stage.next == Position(3))
        #expect(bench.receive(activation(1, stage: 1, at: 0, [10, 11, 12]), from: 1).isEmpty)
        let work = bench.receive(activation(1, stage: 1, at: 1, [11, 12, 13, 14]), from: 1).works
        #expect(work.map(\.first) == [Position(3)])
        #expect(work.map(\.input) == [.hidden(FakeModel.payload([13, 14]), tokens: [3, 4])])
    }

    @Test("answers a gap by asking for what is missing, once, however many frames do not fit")
    func gap() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [10]), from: 1))
        #expect(
            bench.receive(activation(1, stage: 1, at: 2, [12]), from: 1) == [
                .send(resume(1, stage: 1, next: 1), to: peer(1))
            ])
        #expect(bench.receive(activation(1, stage: 1, at: 3, [13]), from: 1).isEmpty)
        bench.finish(bench.receive(activation(1, stage: 1, at: 1, [11]), from: 1))
        #expect(bench.receive(activation(1, stage: 1, at: 3, [13]), from: 1).frames == [resume(1, stage: 1, next: 2)])
    }

    @Test("keeps at most a window of positions, and asks for the rest when it is done with them")
    func boundedQueue() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        let first = bench.receive(activation(1, stage: 2, at: 0, [1, 2, 3, 4]), from: 2)
        #expect(bench.receive(activation(1, stage: 2, at: 4, [5, 6, 7, 8]), from: 2).isEmpty)
        #expect(bench.receive(activation(1, stage: 2, at: 8, [9]), from: 2).isEmpty)
        #expect(bench.stage.queuedPositions == 8)
        #expect(bench.finish(first).frames(to: peer(2)).last == resume(1, stage: 2, next: 8))
    }

    @Test("merges what is queued into one computation, one at a time, ending at the sampling point")
    func merging() {
        var settings = ChainSettings.small
        settings.positionsPerCompute = 4
        let bench = StageBench(index: 2, settings: settings)
        bench.open(routeOpen(1, stage: 2))
        let first = bench.receive(activation(1, stage: 2, at: 0, [1]), from: 2)
        for position in 1..<4 {
            #expect(bench.receive(activation(1, stage: 2, at: position, [UInt64(position)]), from: 2).works.isEmpty)
        }
        _ = bench.receive(activation(1, stage: 2, at: 4, [4, 5], sample: true), from: 2)
        let works = bench.finish(first).works
        #expect(works.map(\.count) == [1, 4, 1])
        #expect(
            works.map(\.output) == [
                .nothing, .nothing, .token(World.sampling, position: Position(6), answerStart: .zero),
            ])
    }

    @Test("samples at the sampling point though more is queued behind it")
    func samplesInTheMiddle() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        let first = bench.receive(activation(1, stage: 2, at: 0, [1]), from: 2)
        _ = bench.receive(activation(1, stage: 2, at: 1, [2], sample: true), from: 2)
        _ = bench.receive(activation(1, stage: 2, at: 2, [3, 4]), from: 2)
        let effects = bench.finish(first, token: 9)
        #expect(effects.works.map(\.count) == [1, 1, 2])
        #expect(effects.frames(to: driverPeer).contains(sampled(1, at: 2, 9)))
    }

    @Test("sends nothing on before the next stage has said where to begin")
    func holdsBack() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        let effects = bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        #expect(effects.frames(to: peer(3)).isEmpty)
        #expect(bench.stage.logBytes == 24)
    }

    @Test("sends from where the next stage asks, with the very bytes that were computed")
    func sendsFromResume() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 3, [4]), from: 1))
        let sent = bench.receive(resume(1, stage: 2, next: 1), from: 3)
        #expect(sent == [.send(activation(1, stage: 2, at: 1, [1001, 1002, 1003]), to: peer(3))])
    }

    @Test("sends a result on as soon as it is there, once the way is open")
    func live() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        _ = bench.receive(resume(1, stage: 2, next: 0), from: 3)
        let effects = bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1], sample: true), from: 1))
        #expect(effects.frames == [activation(1, stage: 2, at: 0, [1000], sample: true)])
    }

    @Test("never sends what the next stage has already")
    func downstreamAhead() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        _ = bench.receive(resume(1, stage: 2, next: 4), from: 3)
        let first = bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        #expect(first.frames(to: peer(3)).isEmpty)
        let second = bench.finish(bench.receive(activation(1, stage: 1, at: 3, [4, 5, 6]), from: 1))
        #expect(second.frames(to: peer(3)) == [activation(1, stage: 2, at: 4, [1004, 1005])])
    }

    @Test("stays within a window of what was acknowledged")
    func window() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        for position in 0..<12 {
            bench.finish(bench.receive(activation(1, stage: 1, at: position, [1]), from: 1))
        }
        #expect(bench.receive(resume(1, stage: 2, next: 0), from: 3).frames.count == 2)
        #expect(
            bench.receive(progress(1, stage: 2, next: 3), from: 3).frames == [
                activation(1, stage: 2, at: 8, [1008, 1009, 1010])
            ])
    }

    @Test("acknowledges every computation of several positions to whoever feeds it and to the driver")
    func acknowledges() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        let effects = bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2]), from: 1))
        #expect(effects.frames(to: peer(1)) == [progress(1, stage: 1, next: 2)])
        #expect(effects.frames(to: driverPeer) == [progress(1, stage: 1, next: 2)])
    }

    @Test("acknowledges single positions only every half window")
    func acknowledgesRarely() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        var acknowledged: [Frame] = []
        for position in 0..<8 {
            acknowledged += bench.finish(
                bench.receive(activation(1, stage: 1, at: position, [1], sample: true), from: 1)
            )
            .frames(to: peer(1))
        }
        #expect(acknowledged == [progress(1, stage: 1, next: 4), progress(1, stage: 1, next: 8)])
    }

    @Test("keeps its cache and its log on a new route where its range is the same")
    func keepsCache() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        let moved = [stage(4, 0...2), stage(2, 3...5), stage(5, 6...8)]
        let effects = bench.open(routeOpen(2, stage: 1, stages: moved))
        #expect(effects.resets.isEmpty)
        #expect(effects.frames(to: peer(4)) == [resume(2, stage: 1, next: 3)])
        #expect(
            bench.receive(resume(2, stage: 2, next: 0), from: 5).frames == [
                activation(2, stage: 2, at: 0, [1000, 1001, 1002])
            ])
    }

    @Test(
        "starts from nothing on a new route where its range is another",
        arguments: [
            [stage(1, 0...2), stage(2, 3...8)], [stage(1, 0...2), stage(2, 3...6), stage(3, 7...8)],
        ])
    func losesCache(_ route: [RouteStage]) {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        let effects = bench.open(routeOpen(2, stage: 1, stages: route))
        #expect(effects.resets == [route[1].blocks])
        #expect(effects.frames(to: peer(1)) == [resume(2, stage: 1, next: 0)])
        #expect(bench.stage.logBytes == 0)
    }

    @Test("keeps what it computes in the format that the route names, and starts from nothing where that is another")
    func otherFormat() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        let effects = bench.open(routeOpen(2, stage: 1, format: .q8_0))
        #expect(effects.resets == [BlockRange(3...5)])
        #expect(effects.frames(to: peer(1)) == [resume(2, stage: 1, next: 0)])
        #expect(bench.stage.logBytes == 0)
        let works = bench.receive(activation(2, stage: 1, at: 0, [1]), from: 1).works
        #expect(works.map(\.cacheFormat) == [.q8_0])
    }

    @Test("gives up the computation under way when a new route opens, and takes no result of it")
    func givesUp() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1))
        let work = bench.receive(activation(1, stage: 1, at: 1, [2]), from: 1).works[0]
        #expect(bench.open(routeOpen(2, stage: 1)).truncations == [1])
        #expect(bench.handle(.computed(work.ticket, .hidden(FakeModel.payload([9])))).isEmpty)
        #expect(bench.stage.next == Position(1))
    }

    @Test("sends its last sample again when a new route awaits it")
    func samplesAgain() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        bench.finish(bench.receive(activation(1, stage: 2, at: 0, [1, 2], sample: true), from: 2), token: 77)
        let effects = bench.handle(.opened(routeOpen(2, stage: 2, awaiting: 2), from: driverPeer))
        #expect(effects.frames(to: driverPeer) == [sampled(2, at: 2, 77)])
        #expect(effects.truncations.isEmpty)
    }

    @Test("applies the last position anew when a sample of it is awaited that was never taken")
    func neverSampled() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        bench.finish(bench.receive(activation(1, stage: 2, at: 0, [1, 2]), from: 2))
        let effects = bench.open(routeOpen(2, stage: 2, awaiting: 2))
        #expect(effects.truncations == [1])
        #expect(effects.frames(to: peer(2)) == [resume(2, stage: 2, next: 1)])
        let again = bench.finish(bench.receive(activation(2, stage: 2, at: 1, [2], sample: true), from: 2), token: 5)
        #expect(again.frames(to: driverPeer) == [sampled(2, at: 2, 5)])
    }

    @Test("does not send a sample that was taken with other settings")
    func otherSettings() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        bench.finish(bench.receive(activation(1, stage: 2, at: 0, [1, 2], sample: true), from: 2))
        let effects = bench.open(routeOpen(2, stage: 2, awaiting: 2, seed: 43))
        #expect(effects.frames(to: driverPeer) == [progress(2, stage: 2, next: 1)])
        #expect(effects.truncations == [1])
    }

    @Test("marks only the awaited position for sampling when it sends its log again")
    func replayedSample() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1], sample: true), from: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 1, [2], sample: true), from: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 2, [3], sample: true), from: 1))
        bench.open(routeOpen(2, stage: 1, awaiting: 3))
        let sent = bench.receive(resume(2, stage: 2, next: 0), from: 3).frames
        #expect(sent == [activation(2, stage: 2, at: 0, [1000, 1001, 1002], sample: true)])
        bench.open(routeOpen(3, stage: 1, awaiting: 2))
        #expect(
            bench.receive(resume(3, stage: 2, next: 0), from: 3).frames == [
                activation(3, stage: 2, at: 0, [1000, 1001], sample: true), activation(3, stage: 2, at: 2, [1002]),
            ])
    }

    @Test("goes back and computes again what a newcomer needs and its log no longer holds")
    func droppedLog() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        bench.stage.dropLog()
        #expect(bench.stage.logBytes == 0)
        bench.open(routeOpen(2, stage: 1))
        let effects = bench.receive(resume(2, stage: 2, next: 1), from: 3)
        #expect(effects.truncations == [1])
        #expect(effects.frames == [resume(2, stage: 1, next: 1)])
        let again = bench.finish(bench.receive(activation(2, stage: 1, at: 1, [2, 3]), from: 1))
        #expect(again.frames(to: peer(3)) == [activation(2, stage: 2, at: 1, [1001, 1002])])
    }

    @Test("keeps of a dropped log what the next stage has not been sent")
    func droppedLogKeepsUnsent() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        for position in 0..<10 {
            bench.finish(bench.receive(activation(1, stage: 1, at: position, [1]), from: 1))
        }
        _ = bench.receive(resume(1, stage: 2, next: 0), from: 3)
        bench.stage.dropLog()
        #expect(bench.stage.logBytes == 16)
        #expect(
            bench.receive(progress(1, stage: 2, next: 8), from: 3).frames == [
                activation(1, stage: 2, at: 8, [1008, 1009])
            ])
    }

    @Test("tells the driver why it cannot go on, and computes nothing until a new route")
    func fails() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        let work = bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1).works[0]
        let effects = bench.handle(.computed(work.ticket, .failed("out of memory")))
        #expect(effects.frames == [failed(1, stage: 1, "out of memory")])
        #expect(effects.truncations == [0])
        #expect(bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1).isEmpty)
        bench.open(routeOpen(2, stage: 1))
        #expect(bench.receive(activation(2, stage: 1, at: 0, [1]), from: 1).works.count == 1)
    }

    @Test("refuses hidden states of another width than before")
    func otherWidth() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1))
        let wide = Activation(
            session: session, epoch: RouteEpoch(1), stage: 1, first: Position(1), tokens: [1], sample: false,
            payload: FakeModel.payload([1, 2]))
        #expect(
            bench.receive(.activation(wide), from: 1).frames == [
                failed(1, stage: 1, "it was sent 16 bytes for a position instead of 8")
            ])
    }

    @Test("tells the driver when its blocks cannot be had, in a sentence that fits a frame")
    func refused() {
        let bench = StageBench()
        _ = bench.handle(.opened(routeOpen(1, stage: 1), from: driverPeer))
        let reason = String(repeating: "ü", count: 400)
        let effects = bench.handle(.blocksRefused(BlockRange(3...5), reason: reason))
        #expect(effects.frames == [failed(1, stage: 1, String(repeating: "ü", count: 256))])
    }

    @Test("gives signs of life while it computes for long, but not for ever")
    func heartbeat() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        #expect(bench.stage.nextDeadline == nil)
        _ = bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1)
        var signs = 0
        while let deadline = bench.stage.nextDeadline, signs < 1000 {
            bench.now = deadline
            #expect(bench.handle(.tick).frames(to: driverPeer) == [progress(1, stage: 1, next: 0)])
            signs += 1
        }
        #expect(signs == 60)
    }

    @Test("asks again when the link to whoever feeds it is new")
    func newLink() {
        let bench = StageBench()
        bench.open(routeOpen(1, stage: 1))
        #expect(bench.handle(.linked(peer(1))).frames == [resume(1, stage: 1, next: 0)])
        #expect(bench.handle(.linked(peer(3))).isEmpty)
    }
}
