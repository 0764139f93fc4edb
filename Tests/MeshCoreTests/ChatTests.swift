import Chain
import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct ChatTests {
    @Test("Three peers make a network and chat, and the answer is that of one peer alone", arguments: 0..<3)
    func threePeersChat(driver: Int) throws {
        let home = try Home(seed: 1)
        let id = home.chat(driver, [1, 2, 3, 4, 5])
        home.world.answer(id)
        #expect(home.outcome(id)?.reason == .length)
        #expect(home.outcome(id)?.reroutes == 0)
        #expect(home.outcome(id)?.promptTokens == 5)
        #expect(Set(home.outcome(id)?.route.map(\.peer) ?? []).count == 3)
        #expect(home.world.tokens(id) == home.expected([1, 2, 3, 4, 5]))
        home.expectSound()
    }

    @Test("A peer that holds the whole model answers alone, with the same tokens")
    func onePeerAlone() throws {
        let home = try Home(seed: 2, hosts: 1, memory: [900])
        let id = home.chat(0, [1, 2, 3, 4, 5])
        home.world.answer(id)
        #expect(home.outcome(id)?.route.count == 1)
        #expect(home.world.tokens(id) == home.expected([1, 2, 3, 4, 5]))
        home.expectSound()
    }

    @Test(
        "Another model ends the answers under way with a sentence, and the next ones are computed with it",
        arguments: 0..<3)
    func anotherModel(driver: Int) throws {
        let home = try Home(seed: 4)
        let world = home.world
        let id = home.chat(driver, [1, 2, 3], maxNewTokens: 2000)
        world.run(within: .seconds(5)) { world.tokens(id).count > 20 }
        let next = FakeModel(name: "next", seed: 2)
        world.give(next, to: 0)
        world.run(for: .milliseconds(10))
        let change = world.request(0, .setModel(home.network, next.manifest))
        guard case .refused(let why)? = world.answer(id) else { return #expect(Bool(false), "the answer went on") }
        #expect(why.contains("another model"))
        guard case .modelSet? = world.answer(change) else { return #expect(Bool(false), "the model was not set") }
        #expect(home.becomesReady())
        let again = home.chat(driver, [1, 2, 3])
        world.answer(again)
        #expect(world.tokens(again) == home.expected([1, 2, 3]))
        home.expectSound()
    }

    @Test("A stage refuses the route of a driver that goes by another model, and says so")
    func routeOfAnotherModel() throws {
        let home = try Home(seed: 4)
        let world = home.world
        let id = home.chat(0, [1, 2, 3])
        world.answer(id)
        let stages = try #require(home.outcome(id)?.route)
        let place = try #require(stages.firstIndex { $0.peer == world.hosts[1].peer })
        func answers(to model: ModelManifest, session: UInt64) throws -> [Frame] {
            let open = RouteOpen(
                network: home.network, model: model.digest(), session: SessionID(high: 9, low: session), epoch: .first,
                stages: stages, stage: place, task: .sampling(Home.sampling), answerStart: .zero, awaiting: nil)
            var core = try #require(world.hosts[1].core)
            let before = core.effects.count
            core.receiveChain(.routeOpen(open), from: world.hosts[0].peer, at: world.time(of: world.hosts[1]).instant)
            return core.effects.dropFirst(before).compactMap { if case .send(let frame, _) = $0 { frame } else { nil } }
        }
        // As many blocks, other pieces.
        let refused = try answers(to: FakeModel(name: "next", seed: 2).manifest, session: 1)
        guard case .stageFailed(let failed)? = refused.first, refused.count == 1 else {
            Issue.record("it answered \(refused)")
            return
        }
        #expect(failed.stage == place && failed.reason.contains("another model"))
        let taken = try answers(to: home.model.manifest, session: 2)
        #expect(taken.contains { if case .resume = $0 { true } else { false } }, "the right model's is taken")
        home.expectSound()
    }

    @Test("A member that holds no blocks chats over those who do")
    func memberWithoutBlocks() throws {
        let home = try Home(seed: 3, hosts: 2, memory: [900])
        let world = home.world
        let asker = World(seed: 3, hosts: 3, memory: [900])
        asker.give(home.model, to: 0)
        asker.startAll()
        let network = try asker.found(home.model, on: 0)
        asker.answer(asker.request(1, .join(try asker.invite(from: 0, to: network, role: .member))))
        let there = Home(world: asker, network: network, model: home.model)
        asker.run(for: .seconds(2))
        let id = there.chat(1, [4, 4, 4])
        asker.answer(id)
        #expect(asker.tokens(id) == there.expected([4, 4, 4]))
        #expect(there.outcome(id)?.route.map(\.peer) == [asker.hosts[0].peer])
        #expect(world.violations == [] && asker.violations == [])
    }

    @Test(
        "A long prompt passes in parts, over slow and jittery links, and nothing is doubled or lost", arguments: 0..<4)
    func longPrompt(seed: Int) throws {
        let home = try Home(seed: UInt64(seed)) { world in
            world.times.jitter = .milliseconds(3)
            world.times.position = Interval(nanoseconds: 20_000)
        }
        let prompt = (0..<700).map { Int32(($0 * 7 + seed) % 900) }
        let id = home.chat(seed % 3, prompt, maxNewTokens: 6)
        home.world.answer(id)
        #expect(home.world.tokens(id) == home.expected(prompt, maxNewTokens: 6))
        home.expectSound()
    }

    @Test("Two conversations at once, and one on each peer, do not mix")
    func severalAtOnce() throws {
        let home = try Home(seed: 5)
        var ids: [(RequestID, [Int32])] = []
        for (number, host) in [0, 0, 1, 2, 2].enumerated() {
            let prompt = [Int32(number + 1), 5, Int32(number * 3)]
            ids.append((home.chat(host, prompt, conversation: UInt64(number)), prompt))
        }
        for (id, prompt) in ids {
            home.world.answer(id)
            #expect(home.world.tokens(id) == home.expected(prompt))
        }
        home.expectSound()
    }

    /// A turn on the first peer, whose answer has ten tokens.
    ///
    /// - Parameters:
    ///   - prompt: tokens of the text that are new.
    ///   - positions: so many each peer computes.
    private func turn(_ home: Home, _ text: [Int32], prompt: Int, positions: ClosedRange<Int>) {
        let before = home.world.hosts.map(\.positionsComputed)
        let id = home.chat(0, text, maxNewTokens: 10)
        home.world.answer(id)
        #expect(home.world.tokens(id) == home.expected(text, maxNewTokens: 10))
        #expect(home.outcome(id)?.promptTokens == prompt)
        #expect(home.outcome(id)?.reroutes == 0)
        for (host, count) in zip(home.world.hosts, before) {
            #expect(positions.contains(host.positionsComputed - count))
        }
    }

    @Test("A conversation that goes on computes only what is new")
    func secondTurn() throws {
        let home = try Home(seed: 6)
        let question: [Int32] = [1, 2, 3]
        turn(home, question, prompt: 3, positions: 12...12)
        // The last token of the first answer, two new ones, and nine of the second answer.
        let longer = question + home.expected(question, maxNewTokens: 10) + [50, 51]
        turn(home, longer, prompt: 2, positions: 12...12)
        home.expectSound()
    }

    @Test("A turn that is written anew computes what is new, after what both texts begin with")
    func editedConversation() throws {
        let home = try Home(seed: 7)
        turn(home, [1, 2, 3], prompt: 3, positions: 12...12)
        turn(home, [1, 2, 4, 9, 9], prompt: 3, positions: 12...12)
        home.expectSound()
    }

    @Test(
        "An answer of which only a part was read costs the next turn what is new, and a repeated question next to nothing"
    )
    func shortenedAnswer() throws {
        let home = try Home(seed: 7)
        let question: [Int32] = [1, 2, 3]
        turn(home, question, prompt: 3, positions: 12...12)
        let read = question + home.expected(question, maxNewTokens: 10).prefix(6)
        turn(home, read + [50], prompt: 1, positions: 0...10)
        // The last stage applies the question's last token anew.
        turn(home, question, prompt: 0, positions: 0...10)
        home.expectSound()
    }

    @Test(
        "A conversation that has nothing in common with the one before is another session, and the first one's stages are freed"
    )
    func otherConversation() throws {
        let home = try Home(seed: 7)
        let world = home.world
        world.answer(home.chat(0, [1, 2, 3], maxNewTokens: 10))
        let other: [Int32] = [9, 9]
        let id = home.chat(0, other, maxNewTokens: 10)
        world.answer(id)
        #expect(world.tokens(id) == home.expected(other, maxNewTokens: 10))
        world.run(for: .milliseconds(100))
        for host in world.hosts { #expect(host.core?.stages.stages.count ?? 0 <= 1) }
        home.expectSound()
    }

    @Test("A conversation that rested longer than stages keep it is taken up again without delay")
    func restedConversation() throws {
        let home = try Home(seed: 8)
        let world = home.world
        let first = home.chat(0, [1, 2, 3], maxNewTokens: 5)
        world.answer(first)
        world.run(for: .seconds(660))
        let longer = [1, 2, 3] + world.tokens(first) + [7]
        let began = world.now
        let second = home.chat(0, longer, maxNewTokens: 5)
        world.answer(second)
        #expect(world.tokens(second) == home.expected(longer, maxNewTokens: 5))
        #expect(world.now.since(began) < .seconds(2))
        home.expectSound()
    }

    @Test("A stop token ends the answer, and is told")
    func stopToken() throws {
        let home = try Home(seed: 9)
        let full = home.expected([1, 2, 3])
        let id = home.chat(0, [1, 2, 3], stop: [full[4]])
        home.world.answer(id)
        #expect(home.outcome(id)?.reason == .stop)
        #expect(home.world.tokens(id) == Array(full.prefix(through: full.firstIndex(of: full[4])!)))
    }

    @Test("A cancelled chat ends, and the conversation can go on", arguments: [0, 1, 5, 11])
    func cancelled(after count: Int) throws {
        let home = try Home(seed: 10)
        let world = home.world
        let id = home.chat(0, [1, 2, 3], maxNewTokens: 200)
        world.run(within: .seconds(5)) { world.tokens(id).count >= count }
        world.cancel(0, id)
        world.answer(id)
        #expect(home.outcome(id)?.reason == .cancelled)
        let told = world.tokens(id)
        #expect(told == Array(home.expected([1, 2, 3], maxNewTokens: 200).prefix(told.count)))
        let longer = [1, 2, 3] + told + [7]
        let next = home.chat(0, longer, maxNewTokens: 8)
        world.answer(next)
        #expect(world.tokens(next) == home.expected(longer, maxNewTokens: 8))
        home.expectSound()
    }

    @Test("Without a peer for some blocks the person is told what is missing, and the answer goes on when it returns")
    func waitsForAPeer() throws {
        let home = try Home(seed: 11, hosts: 3, memory: [300])
        let world = home.world
        // The file is gone from the founder's disk but for its own blocks.
        world.crash(0)
        for block in home.model.manifest.blocks[3...] { world.hosts[0].pieces[block.pieces[0].digest] = nil }
        world.start(0)
        home.waitUntilReady()
        world.crash(1)
        world.run(for: .seconds(1))
        let id = home.chat(0, [1, 2, 3])
        world.run(for: .seconds(5))
        guard case .waiting(let sentence)? = world.responses[id]?.first else {
            Issue.record("nothing was said: \(world.responses[id] ?? [])")
            return
        }
        #expect(sentence.contains("blocks 3-5"))
        #expect(world.responses[id]?.count == 1, "it is said once")
        world.start(1)
        world.answer(id)
        #expect(world.tokens(id) == home.expected([1, 2, 3]))
        home.expectSound()
    }

    @Test(
        "Where the memory of those who are left does not hold the model, the person is told in the end, or served when it does"
    )
    func tooLittleMemory() throws {
        let home = try Home(seed: 17, hosts: 3, memory: [300])
        let world = home.world
        // The founder has every piece on disk and room for a third of them.
        world.crash(1)
        world.run(for: .seconds(1))
        let id = home.chat(0, [1, 2, 3])
        #expect(world.answer(id, within: .seconds(130)) != nil)
        world.start(1)
        home.waitUntilReady()
        let again = home.chat(0, [1, 2, 3], conversation: 2)
        world.answer(again)
        #expect(world.tokens(again) == home.expected([1, 2, 3]))
        home.expectSound()
    }

    @Test("What cannot be answered is refused with one sentence")
    func refusals() throws {
        let home = try Home(seed: 12)
        let world = home.world
        let elsewhere = world.request(
            0,
            .chat(
                ChatInput(
                    network: NetworkID(digest: Digest.of([1])), conversation: SessionID(high: 1, low: 1), tokens: [1],
                    maxNewTokens: 1, stopTokens: [], task: .sampling(Home.sampling))))
        let long = home.chat(0, Array(repeating: 1, count: 5000), conversation: 2)
        let empty = home.chat(0, [], conversation: 3)
        let running = home.chat(0, [1, 2, 3], conversation: 4)
        let again = home.chat(0, [1, 2, 3], conversation: 4)
        for id in [elsewhere, long, empty, again] {
            guard case .refused? = world.answer(id) else {
                Issue.record("\(id): \(String(describing: world.outcome(id)))")
                continue
            }
        }
        world.answer(running)
        #expect(world.tokens(running) == home.expected([1, 2, 3]))
    }

    @Test("A chat is ended with a sentence when its peer leaves the network")
    func leavesWhileChatting() throws {
        let home = try Home(seed: 13)
        let world = home.world
        let id = home.chat(2, [1, 2, 3], maxNewTokens: 500)
        world.run(within: .seconds(5)) { world.tokens(id).count > 3 }
        world.answer(world.request(2, .leave(home.network)))
        world.run(for: .milliseconds(10))
        guard case .refused? = world.outcome(id) else {
            Issue.record("\(String(describing: world.outcome(id)))")
            return
        }
        world.run(for: .seconds(3))
        #expect(world.hosts[2].core?.stages.stages.isEmpty == true)
        home.expectSound()
    }

    @Test("A chat that never finds a route is refused in the end")
    func neverARoute() throws {
        let home = try Home(seed: 14, hosts: 2, memory: [500])
        let world = home.world
        world.crash(1)
        world.run(for: .seconds(1))
        let id = home.chat(0, [1])
        guard case .refused? = world.answer(id, within: .seconds(150)) else {
            Issue.record("\(String(describing: world.outcome(id)))")
            return
        }
        #expect(home.world.violations == [])
    }

    @Test("Many conversations on one peer: the oldest idle ones give way, and memory for caches is freed everywhere")
    func manyConversations() throws {
        let home = try Home(seed: 15, hosts: 2, memory: [900])
        let world = home.world
        for number in 0..<80 {
            let prompt: [Int32] = [Int32(number), 1]
            let id = home.chat(0, prompt, maxNewTokens: 2, conversation: UInt64(number))
            world.answer(id)
            #expect(world.tokens(id) == home.expected(prompt, maxNewTokens: 2))
        }
        #expect(world.hosts[0].core!.drivers.count <= MeshLimits.drivers)
        for host in world.hosts { #expect(host.caches.count <= MeshLimits.drivers) }
        home.expectSound()
    }

    @Test("An embedding comes over the chain as an answer does, and is the same from every machine")
    func embedding() throws {
        let home = try Home(seed: 17, hosts: 3, memory: [400])
        let world = home.world
        var told: [[Response]] = []
        for host in 0..<3 {
            let id = world.request(
                host,
                .chat(
                    ChatInput(
                        network: home.network, conversation: SessionID(high: 2, low: UInt64(host)), tokens: [5, 6, 7],
                        maxNewTokens: 1, stopTokens: [], task: .embedding, goesOn: false)))
            world.answer(id)
            #expect(home.outcome(id)?.reason == .stop)
            told.append((world.responses[id] ?? []).filter { if case .embedding = $0 { true } else { false } })
        }
        #expect(told[0].count == 1)
        #expect(Set(told).count == 1)
        home.expectSound()
    }

    @Test(
        "A text may fill the model's context to embed it, and may leave one position to answer it; more is refused in a sentence"
    )
    func fullContext() throws {
        let home = try Home(seed: 17)
        let world = home.world
        let room = home.model.manifest.contextLength
        func ask(_ count: Int, _ task: HeadTask) -> [Response] {
            let id = world.request(
                0,
                .chat(
                    ChatInput(
                        network: home.network, conversation: SessionID(high: 2, low: UInt64(count)),
                        tokens: (0..<count).map { Int32($0 % 900) }, maxNewTokens: 8, stopTokens: [], task: task,
                        goesOn: false)))
            world.answer(id)
            return world.responses[id] ?? []
        }
        let embedded = ask(room, .embedding)
        #expect(embedded.contains { if case .embedding = $0 { true } else { false } })
        #expect(
            ask(room + 1, .embedding) == [
                .refused("the text has \(room + 1) tokens and the model takes \(room); shorten it")
            ])
        let answered = ask(room - 1, .sampling(Home.sampling))
        #expect(answered.count { if case .token = $0 { true } else { false } } == 1)
        guard case .chatFinished(let outcome)? = answered.last else { return #expect(Bool(false), "\(answered)") }
        #expect(outcome.reason == .length)
        #expect(
            ask(room, .sampling(Home.sampling)) == [
                .refused(
                    "the conversation has \(room) tokens, which leaves no room for an answer, since the model takes "
                        + "\(room); start a new one")
            ])
        home.expectSound()
    }

    @Test("A question that stands alone leaves no session and no cache behind")
    func questionThatStandsAlone() throws {
        let home = try Home(seed: 16, hosts: 2, memory: [900])
        let world = home.world
        let id = home.chat(0, [5, 6, 7], maxNewTokens: 4, goesOn: false)
        world.answer(id)
        #expect(world.tokens(id) == home.expected([5, 6, 7], maxNewTokens: 4))
        world.run(within: .seconds(2)) { world.hosts.allSatisfy { $0.caches.isEmpty } }
        #expect(world.hosts.allSatisfy { $0.caches.isEmpty })
        #expect(world.hosts[0].core?.drivers.isEmpty == true)
        home.expectSound()
    }
}
