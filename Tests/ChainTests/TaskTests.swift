import Chain
import Identity
import Testing
import Wire

/// What the last stage is asked for besides plain tokens, and what happens when a cache has lost what it held.
@Suite("A chain's task") struct TaskTests {
    static let format = HeadTask.sampling(
        SamplingSettings(temperature: 0, topK: 0, topP: 1, seed: 42, format: .grammar("root ::= \"a\"")))

    func driver() -> Driver {
        Driver(
            network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9,
            task: World.task,
            settings: .small)
    }

    @Test("a turn with other settings opens the next epoch over the same stages, which is no failure")
    func retold() {
        var driver = driver()
        _ = driver.handle(.rerouted(threeStages), at: .zero)
        _ = driver.handle(.append(tokens: [8, 9], maxNewTokens: 1, stop: [], task: World.task), at: .zero)
        #expect(driver.epoch == .first)
        _ = driver.handle(.cancel, at: .zero)
        let effects = driver.handle(.append(tokens: [5], maxNewTokens: 1, stop: [], task: Self.format), at: .zero)
        #expect(
            effects.frames(to: World.peer(3)) == [
                .routeOpen(routeOpen(2, stage: 2, awaiting: 3, start: 3, task: Self.format))
            ])
        #expect(driver.reroutes == 0)
        _ = driver.handle(.stageLost(World.peer(2)), at: .zero)
        _ = driver.handle(.rerouted(threeStages), at: .zero)
        #expect(driver.reroutes == 1)
    }

    @Test("a format begins anew with every answer, plain settings do not")
    func formatBeginsAnew() {
        for (task, epoch) in [(World.task, 1), (Self.format, 2)] as [(HeadTask, UInt64)] {
            var driver = Driver(
                network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9,
                task: task, settings: .small)
            _ = driver.handle(.append(tokens: [8, 9], maxNewTokens: 1, stop: [], task: task), at: .zero)
            _ = driver.handle(.rerouted(threeStages), at: .zero)
            _ = driver.handle(.cancel, at: .zero)
            _ = driver.handle(.append(tokens: [5], maxNewTokens: 1, stop: [], task: task), at: .zero)
            #expect(driver.epoch == RouteEpoch(epoch))
        }
    }

    @Test("the answer to another task is not sent again")
    func otherTask() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        bench.finish(bench.receive(activation(1, stage: 2, at: 0, [1, 2], sample: true), from: 2), token: 77)
        let effects = bench.handle(
            .opened(routeOpen(2, stage: 2, awaiting: 2, task: Self.format), from: driverPeer))
        #expect(effects.frames(to: driverPeer).isEmpty)
        #expect(effects.truncations == [1])
    }

    @Test("the last stage keeps states for an embedding, and tells it once")
    func embeds() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2, awaiting: 3, task: .embedding))
        let effects =
            bench.finish(bench.receive(activation(1, stage: 2, at: 0, [1, 2]), from: 2), token: 70)
            + bench.finish(bench.receive(activation(1, stage: 2, at: 2, [3], sample: true), from: 2), token: 70)
        #expect(effects.works.map(\.output) == [.states, .embedding])
        let told = effects.frames(to: driverPeer).filter { if case .embedded = $0 { true } else { false } }
        #expect(told == [embedded(1, at: 3, 70)])
        // Lost on its way, and asked for by the next route.
        let again = bench.handle(.opened(routeOpen(2, stage: 2, awaiting: 3, task: .embedding), from: driverPeer))
        #expect(again.frames(to: driverPeer) == [embedded(2, at: 3, 70)])
    }

    @Test("a driver takes an embedding from the last stage alone, and the turn is over")
    func driverEmbeds() {
        var driver = driver()
        _ = driver.handle(.append(tokens: [8, 9], maxNewTokens: 1, stop: [], task: .embedding), at: .zero)
        _ = driver.handle(.rerouted(threeStages), at: .zero)
        func receive(_ frame: Frame, from peer: Int) -> [Driver.Effect] {
            driver.handle(.received(frame, from: World.peer(peer)), at: .zero)
        }
        #expect(receive(embedded(1, at: 2, 5), from: 2).isEmpty)
        #expect(receive(embedded(1, at: 1, 5), from: 3).isEmpty)
        #expect(receive(sampled(1, at: 2, 70), from: 3).isEmpty)
        #expect(
            receive(embedded(1, at: 2, 5), from: 3) == [.embedding(FakeModel.payload([5])), .finished(.stop)])
        #expect(driver.tokens == [8, 9])
    }

    /// A driver of a model with room for three tokens, over three stages that have been told of a turn.
    private func full(_ tokens: [Int32], maxNewTokens: Int = 1, _ task: HeadTask) -> (Driver, [Driver.Effect]) {
        var driver = Driver(
            network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9,
            task: task, contextLimit: 3, settings: .small)
        _ = driver.handle(.rerouted(threeStages), at: .zero)
        let effects = driver.handle(
            .append(tokens: tokens, maxNewTokens: maxNewTokens, stop: [], task: task), at: .zero)
        return (driver, effects)
    }

    @Test("a text that fills the context is embedded, and one that is a position longer is refused")
    func fullContext() {
        var (driver, effects) = full([1, 2, 3], .embedding)
        #expect(effects.finish == nil)
        let fed = driver.handle(.received(resume(1, stage: 0, next: 0), from: World.peer(1)), at: .zero)
        #expect(fed.frames(to: World.peer(1)) == [tokens(1, at: 0, [1, 2, 3], sample: true)])
        effects = driver.handle(.received(embedded(1, at: 3, 5), from: World.peer(3)), at: .zero)
        #expect(effects == [.embedding(FakeModel.payload([5])), .finished(.stop)])
        let refusal = "the conversation of 0 tokens and 4 new ones is over the limit of 3; start a new one"
        #expect(full([1, 2, 3, 4], .embedding).1 == [.finished(.failed(refusal))])
    }

    @Test("an answer needs a position of its own, where an embedding needs none")
    func noRoomToAnswer() {
        #expect(full([1, 2, 3], World.task).1 == [.finished(.length)])
        #expect(full([1, 2], World.task).1.finish == nil)
    }

    @Test("nothing is computed where no token is wanted", arguments: [World.task, .embedding])
    func nothingWanted(_ task: HeadTask) {
        #expect(full([1], maxNewTokens: 0, task).1 == [.finished(.length)])
    }

    @Test("an embedding that nobody asked for, or that comes twice, is dropped")
    func unasked() {
        var (driver, _) = full([1, 2], World.task)
        #expect(driver.handle(.received(embedded(1, at: 2, 5), from: World.peer(3)), at: .zero).isEmpty)
        (driver, _) = full([1, 2], .embedding)
        #expect(driver.handle(.received(embedded(1, at: 2, 5), from: World.peer(3)), at: .zero).finish == .stop)
        #expect(driver.handle(.received(embedded(1, at: 2, 5), from: World.peer(3)), at: .zero).isEmpty)
    }

    @Test("a stage whose cache has lost positions goes back to what is left, and asks for the rest")
    func losesPositions() {
        let bench = StageBench(index: 1)
        bench.open(routeOpen(1, stage: 1))
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3]), from: 1))
        let work = bench.receive(activation(1, stage: 1, at: 3, [4], sample: true), from: 1).works[0]
        let effects = bench.handle(.computed(work.ticket, .missing(from: .zero)))
        #expect(effects.truncations == [0])
        #expect(effects.frames(to: World.peer(1)) == [resume(1, stage: 1, next: 0)])
        bench.finish(bench.receive(activation(1, stage: 1, at: 0, [1, 2, 3, 4], sample: true), from: 1))
        #expect(bench.stage.next == Position(4))
    }

    @Test("a computation that misses what the stage never had is a failure, not a circle")
    func missesNothing() {
        let bench = StageBench(index: 1)
        bench.open(routeOpen(1, stage: 1))
        let work = bench.receive(activation(1, stage: 1, at: 0, [1]), from: 1).works[0]
        let effects = bench.handle(.computed(work.ticket, .missing(from: .zero)))
        #expect(effects.frames(to: driverPeer).contains { if case .stageFailed = $0 { true } else { false } })
    }

    @Test("an answer that no machine could go on with ends at once, and the next turn opens a route")
    func refused() {
        let bench = StageBench(index: 2)
        bench.open(routeOpen(1, stage: 2))
        let work = bench.receive(activation(1, stage: 2, at: 0, [1], sample: true), from: 2).works[0]
        let told = bench.handle(.computed(work.ticket, .refused("nothing may follow"))).frames(to: driverPeer)
        #expect(
            told == [
                .stageFailed(
                    StageFailed(
                        session: session, epoch: .first, stage: 2, reason: "nothing may follow", isFinal: true))
            ])
        var driver = driver()
        _ = driver.handle(.append(tokens: [8], maxNewTokens: 4, stop: [], task: Self.format), at: .zero)
        _ = driver.handle(.rerouted(threeStages), at: .zero)
        let effects = driver.handle(.received(told[0], from: World.peer(3)), at: .zero)
        #expect(effects == [.finished(.failed("nothing may follow"))])
        let next = driver.handle(.append(tokens: [5], maxNewTokens: 1, stop: [], task: World.task), at: .zero)
        #expect(next.wish?.avoiding == [])
    }

    @Test("only the last stage is told the format")
    func formatForOneStage() {
        var driver = driver()
        _ = driver.handle(.append(tokens: [8], maxNewTokens: 4, stop: [], task: Self.format), at: .zero)
        let effects = driver.handle(.rerouted(threeStages), at: .zero)
        let told = (1...3).map { effects.frames(to: World.peer($0)) }
        #expect(told[0] == [.routeOpen(routeOpen(1, stage: 0, awaiting: 1, task: Self.format.withoutFormat))])
        #expect(told[2] == [.routeOpen(routeOpen(1, stage: 2, awaiting: 1, task: Self.format))])
    }

    @Test("an embedding survives the loss of any stage's peer at any step")
    func survives() {
        func embed(_ disturb: (World) -> Void = { _ in }) -> World {
            let world = World.trio(seed: 3)
            if let route = world.plan() { world.drive(.rerouted(route)) }
            world.embed((0..<19).map { Int32($0 * 31 % 97) })
            world.run(disturb: disturb)
            return world
        }
        let undisturbed = embed()
        #expect(undisturbed.embeddings.count == 1)
        for victim in 1...2 {
            for step in 0...undisturbed.steps {
                var done = false
                let world = embed { world in
                    guard !done, world.steps >= step else { return }
                    done = true
                    world.kill(victim)
                }
                #expect(world.embeddings == undisturbed.embeddings, "kill \(victim) at \(step)")
            }
        }
    }
}
