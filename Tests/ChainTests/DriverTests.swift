import Chain
import Identity
import Testing
import Wire

@Suite("A driver") final class DriverTests {
    var now = Instant.zero
    var driver = Driver(
        network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9, task: World.task,
        settings: .small)

    func handle(_ input: Driver.Input) -> [Driver.Effect] { driver.handle(input, at: now) }
    func receive(_ frame: Frame, from peer: Int) -> [Driver.Effect] {
        handle(.received(frame, from: World.peer(peer)))
    }
    /// A route over three peers, a prompt of two tokens fed to it.
    func begin(maxNewTokens: Int = 5, stop: [Int32] = []) {
        _ = handle(.rerouted(threeStages))
        _ = handle(.append(tokens: [8, 9], maxNewTokens: maxNewTokens, stop: stop, task: World.task))
        _ = receive(resume(1, stage: 0, next: 0), from: 1)
        for stage in 1...2 { _ = receive(progress(1, stage: stage, next: 0), from: stage + 1) }
    }

    @Test("tells every stage of the route, before anything is asked of it")
    func opens() {
        let effects = handle(.rerouted(threeStages))
        for index in 0..<3 {
            #expect(effects.frames(to: peer(index + 1)) == [.routeOpen(routeOpen(1, stage: index))])
        }
    }

