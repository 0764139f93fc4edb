import Chain
import Identity
import Testing
import Wire

/// A turn may go back to an earlier place in the conversation: an answer was cut short, or a turn is written anew. What comes before
/// that place was computed and stays.
@Suite("A text that goes another way") struct TextCutTests {
    /// A driver whose three stages have been fed six tokens.
    final class Told {
        var driver = Driver(
            network: World.network, model: World.model, session: session, peer: driverPeer, blockCount: 9,
            task: World.task, contextLimit: 9, settings: .small)

        init(route: Bool = true) {
            guard route else { return }
            _ = driver.handle(.rerouted(threeStages), at: .zero)
            _ = say([1, 2, 3, 4, 5, 6])
            _ = receive(resume(1, stage: 0, next: 0), from: 1)
            _ = receive(sampled(1, at: 6, 70), from: 3)
        }

        func say(_ tokens: [Int32], keeping: Int? = nil, maxNewTokens: Int = 1) -> [Driver.Effect] {
            driver.handle(
                .append(tokens: tokens, keeping: keeping, maxNewTokens: maxNewTokens, stop: [], task: World.task),
                at: .zero)
        }
        func receive(_ frame: Frame, from peer: Int) -> [Driver.Effect] {
            driver.handle(.received(frame, from: World.peer(peer)), at: .zero)
        }
    }

