import Chain
import Identity
import Testing
import Wire

/// Whatever happens to the stages, the person reads what an undisturbed machine would have answered.
@Suite struct SurvivalTests {
    static let turns = [
        Turn(prompt: (0..<19).map { Int32($0 * 31 % 97) }, maxNewTokens: 5),
        Turn(prompt: [5, 4, 3], maxNewTokens: 4),
        // Other settings, and a format that begins at this answer: the stages are told so by a route of the same stages.
        Turn(
            prompt: [7], maxNewTokens: 3,
            settings: SamplingSettings(temperature: 1, topK: 0, topP: 1, seed: 9, format: .grammar("root ::= \"7\""))),
    ]

    static func expected(_ world: World) -> [[Int32]] {
        FakeModel.answers(turns: turns, blockCount: world.blockCount, settings: World.sampling)
    }

    /// Runs both turns and expects the undisturbed answers; returns the steps it took.
    @discardableResult
    static func converse(_ world: World, _ name: String, disturb: (World) -> Void = { _ in }) -> Int {
        let expected = expected(world)
        if let route = world.plan() { world.drive(.rerouted(route)) }
        for (turn, answer) in zip(turns, expected) {
            world.say(turn)
            world.run(disturb: disturb)
            #expect(world.answer == answer, "\(name)")
            #expect(world.finished == .length, "\(name)")
        }
        return world.steps
    }

    @Test("an undisturbed chain answers like one machine, however its events interleave")
    func undisturbed() {
        for seed in 0..<40 as Range<UInt64> {
            let world = World.six(seed: seed)
            world.checksWire = seed < 4
            Self.converse(world, "seed \(seed)")
            #expect(world.driver.reroutes == 0)
            #expect(world.largestQueue <= world.settings.window)
        }
    }

    @Test("a stage's peer may be killed at any step")
    func killAtEveryStep() {
        let steps = Self.converse(World.trio(seed: 1), "undisturbed")
        for victim in 1...2 {
            for step in 0...steps {
                let world = World.trio(seed: 1)
                var done = false
                Self.converse(world, "kill \(victim) at \(step)") { world in
                    if !done && world.steps >= step {
                        done = true
                        world.kill(victim)
                    }
                }
            }
        }
    }

    @Test("two peers may be killed, at any two moments")
    func doubleKills() {
        for seed in 0..<120 as Range<UInt64> {
            let world = World.six(seed: seed)
            var choice = SeededGenerator(seed &+ 1000)
            let first = choice.below(200)
            let second = first + choice.below(60)
            let victims = (1...5).shuffled(using: &choice)
            var kills = 0
            Self.converse(world, "seed \(seed)") { world in
                if kills == 0 && world.steps >= first || kills == 1 && world.steps >= second {
                    world.kill(victims[kills])
                    kills += 1
                }
            }
        }
    }

    @Test("links may flap, peers may restart empty, and the route may lead over the same peers again")
    func flapping() {
        for seed in 0..<120 as Range<UInt64> {
            let world = World.trio(seed: seed)
            var choice = SeededGenerator(seed &+ 2000)
            var left = 12
            Self.converse(world, "seed \(seed)") { world in
                guard left > 0, choice.chance(world.driver.routeWish == nil ? 6 : 60) else { return }
                left -= 1
                let one = choice.below(3)
                let other = (one + 1 + choice.below(2)) % 3
                switch choice.below(3) {
                case 0 where one != 0:
                    if world.isAlive[one] { world.kill(one) } else { world.restart(one) }
                default:
                    if !world.isAlive[one] || !world.isAlive[other] { return }
                    if world.isUp[one][other] { world.cut(one, other) } else { world.join(one, other) }
                }
                if left == 0 {
                    for peer in 1..<3 where !world.isAlive[peer] { world.restart(peer) }
                    for (one, other) in [(0, 1), (0, 2), (1, 2)] where !world.isUp[one][other] {
                        world.join(one, other)
                    }
                }
            }
        }
    }

    @Test("frames may come twice, and old ones of any epoch may come back at any time")
    func duplicatesAndZombies() {
        for seed in 0..<120 as Range<UInt64> {
            let world = World.six(seed: seed)
            world.happening.duplicates = 10
            world.happening.replays = seed % 2 == 0 ? 10 : 0
            var choice = SeededGenerator(seed &+ 3000)
            let moment = choice.below(250)
            let victim = 1 + choice.below(5)
            var done = false
            Self.converse(world, "seed \(seed)") { world in
                // The driver loses sight of it, the others do not: it goes on computing and sending.
                if !done && world.steps >= moment {
                    done = true
                    world.cut(0, victim)
                }
            }
        }
    }

    @Test("results of computations and frames may be lost without a trace")
    func losses() {
        for seed in 0..<80 as Range<UInt64> {
            let world = World.trio(seed: seed)
            world.happening.lostResults = seed % 2 == 0 ? 2 : 0
            world.happening.lostFrames = 2
            Self.converse(world, "seed \(seed)")
        }
    }