    @Test("names its session's cache format to every stage, in every route")
    func namesFormat() {
        driver = Driver(
            network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9,
            task: World.task, cacheFormat: .q8_0, settings: .small)
        for epoch in 1...2 as ClosedRange<UInt64> {
            let effects = handle(.rerouted(threeStages))
            _ = handle(.stageLost(peer(2)))
            for index in 0..<3 {
                #expect(
                    effects.frames(to: peer(index + 1)) == [.routeOpen(routeOpen(epoch, stage: index, format: .q8_0))])
            }
        }
    }

    @Test("sends nothing before the first stage has said where to begin, then its tokens from there")
    func feeds() {
        _ = handle(.rerouted(threeStages))
        #expect(handle(.append(tokens: [1, 2, 3, 4, 5, 6], maxNewTokens: 1, stop: [], task: World.task)).isEmpty)
        #expect(
            receive(resume(1, stage: 0, next: 1), from: 1).frames(to: peer(1)) == [
                tokens(1, at: 1, [2, 3, 4, 5]), tokens(1, at: 5, [6], sample: true),
            ])
    }

    @Test("keeps within a window of what the first stage has acknowledged")
    func window() {
        _ = handle(.rerouted(threeStages))
        _ = handle(.append(tokens: Array(0..<20), maxNewTokens: 1, stop: [], task: World.task))
        #expect(receive(resume(1, stage: 0, next: 0), from: 1).count == 2)
        #expect(receive(progress(1, stage: 0, next: 3), from: 1).frames(to: peer(1)) == [tokens(1, at: 8, [8, 9, 10])])
    }

    @Test("tells a token and feeds it back")
    func decodes() {
        begin()
        let effects = receive(sampled(1, at: 2, 70), from: 3)
        #expect(effects == [told(70, at: 2), .send(tokens(1, at: 2, [70], sample: true), to: peer(1))])
    }

    @Test("drops samples for other positions, of other epochs and from others than the last stage")
    func fences() {
        begin()
        #expect(receive(sampled(1, at: 1, 70), from: 3).isEmpty)
        #expect(receive(sampled(1, at: 3, 70), from: 3).isEmpty)
        #expect(receive(sampled(0, at: 2, 70), from: 3).isEmpty)
        #expect(receive(sampled(1, at: 2, 70), from: 2).isEmpty)
    }

    @Test("ends a turn at a stop token, which stays in the conversation and is fed with the next turn")
    func stops() {
        begin(stop: [3, 71])
        _ = receive(sampled(1, at: 2, 70), from: 3)
        #expect(receive(sampled(1, at: 3, 71), from: 3) == [told(71, at: 3), .finished(.stop)])
        #expect(driver.tokens == [8, 9, 70, 71])
        #expect(
            handle(.append(tokens: [5], maxNewTokens: 1, stop: [], task: World.task)).frames(to: peer(1)) == [
                tokens(1, at: 3, [71, 5], sample: true)
            ])
    }

    @Test("ends a turn when it has given as many tokens as were wanted")
    func length() {
        begin(maxNewTokens: 1)
        #expect(receive(sampled(1, at: 2, 70), from: 3).finish == .length)
        #expect(driver.isIdle)
    }

    @Test("ends a turn when the context is full, and refuses a turn that does not fit")
    func contextLimit() {
        driver = Driver(
            network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9,
            task: World.task,
            contextLimit: 3, settings: .small)
        begin()
        #expect(receive(sampled(1, at: 2, 70), from: 3).finish == .length)
        guard case .failed = handle(.append(tokens: [1], maxNewTokens: 1, stop: [], task: World.task)).finish else {
            Issue.record("a turn was accepted that does not fit")
            return
        }
        #expect(driver.tokens == [8, 9, 70])
    }

    @Test("asks for a route without a lost peer, and opens it with the next epoch and the awaited position")
    func reroutes() {
        begin()
        let lost = handle(.stageLost(peer(2)))
        #expect(lost.wish?.avoiding == [peer(2)])
        #expect(lost.wish?.keeping == [threeStages[0], threeStages[2]])
        let route = [stage(1, 0...2), stage(4, 3...5), stage(3, 6...8)]
        let effects = handle(.rerouted(route))
        #expect(effects.frames(to: peer(4)) == [.routeOpen(routeOpen(2, stage: 1, stages: route, awaiting: 2))])
        #expect(effects.frames(to: peer(2)) == [.sessionClose(session: session, epoch: RouteEpoch(2))])
        #expect(driver.reroutes == 1)
    }

    @Test("does not mind the loss of a peer that is not in the route")
    func strangerLost() {
        begin()
        #expect(handle(.stageLost(peer(9))).isEmpty)
    }

    @Test("asks again when another peer is lost before the answer")
    func lostTwice() {
        begin()
        _ = handle(.stageLost(peer(2)))
        let wish = handle(.stageLost(peer(3))).wish
        #expect(wish?.avoiding == [peer(2), peer(3)])
        #expect(wish?.keeping == [threeStages[0]])
    }

    @Test("takes a lost peer for good again when its link is back")
    func linkBack() {
        begin()
        _ = handle(.stageLost(peer(2)))
        _ = handle(.rerouted(nil))
        #expect(handle(.linked(peer(2))).wish?.keeping == threeStages)
        #expect(handle(.rerouted(threeStages)).frames(to: peer(2)).count == 1)
    }

    @Test("waits for a route while there is none, asks again, and in the end says why it gave up")
    func patience() {
        begin()
        _ = handle(.stageLost(peer(2)))
        #expect(handle(.rerouted(nil)).isEmpty)
        now = driver.nextDeadline!
        #expect(now == .zero.advanced(by: .seconds(1)))
        #expect(handle(.tick).wish?.avoiding == [])
        now = .zero.advanced(by: .seconds(120))
        guard case .failed = handle(.tick).finish else {
            Issue.record("it waits for ever")
            return
        }
        #expect(driver.isIdle && driver.nextDeadline == nil)
    }

    @Test("lets a loss between turns be until the next turn")
    func lostWhileIdle() {
        begin(maxNewTokens: 1)
        _ = receive(sampled(1, at: 2, 70), from: 3)
        #expect(handle(.stageLost(peer(2))).isEmpty)
        #expect(driver.nextDeadline == nil)
        #expect(handle(.append(tokens: [5], maxNewTokens: 1, stop: [], task: World.task)).wish?.avoiding == [peer(2)])
    }

    @Test("avoids a stage that failed until the next token has come")
    func stageFails() {
        begin()
        #expect(receive(failed(1, stage: 1, "no memory"), from: 2).wish?.avoiding == [peer(2)])
        let route = [stage(1, 0...2), stage(4, 3...5), stage(3, 6...8)]
        _ = handle(.rerouted(route))
        #expect(handle(.stageLost(peer(4))).wish?.avoiding == [peer(4), peer(2)])
        _ = handle(.rerouted(threeStages))
        _ = receive(sampled(3, at: 2, 70), from: 3)
        #expect(handle(.stageLost(peer(1))).wish?.avoiding == [peer(1)])
    }

    @Test("gives up with the reason when stages fail again and again")
    func failsForGood() {
        begin()
        var finish: Driver.Finish?
        for epoch in 1...1002 as ClosedRange<UInt64> where finish == nil {
            finish = receive(failed(epoch, stage: 1, "no memory"), from: 2).finish
            if finish == nil { _ = handle(.rerouted(threeStages)) }
        }
        #expect(finish == .failed("peer \(peer(2).short) cannot compute blocks 3-5: no memory"))
    }

    @Test("does not believe a failure told by another peer or in an old epoch")
    func falseFailure() {
        begin()
        #expect(receive(failed(1, stage: 1, "no"), from: 3).isEmpty)
        #expect(receive(failed(0, stage: 1, "no"), from: 2).isEmpty)
    }

    @Test("avoids a stage that never answered the route")
    func mute() {
        _ = handle(.rerouted(threeStages))
        _ = handle(.append(tokens: [8, 9], maxNewTokens: 5, stop: [], task: World.task))
        _ = receive(resume(1, stage: 0, next: 0), from: 1)
        _ = receive(progress(1, stage: 2, next: 0), from: 3)
        now = driver.nextDeadline!
        #expect(handle(.tick).wish?.avoiding == [peer(2)])
    }

    @Test("opens the same route again after silence, and then avoids the stage that is furthest behind")
    func silence() {
        begin()
        _ = receive(progress(1, stage: 0, next: 2), from: 1)
        now = driver.nextDeadline!
        #expect(handle(.tick).frames(to: peer(2)) == [.routeOpen(routeOpen(2, stage: 1, awaiting: 2))])
        _ = receive(resume(2, stage: 0, next: 2), from: 1)
        _ = receive(progress(2, stage: 1, next: 0), from: 2)
        _ = receive(progress(2, stage: 2, next: 1), from: 3)
        now = driver.nextDeadline!
        #expect(handle(.tick).wish?.avoiding == [peer(2)])
    }

    @Test("takes signs of life for a reason to wait")
    func heartbeat() {
        begin()
        now = .zero.advanced(by: .seconds(9))
        _ = receive(progress(1, stage: 2, next: 0), from: 3)
        now = .zero.advanced(by: .seconds(11))
        #expect(handle(.tick).isEmpty)
    }

    @Test("ends a turn when it is cancelled, and goes on from there in the next")
    func cancels() {
        begin()
        #expect(handle(.cancel) == [.finished(.cancelled)])
        #expect(receive(sampled(1, at: 2, 70), from: 3).isEmpty)
        #expect(
            handle(.append(tokens: [5], maxNewTokens: 1, stop: [], task: World.task)).frames(to: peer(1)) == [
                tokens(1, at: 2, [5], sample: true)
            ])
    }

    @Test("asks for the token anew when a cancelled turn is continued without new tokens")
    func continuesCancelled() {
        begin()
        _ = handle(.cancel)
        let effects = handle(.append(tokens: [], maxNewTokens: 1, stop: [], task: World.task))
        #expect(effects.frames(to: peer(3)) == [.routeOpen(routeOpen(2, stage: 2, awaiting: 2))])
    }

    @Test("closes the session on every peer of the route, and does nothing more")
    func closes() {
        begin()
        let effects = handle(.close)
        #expect(effects.finish == .cancelled)
        for index in 1...3 {
            #expect(effects.frames(to: peer(index)) == [.sessionClose(session: session, epoch: RouteEpoch(1))])
        }
        #expect(receive(sampled(1, at: 2, 70), from: 3).isEmpty)
    }
}