    @Test("its stages are told by the next epoch, which is no failure, and are fed what is new")
    func driverCuts() {
        let told = Told()
        let effects = told.say([8, 9], keeping: 4)
        for index in 0..<3 {
            #expect(
                effects.frames(to: peer(index + 1)) == [
                    .routeOpen(routeOpen(2, stage: index, awaiting: 6, cut: cut(2, since: 1, kept: 4)))
                ])
        }
        #expect(told.driver.tokens == [1, 2, 3, 4, 8, 9])
        #expect(told.driver.reroutes == 0)
        #expect(
            told.receive(resume(2, stage: 0, next: 4), from: 1).frames(to: peer(1)) == [
                tokens(2, at: 4, [8, 9], sample: true)
            ])
    }

    @Test("what no stage was fed is taken back without a word to anybody")
    func unfed() {
        let told = Told()
        #expect(told.driver.tokens.last == 70)
        #expect(told.say([8], keeping: 6).frames(to: peer(1)) == [tokens(1, at: 6, [8], sample: true)])
    }

    @Test(
        "a shorter text of which no stage was fed anything is told anew: they wait for the sample of a place that it does not reach"
    )
    func shorterUnfed() {
        let told = Told(route: false)
        _ = told.say([1, 2, 3, 4, 5, 6])
        #expect(
            told.driver.handle(.rerouted(threeStages), at: .zero).frames(to: peer(3)) == [
                .routeOpen(routeOpen(1, stage: 2, awaiting: 6))
            ])
        _ = told.driver.handle(.cancel, at: .zero)
        #expect(
            told.say([8, 9], keeping: 1).frames(to: peer(3)) == [.routeOpen(routeOpen(2, stage: 2, awaiting: 3))])
        #expect(told.driver.reroutes == 0)
        #expect(
            told.receive(resume(2, stage: 0, next: 0), from: 1).frames(to: peer(1)) == [
                tokens(2, at: 0, [1, 8, 9], sample: true)
            ])
    }

    @Test("what was fed whole is asked after again, also by a route whose first stage has not spoken yet")
    func fedWhole() {
        let told = Told()
        _ = told.say([8])
        _ = told.driver.handle(.stageLost(peer(2)), at: .zero)
        _ = told.driver.handle(.rerouted(threeStages), at: .zero)
        _ = told.driver.handle(.cancel, at: .zero)
        #expect(
            told.say([], keeping: 8).frames(to: peer(3)) == [.routeOpen(routeOpen(3, stage: 2, awaiting: 8))])
    }

    @Test("every later route says it again, and the one after that since when it was so")
    func toldAgain() {
        let told = Told()
        _ = told.say([8], keeping: 4)
        _ = told.receive(resume(2, stage: 0, next: 4), from: 1)
        _ = told.driver.handle(.stageLost(peer(2)), at: .zero)
        let again = told.driver.handle(.rerouted(threeStages), at: .zero)
        #expect(
            again.frames(to: peer(1)) == [
                .routeOpen(routeOpen(3, stage: 0, awaiting: 5, cut: cut(2, since: 1, kept: 4)))
            ])
        _ = told.driver.handle(.cancel, at: .zero)
        let next = told.say([7], keeping: 2)
        #expect(
            next.frames(to: peer(1)) == [
                .routeOpen(routeOpen(4, stage: 0, awaiting: 3, cut: cut(4, since: 2, kept: 2)))
            ])
    }

    @Test("of two that no route has told of yet, the shorter one counts", arguments: [(3, 2), (1, 1)])
    func twoAtOnce(_ second: Int, _ counts: Int) {
        let told = Told()
        _ = told.driver.handle(.stageLost(peer(2)), at: .zero)
        _ = told.say([8, 9], keeping: 2)
        _ = told.driver.handle(.cancel, at: .zero)
        _ = told.say([5, 5], keeping: second)
        #expect(
            told.driver.handle(.rerouted(threeStages), at: .zero).frames(to: peer(3)) == [
                .routeOpen(routeOpen(2, stage: 2, awaiting: second + 2, cut: cut(2, since: 1, kept: counts)))
            ])
        #expect(told.driver.tokens == [1, 2, 8].prefix(second) + [5, 5])
    }

    @Test("a turn that is refused takes nothing back")
    func refused() {
        let told = Told()
        let before = told.driver.tokens
        guard case .failed = told.say(Array(repeating: 1, count: 9), keeping: 1).finish,
            case .failed = told.say([], keeping: 0).finish
        else {
            Issue.record("a turn was accepted that does not fit, or says nothing")
            return
        }
        #expect(told.driver.tokens == before)
        #expect(told.say([8], keeping: 7).frames(to: peer(1)) == [tokens(1, at: 6, [70, 8], sample: true)])
    }

    /// A stage that has applied six positions in epoch 1, and in epoch 3 again if asked.
    private func bench(index: Int = 1, after epoch: UInt64 = 1) -> StageBench {
        let bench = StageBench(index: index)
        bench.open(routeOpen(epoch, stage: index))
        for first in [0, 3] {
            bench.finish(
                bench.receive(activation(epoch, stage: index, at: first, [1, 2, 3], sample: first == 3), from: index))
        }
        return bench
    }

    @Test("a stage keeps what both texts begin with, in its cache and in its log")
    func keepsBeginning() {
        let bench = bench()
        let effects = bench.open(routeOpen(2, stage: 1, awaiting: 6, cut: cut(2, since: 1, kept: 4)))
        #expect(effects.truncations == [4])
        #expect(effects.resets.isEmpty)
        #expect(effects.frames(to: peer(1)) == [resume(2, stage: 1, next: 4)])
        #expect(bench.stage.logBytes == 4 * 8)
        #expect(
            bench.receive(resume(2, stage: 2, next: 2), from: 3).frames == [
                activation(2, stage: 2, at: 2, [1002, 1003])
            ])
        let works = bench.receive(activation(2, stage: 1, at: 4, [8]), from: 1).works
        #expect(works.map(\.first) == [Position(4)])
    }

    @Test("a stage goes back once, however often it is told, and not where it never was in the text before")
    func onceOnly() {
        let bench = bench(after: 2)
        #expect(bench.open(routeOpen(4, stage: 1, cut: cut(2, since: 1, kept: 4))).truncations.isEmpty)
        #expect(bench.stage.next == Position(6))
    }

    @Test("a stage that missed the text before too starts from nothing")
    func missedOne() {
        let bench = bench()
        let effects = bench.open(routeOpen(5, stage: 1, cut: cut(4, since: 2, kept: 4)))
        #expect(effects.truncations == [0])
        #expect(effects.frames(to: peer(1)) == [resume(5, stage: 1, next: 0)])
        #expect(bench.stage.logBytes == 0)
    }

    @Test("a token that was chosen within what is kept is told again, one from beyond is not", arguments: [6, 5])
    func lastAnswer(_ kept: Int) {
        let bench = bench(index: 2)
        let effects = bench.handle(
            .opened(routeOpen(2, stage: 2, awaiting: kept, cut: cut(2, since: 1, kept: kept)), from: driverPeer))
        #expect(effects.frames(to: driverPeer) == (kept == 6 ? [sampled(2, at: 6, 7)] : []))
        // The position is applied anew, which makes it the second thing that is cut off.
        #expect(effects.truncations == (kept == 6 ? [] : [5, 4]))
    }

    @Test("a token of the text before is not told for that of the same place in this one")
    func oldAnswer() {
        let bench = bench(index: 2)
        bench.open(routeOpen(2, stage: 2, cut: cut(2, since: 1, kept: 5)))
        // A turn that is cancelled before its last position came.
        bench.finish(bench.receive(activation(2, stage: 2, at: 5, [8, 9]), from: 2))
        let effects = bench.open(routeOpen(3, stage: 2, awaiting: 6, cut: cut(3, since: 2, kept: 6)))
        #expect(effects.truncations == [6, 5])
        #expect(effects.frames(to: driverPeer) == [progress(3, stage: 2, next: 5)])
    }

    @Test("a computation under way is given up before the cache goes back")
    func givesUp() {
        let bench = bench()
        let work = bench.receive(activation(1, stage: 1, at: 6, [9]), from: 1).works[0]
        #expect(bench.open(routeOpen(2, stage: 1, cut: cut(2, since: 1, kept: 4))).truncations == [6, 4])
        #expect(bench.handle(.computed(work.ticket, .hidden(FakeModel.payload([9])))).isEmpty)
        #expect(bench.stage.next == Position(4))
    }

    @Test("only what is new is computed, by every stage")
    func economy() {
        let world = World.trio(seed: 1, settings: .standard)
        if let route = world.plan() { world.drive(.rerouted(route)) }
        let prompt = (0..<100).map { Int32($0) }
        world.say(Turn(prompt: prompt, maxNewTokens: 20))
        world.run()
        let first = world.answer
        let before = world.computed
        // The person has read five of the twenty tokens, and says two more.
        let text = prompt + first.prefix(5) + [7, 8]
        world.say(Turn(prompt: [7, 8], maxNewTokens: 3), keeping: 105)
        world.run()
        #expect(world.answer == FakeModel.answers(turns: [Turn(prompt: text, maxNewTokens: 3)], blockCount: 9)[0])
        // Two positions of the turn, and two of the answer's three tokens, on three stages.
        #expect(world.computed - before == 3 * 4)
        #expect(world.driver.reroutes == 0)
    }

    @Test("whatever is cut and whatever goes wrong, the answers are those to the whole text computed anew")
    func survives() {
        var fellShort = 0
        for seed in 0..<150 as Range<UInt64> {
            let world = World.six(seed: seed)
            // Of some models caches go back to certain places only.
            world.cacheGrain = seed % 5 < 2 ? 8 : 1
            defer { fellShort += world.fellShort }
            var choice = SeededGenerator(seed &+ 9000)
            world.happening.lostFrames = seed % 3 == 0 ? 2 : 0
            world.happening.replays = seed % 3 == 1 ? 5 : 0
            if let route = world.plan() { world.drive(.rerouted(route)) }
            var kills = seed % 2 == 0 ? 2 : 0
            for _ in 0..<6 {
                let kept = choice.below(world.driver.tokens.count + 1)
                let new = (0..<(choice.below(9) + (kept == 0 ? 1 : 0))).map { _ in Int32(choice.below(90)) }
                let text = Array(world.driver.tokens.prefix(kept)) + new
                let turn = Turn(prompt: new, maxNewTokens: 1 + choice.below(5))
                let end = world.steps + (choice.chance(30) ? choice.below(60) : 10_000)
                world.say(turn, keeping: kept)
                world.run { world in
                    if world.steps >= end { world.drive(.cancel) }
                    if choice.chance(1) { world.evict(choice.below(6)) }
                    if kills > 0 && choice.chance(1) {
                        let victim = 1 + choice.below(5)
                        if world.isAlive[victim] {
                            kills -= 1
                            world.kill(victim)
                        }
                    } else if choice.chance(1) {
                        let (one, other) = (choice.below(6), choice.below(6))
                        if one != other, world.isAlive[one], world.isAlive[other] {
                            if world.isUp[one][other] { world.cut(one, other) }
                            world.join(one, other)
                        }
                    }
                }
                let expected = FakeModel.answers(
                    turns: [Turn(prompt: text, maxNewTokens: turn.maxNewTokens)], blockCount: 12)[0]
                #expect(world.answer == Array(expected.prefix(world.answer.count)), "seed \(seed)")
                #expect(world.finished == .cancelled || world.answer.count == expected.count, "seed \(seed)")
            }
        }
        #expect(fellShort > 50)
    }

    @Test("a stage that hears nothing of it, and comes back later, does not go on with the old text", arguments: 0..<40)
    func comesLate(_ seed: Int) {
        // Away for one text, or for two.
        let world = World.trio(seed: UInt64(seed))
        if let route = world.plan() { world.drive(.rerouted(route)) }
        world.say(Turn(prompt: [1, 2, 3, 4, 5, 6, 7, 8, 9], maxNewTokens: 4))
        world.run()
        world.cut(0, 1)
        for number in 0...(seed % 2) {
            world.say(Turn(prompt: [50, 51, Int32(number)], maxNewTokens: 3), keeping: 5 - number)
            world.run()
        }
        world.join(0, 1)
        let text = world.driver.tokens + [60]
        world.cut(0, 2)
        world.say(Turn(prompt: [60], maxNewTokens: 4))
        world.run()
        #expect(world.driver.route.contains { $0.peer == peer(1) })
        #expect(world.answer == FakeModel.answers(turns: [Turn(prompt: text, maxNewTokens: 4)], blockCount: 9)[0])
    }
}
