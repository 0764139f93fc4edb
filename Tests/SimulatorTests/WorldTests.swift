import Identity
import MeshCore
import NetworkConfig
import Testing
import Wire

@testable import Simulator

/// What the world itself does, whatever cores make of it.
@Suite struct WorldTests {
    /// Two machines with a member link between them, and frames that only the world looks at.
    private func pair(_ prepare: (World) -> Void = { _ in }) throws -> Home {
        try Home(seed: 1, hosts: 2, memory: [900], prepare: prepare)
    }

    private func link(_ world: World) throws -> LinkEnd {
        let ends = world.hosts[0].orderedLinks.filter { $0.pipe.purpose == .member && $0.pipe.isWhole }
        return try #require(ends.first)
    }

    @Test("Frames on a link come in order and none is lost, however late and lossy the network", arguments: 1...4)
    func streamsKeepOrder(seed: UInt64) throws {
        let home = try pair()
        let world = home.world
        let end = try link(world)
        world.random = SeededGenerator(seed: seed)
        world.times.jitter = .milliseconds(40)
        world.loss = 0.3
        var sent: [Int] = []
        // Numbers travel as pieces that nobody asked for; the trace sees them arrive.
        var arrived: [Int] = []
        world.trace.printer = { line in
            guard let place = line.range(of: "machine 1   want "),
                let number = Int(line[place.upperBound...].split(separator: " ")[1])
            else { return }
            arrived.append(number)
        }
        for number in 1...200 {
            sent.append(number)
            let request = PieceRequest(digest: home.model.manifest.metadata.digest, offset: UInt64(number), length: 1)
            world.send(.pieceRequest(request), on: end.pipe.ends[end.end].link, from: world.hosts[0])
        }
        world.run(for: .milliseconds(1400))
        world.loss = 0
        world.run(for: .seconds(10))
        #expect(arrived == sent)
    }

    @Test("A one-way cable: the deaf side gives up after its silence, the other one is told at once")
    func oneWayCable() throws {
        let home = try pair()
        let world = home.world
        let end = try link(world)
        world.paths.blockAll(into: 0)
        world.reachChanged(world.hosts[0])
        world.run(for: .milliseconds(1400))
        #expect(end.pipe.isWhole)
        world.run(for: .milliseconds(110))
        #expect(!end.pipe.ends[end.end].isOpen)
        #expect(!end.pipe.ends[1 - end.end].isOpen)
    }

    @Test("A cut shorter than the silence only delays; a longer one ends the link on both sides")
    func cuts() throws {
        let home = try pair()
        let world = home.world
        let end = try link(world)
        world.cut(1)
        world.run(for: .milliseconds(1200))
        world.heal(1)
        world.run(for: .seconds(3))
        #expect(end.pipe.isWhole)
        world.cut(1)
        world.run(for: .milliseconds(1600))
        #expect(!end.pipe.ends[0].isOpen)
        #expect(!end.pipe.ends[1].isOpen)
    }

    @Test("A killed process resets its links at once; one that lost its power leaves the other side waiting")
    func killedOrPowerless() throws {
        for isPowerLost in [false, true] {
            let home = try pair()
            let world = home.world
            let end = try link(world)
            world.end(world.hosts[0], isPowerLost ? .powerLost : .killed)
            world.run(for: .milliseconds(10))
            #expect(end.pipe.ends[1 - end.end].isOpen == isPowerLost)
            world.run(for: .milliseconds(1600))
            #expect(!end.pipe.ends[1 - end.end].isOpen)
        }
    }

    @Test("A machine that is back before its silence was noticed resets what others still believe in")
    func halfOpen() throws {
        let home = try pair()
        let world = home.world
        let end = try link(world)
        world.end(world.hosts[0], .powerLost)
        world.run(for: .milliseconds(300))
        world.start(0)
        world.run(for: .milliseconds(5))
        #expect(!end.pipe.ends[1 - end.end].isOpen)
    }

    @Test("Both may dial at once, and what comes of it is two links until somebody closes one")
    func simultaneousDials() throws {
        let world = World(seed: 3, hosts: 2, memory: [900])
        world.multicastWorks = false
        world.startAll()
        world.connectDirectly(0, to: 1, purpose: .admission)
        world.connectDirectly(1, to: 0, purpose: .admission)
        #expect(world.pipes.count == 2)
    }

    @Test("What reaches a paused machine waits for it, datagrams only as far as the buffer goes")
    func pauses() throws {
        let home = try pair()
        let world = home.world
        let handled = world.handled
        world.pause(1)
        for _ in 0..<1000 { world.feed(world.hosts[1], .datagramReceived([1], host: "10.0.0.9")) }
        #expect(world.handled == handled)
        #expect(world.hosts[1].inbox.count == Inbox.datagramsMax)
        let before = world.time(of: world.hosts[1]).instant
        world.run(for: .seconds(1))
        world.resume(1, sleeping: true)
        #expect(world.time(of: world.hosts[1]).instant == before)
        world.run(for: .milliseconds(10))
        #expect(world.hosts[1].inbox.isEmpty)
    }

