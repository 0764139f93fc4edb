import Identity
import NetworkConfig
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

@Suite struct PieceTests {
    private func needed(_ host: Host, _ network: NetworkID) -> Set<Digest> {
        guard let state = host.core?.networks[network] else { return [] }
        return Set(host.core!.wantedPieces(of: state).map(\.digest))
    }

    @Test("Each peer fetches the pieces of just its own blocks")
    func justItsOwn() throws {
        let home = try Home(seed: 1, hosts: 4, memory: [250])
        let world = home.world
        home.waitUntilReady()
        for host in world.hosts.dropFirst() {
            // Earlier plans, with fewer members, gave it other blocks, whose pieces stay on disk.
            #expect(Set(host.pieces.keys).isSuperset(of: needed(host, home.network)))
            #expect(host.pieces.count < home.model.pieces.count)
            for (digest, bytes) in host.pieces { #expect(Digest.of(bytes) == digest) }
        }
        home.expectSound()
    }

    @Test("A member that holds no blocks fetches the metadata only")
    func metadataOnly() throws {
        let world = World(seed: 2, hosts: 2, memory: [900])
        let model = FakeModel()
        world.give(model, to: 0)
        world.startAll()
        let network = try world.found(model, on: 0)
        world.answer(world.request(1, .join(try world.invite(from: 0, to: network, role: .member))))
        #expect(world.run(within: .seconds(5)) { world.hosts[1].pieces.count == 1 })
        world.run(for: .seconds(3))
        #expect(Array(world.hosts[1].pieces.keys) == [model.manifest.metadata.digest])
    }

    /// Two members that have everything and a third that fetches large pieces.
    private func fetching(seed: UInt64) throws -> (Home, Int) {
        let model = FakeModel(blocks: 3, memory: 100, pieceBytes: 1_200_000)
        let world = World(seed: seed, hosts: 3, memory: [300])
        for host in 0..<2 { world.give(model, to: host) }
        world.startAll()
        let network = try world.found(model, on: 0)
        world.answer(world.request(1, .join(try world.invite(from: 0, to: network))))
        world.answer(world.request(2, .join(try world.invite(from: 0, to: network))))
        return (Home(world: world, network: network, model: model), model.pieces.values.reduce(0) { $0 + $1.count })
    }

    private func isComplete(_ home: Home) -> Bool {
        let progress = home.world.hosts[2].core?.fetchProgress(of: home.network)
        return progress.map { $0.wanted > 1000 && $0.held == $0.wanted } ?? false
    }

    @Test(
        "A download goes on where it stopped when its link breaks or its source dies, and no byte is fetched twice",
        arguments: 0..<4)
    func resumed(seed: Int) throws {
        let (home, _) = try fetching(seed: UInt64(10 + seed))
        let world = home.world
        world.run(within: .seconds(5)) { world.hosts[2].partBytesWritten > 300_000 * (1 + seed % 4) }
        if seed % 2 == 0 {
            world.flap(0, 2)
            world.flap(1, 2)
        } else {
            world.crash(seed % 4 == 1 ? 1 : 0)
        }
        #expect(world.run(within: .seconds(30)) { isComplete(home) })
        let held = home.model.pieces.keys.sorted().filter { world.hosts[2].pieces[$0] != nil }
        let whole = held.reduce(0) { $0 + home.model.pieces[$1]!.count }
        #expect(world.hosts[2].partBytesWritten == whole)
        home.expectSound()
    }

    @Test("A download goes on after a restart of whoever fetches")
    func resumedAfterRestart() throws {
        let (home, _) = try fetching(seed: 30)
        let world = home.world
        world.run(within: .seconds(5)) { world.hosts[2].partBytesWritten > 900_000 }
        world.crash(2)
        world.run(for: .seconds(1))
        world.start(2)
        #expect(world.run(within: .seconds(30)) { isComplete(home) })
        let whole = world.hosts[2].pieces.values.reduce(0) { $0 + $1.count }
        #expect(world.hosts[2].partBytesWritten == whole)
        home.expectSound()
    }

    @Test("A source that gives wrong bytes is left for another one", arguments: 0..<2)
    func lyingSource(liar: Int) throws {
        let model = FakeModel(blocks: 3, memory: 100, pieceBytes: 700_000)
        let world = World(seed: 40, hosts: 3, memory: [300])
        for host in 0..<2 { world.give(model, to: host) }
        world.hosts[liar].lies = true
        world.startAll()
        let network = try world.found(model, on: 0)
        for host in 1...2 { world.answer(world.request(host, .join(try world.invite(from: 0, to: network)))) }
        let home = Home(world: world, network: network, model: model)
        #expect(world.run(within: .seconds(60)) { isComplete(home) })
        for (digest, bytes) in world.hosts[2].pieces { #expect(Digest.of(bytes) == digest) }
        if liar == 0 { #expect(world.saw(2) { if case .pieceFailed = $0 { true } else { false } }) }
        home.expectSound()
    }

    @Test("A full disk is tried again now and then, not without pause, and the download goes on when there is room")
    func fullDisk() throws {
        let model = FakeModel()
        let world = World(seed: 50, hosts: 2, memory: [900])
        world.startAll()
        let network = try world.found(model, on: 0)
        world.answer(world.request(1, .join(try world.invite(from: 0, to: network))))
        // From here on nothing small is written, for which there would be no room either.
        Home(world: world, network: network, model: model).settleVoters(2)
        world.hosts[1].diskIsFull = true
        world.give(model, to: 0)
        world.run(for: .seconds(10))
        #expect(world.hosts[1].isOn)
        #expect(world.hosts[1].opensFailed > 0)
        #expect(
            world.hosts[1].opensFailed < 15 * model.pieces.count,
            "it was tried \(world.hosts[1].opensFailed) times in ten seconds")
        world.hosts[1].diskIsFull = false
        #expect(world.run(within: .seconds(10)) { world.hosts[1].pieces.count == model.pieces.count })
        #expect(world.violations == [])
    }

    @Test("Pieces that nobody has do not keep others from being fetched, and come as soon as someone has them")
    func missingPieces() throws {
        let model = FakeModel(blocks: 10)
        let world = World(seed: 51, hosts: 2, memory: [1000])
        let absent = model.manifest.blocks[0...5].map { $0.pieces[0].digest }
        world.give(model, to: 0)
        for digest in absent { world.hosts[0].pieces[digest] = nil }
        world.startAll()
        let network = try world.found(model, on: 0)
        world.answer(world.request(1, .join(try world.invite(from: 0, to: network))))
        let rest = model.pieces.count - absent.count
        #expect(world.run(within: .seconds(10)) { world.hosts[1].pieces.count == rest })
        world.run(for: .seconds(5))
        world.give(model, to: 0)
        #expect(world.run(within: .seconds(10)) { world.hosts[1].pieces.count == model.pieces.count })
        #expect(world.violations == [])
    }

    @Test("A source that sends more than was asked for, or what was not, is refused without harm")
    func tooMuchIsRefused() throws {
        let (home, _) = try fetching(seed: 60)
        let world = home.world
        world.run(within: .seconds(5)) {
            world.hosts[2].core!.fetches.values.contains { $0.source != nil && $0.piece.size > 1_000_000 }
        }
        let fetch = world.hosts[2].core!.fetches.values.first { $0.source != nil && $0.piece.size > 1_000_000 }!
        let big = PieceData(
            digest: fetch.piece.digest, offset: fetch.received, total: fetch.piece.size, refusal: "",
            payload: Payload(Array(repeating: 1, count: 1_100_000)))
        world.feed(world.hosts[2], .received(.pieceData(big), on: fetch.source!.link))
        let odd = PieceData(
            digest: fetch.piece.digest, offset: .max, total: fetch.piece.size, refusal: "", payload: Payload([1]))
        for link in world.hosts[2].core!.links.keys { world.feed(world.hosts[2], .received(.pieceData(odd), on: link)) }
        #expect(world.run(within: .seconds(60)) { isComplete(home) })
        home.expectSound()
    }

    @Test("A peer that refuses every part is left for another one")
    func sourceWithoutThePiece() throws {
        let (home, _) = try fetching(seed: 70)
        let world = home.world
        // The files are gone from its disk, and it has not noticed.
        world.hosts[1].pieces = [:]
        #expect(world.run(within: .seconds(30)) { isComplete(home) })
        home.expectSound()
    }

    @Test("A stage that waits for a block whose piece turns out to be damaged does not wait for ever", arguments: 1...2)
    func damagedWhileWaiting(victim: Int) throws {
        let home = try Home(seed: 77, memory: [500])
        let world = home.world
        world.crash(victim)
        let id = home.chat(3 - victim, [1, 2, 3])
        var waiting: (host: Host, need: BlockNeed)?
        world.run(within: .seconds(10)) {
            for host in world.hosts { if let need = host.core?.needs.first { waiting = (host, need) } }
            return waiting != nil
        }
        let (host, need) = try #require(waiting)
        // One that is in memory already would stay there, whatever became of the file.
        let loaded = host.inspect(home.network)?.loaded ?? []
        let block = try #require(need.blocks.closedRange.first { !loaded.contains($0) })
        let piece = home.model.manifest.blocks[block].pieces[0].digest
        host.disk.pieces[piece] = nil
        world.feed(host, .pieceRemoved(piece))
        #expect(host.core?.needs.contains { $0.key == need.key } == false)
        world.start(victim)
        world.answer(id, within: .seconds(60))
        #expect(world.tokens(id) == home.expected([1, 2, 3]))
    }
}