    @Test("logs may be dropped at any time")
    func droppedLogs() {
        for seed in 0..<80 as Range<UInt64> {
            let world = World.six(seed: seed)
            var choice = SeededGenerator(seed &+ 4000)
            let moment = choice.below(250)
            let victim = 1 + choice.below(5)
            var done = false
            Self.converse(world, "seed \(seed)") { world in
                if choice.chance(5) { world.dropLogs() }
                if !done && world.steps >= moment {
                    done = true
                    world.kill(victim)
                }
            }
        }
    }

    @Test("a peer may hang with its links up")
    func hanging() {
        for seed in 0..<80 as Range<UInt64> {
            let world = World.six(seed: seed)
            var choice = SeededGenerator(seed &+ 5000)
            let moment = choice.below(250)
            let victim = 1 + choice.below(5)
            Self.converse(world, "seed \(seed)") { world in
                if world.steps >= moment { world.isHung[victim] = true }
            }
        }
    }

    @Test("a peer whose blocks cannot be loaded is replaced")
    func refusedBlocks() {
        for victim in 1...3 {
            let world = World.six(seed: UInt64(victim))
            world.refusesBlocks = [victim]
            Self.converse(world, "peer \(victim)")
            #expect(world.driver.reroutes > 0)
            #expect(world.driver.route.allSatisfy { $0.peer != peer(victim) })
        }
    }

    @Test("a link between two stages may break and come back without the driver's notice, at any step")
    func linkBetweenStages() {
        let steps = Self.converse(World.six(seed: 3), "undisturbed")
        for step in stride(from: 0, through: steps, by: 3) {
            let world = World.six(seed: 3)
            var isCut = false
            Self.converse(world, "cut at \(step)") { world in
                if !isCut && world.steps >= step {
                    isCut = true
                    world.cut(1, 2)
                }
                if isCut && !world.isUp[1][2] && (world.steps >= step + 4 || world.isQuiet) { world.join(1, 2) }
            }
            #expect(world.driver.reroutes == 0, "cut at \(step)")
        }
    }

    @Test("stages may be evicted at any step, also between turns")
    func evictions() {
        for seed in 0..<60 as Range<UInt64> {
            let world = World.six(seed: seed)
            var choice = SeededGenerator(seed &+ 6000)
            var left = 3
            Self.converse(world, "seed \(seed)") { world in
                guard left > 0, choice.chance(2) else { return }
                left -= 1
                world.evict(choice.below(6))
            }
        }
    }

    @Test("the route may change its shape at any time, over any of the peers")
    func reshaping() {
        for seed in 0..<80 as Range<UInt64> {
            let world = World.six(seed: seed)
            var choice = SeededGenerator(seed &+ 8000)
            var left = 6
            Self.converse(world, "seed \(seed)") { world in
                guard left > 0, choice.chance(3) else { return }
                left -= 1
                var route: [RouteStage] = []
                var next = 0
                while next < 12 {
                    let last = min(11, next + choice.below(5))
                    route.append(stage(choice.below(6), next...last))
                    next = last + 1
                }
                world.drive(.rerouted(route))
            }
        }
    }

    @Test("cancelled turns leave a conversation that goes on as if they had been asked for just so much")
    func cancelled() {
        for seed in 0..<60 as Range<UInt64> {
            let world = World.six(seed: seed)
            var choice = SeededGenerator(seed &+ 7000)
            if let route = world.plan() { world.drive(.rerouted(route)) }
            var turns: [Turn] = []
            var answers: [[Int32]] = []
            for number in 0..<4 {
                let prompt = (0..<(choice.below(14) + (number == 0 ? 1 : 0))).map { _ in Int32(choice.below(90)) }
                let end = world.steps + choice.below(number == 3 ? 10_000 : 120)
                world.say(Turn(prompt: prompt, maxNewTokens: 4))
                world.run { world in
                    if number < 3 && world.steps >= end { world.drive(.cancel) }
                    if choice.chance(1) { world.evict(choice.below(6)) }
                }
                turns.append(Turn(prompt: prompt, maxNewTokens: world.answer.count))
                answers.append(world.answer)
            }
            let expected = FakeModel.answers(turns: turns, blockCount: world.blockCount, settings: World.sampling)
            #expect(answers == expected, "seed \(seed)")
            #expect(answers[3].count == 4)
        }
    }

    @Test("nothing that was kept is computed twice when the last of three stages is replaced")
    func economy() {
        let world = World.trio(seed: 1, settings: .standard)
        world.drive(.rerouted([stage(1, 0...2), stage(2, 3...5), stage(0, 6...8)]))
        world.say(Turn(prompt: (0..<100).map { Int32($0) }, maxNewTokens: 2))
        world.run()
        let before = world.computed
        world.cut(0, 2)
        world.say(Turn(prompt: [1], maxNewTokens: 1))
        world.run()
        // Blocks 3-5 are now elsewhere: 103 positions there, and the 2 new ones on the stages that stayed.
        #expect(world.driver.route.count == 3)
        #expect(world.computed - before == 103 + 2 + 2)
    }
}