    @Test("A slow machine takes one input after the other, in the order in which they came")
    func slowness() throws {
        let home = try pair()
        let world = home.world
        world.hosts[1].handling = .milliseconds(10)
        let handled = world.handled
        for _ in 0..<10 { world.feed(world.hosts[1], .datagramReceived([1], host: "10.0.0.9")) }
        #expect(world.hosts[1].inbox.count == 10)
        world.cut(0)
        world.run(for: .milliseconds(101))
        #expect(world.hosts[1].inbox.count < 10)
        #expect(world.handled > handled)
    }

    @Test("A machine that moves is found at its new address only")
    func newAddress() throws {
        let home = try pair()
        let world = home.world
        let old = world.hosts[1].endpoint
        world.moveAddress(of: 1)
        #expect(world.hostAt[old] == nil)
        #expect(world.hosts[1].endpoint != old)
        world.run(within: .seconds(10)) { world.links(between: 0, 1) == 1 }
        #expect(world.links(between: 0, 1) == 1)
    }

    @Test("A copy of a machine has its identity and its disk, and an address of its own")
    func clones() throws {
        let home = try pair()
        let world = home.world
        var random = SeededGenerator(seed: 1)
        let undo = world.begin(.clone, on: [1], random: &random)
        let copy = world.hosts[2]
        #expect(copy.peer == world.hosts[1].peer)
        #expect(copy.endpoint != world.hosts[1].endpoint)
        #expect(copy.isOn)
        undo?()
        #expect(!copy.isOn)
        #expect(copy.isGone)
    }

    @Test("Every kind of fault begins, and ends when it is undone", arguments: Fault.Kind.allCases)
    func everyFault(kind: Fault.Kind) throws {
        let home = try Home(seed: 4)
        let world = home.world
        world.hosts[1].backups = [world.hosts[1].disk]
        var random = SeededGenerator(seed: 5)
        let undo = world.begin(kind, on: [1], random: &random)
        world.run(for: .seconds(3))
        undo?()
        world.run(for: .seconds(8))
        #expect(world.hosts[1].isOn, "the machine is back")
        #expect(world.isReachable(0, 1))
        #expect(world.loss == 0)
        #expect(world.hosts[1].handling.nanoseconds == 0)
    }
}

@Suite struct WorldDeterminismTests {
    private static func scenario() -> Scenario {
        var scenario = Scenario(
            name: "all at once", story: "", peers: 3...5, opening: .arrivals(within: 1...3), lasts: 8...10,
            recoversWithin: 20)
        scenario.network.loss = 0...0.1
        scenario.network.jitter = 0...5
        scenario.workload.chats = 30...30
        scenario.workload.changes = 20...20
        var chaos = Scenario.Chaos()
        chaos.rate = 30...30
        chaos.lasting = 0.5...3
        scenario.chaos = chaos
        return scenario
    }

    @Test("One seed is one world, event by event", arguments: 1...3 as ClosedRange<UInt64>)
    func sameSeed(seed: UInt64) {
        var first = Simulation(scenario: Self.scenario(), seed: seed)
        var second = Simulation(scenario: Self.scenario(), seed: seed)
        let (one, other) = (first.run(), second.run())
        #expect(one.events > 500)
        #expect(one.traceHash == other.traceHash)
        #expect(one.events == other.events)
        #expect(one.coverage == other.coverage)
        #expect(one.violation == other.violation)
    }

    @Test("Another seed is another world")
    func otherSeed() {
        var first = Simulation(scenario: Self.scenario(), seed: 1)
        var second = Simulation(scenario: Self.scenario(), seed: 2)
        #expect(first.run().traceHash != second.run().traceHash)
    }

    @Test("Keeping the trace changes nothing, and it has a line for everything")
    func tracing() {
        var silent = Simulation(scenario: Self.scenario(), seed: 4)
        var loud = Simulation(scenario: Self.scenario(), seed: 4, keepsTrace: true)
        let result = loud.run()
        #expect(silent.run().traceHash == result.traceHash)
        #expect(loud.traceLines.count >= result.events)
        #expect(silent.traceLines.isEmpty)
    }

    @Test("Another process, whose hash tables are salted anew, lives through the same world")
    func anotherProcess() async throws {
        var simulation = Simulation(scenario: Self.scenario(), seed: 6)
        let here = String(simulation.run().traceHash, radix: 16)
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            var simulation = Simulation(scenario: Self.scenario(), seed: 6)
            print("trace:" + String(simulation.run().traceHash, radix: 16) + ";")
        }
        let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
        #expect(text.contains("trace:" + here + ";"))
    }
}
