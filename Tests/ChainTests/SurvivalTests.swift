import Chain
import Identity
import Testing
import Wire

/// Whatever happens to the stages, the person reads what an undisturbed machine would have answered.
@Suite struct SurvivalTests {
    static let turns = [
        Turn(prompt: (0..<19).map { Int32($0 * 31 % 97) }, maxNewTokens: 5),
        Turn(prompt: [5, 4, 3], maxNewTokens: 4),
    ]

    static func expected(_ world: World) -> [[Int32]] {
        FakeModel.answers(turns: turns, blockCount: world.blockCount, settings: World.sampling)
    }

    /// Runs both turns and expects the undisturbed answers; returns the steps it took.
    @discardableResult
    static func converse(_ world: World, _ name: String, disturb: (World) -> Void = { _ in }) -> Int {
        let expected = expected(world)
        if let route = world.plan() { world.drive(.begin(route: route)) }
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
                guard left > 0, choice.chance(6) else { return }
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
                    for (one, other) in [(0, 1), (0, 2), (1, 2)] where !world.isUp[one][other] { world.join(one, other) }
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
}
