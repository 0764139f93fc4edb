import Chain
import Identity
import Testing
import Wire

@testable import MeshCore
@testable import Simulator

/// A piece turns out to be damaged while a stage is open on its blocks.
@Suite struct LostBlockTests {
    /// A machine that computes for an answer of host 0, and the blocks of its stage.
    private func stage(in home: Home) throws -> (host: Host, blocks: BlockRange) {
        let hosts = home.world.hosts.dropFirst()
        let host = try #require(hosts.first { $0.core?.stages.stages.isEmpty == false }, "another one computes")
        return (host, try #require(host.core?.stages.stages.first?.blocks))
    }

    /// As a shell does that finds a bit turned over when it loads a block: the file goes, and the block is not in memory.
    private func lose(_ block: Int, of home: Home, on host: Host, staysLoaded: Bool) throws {
        let digest = try #require(home.model.manifest.blocks[block].pieces.first?.digest)
        host.pieces[digest] = nil
        if !staysLoaded { host.memory.update(home.network) { $0.loaded.removeAll { $0 == block } } }
        let loaded = host.memory[home.network]?.loaded ?? []
        home.world.feed(host, .pieceRemoved(digest))
        home.world.feed(
            host,
            .residencyChanged(
                home.network, loaded: loaded, refused: staysLoaded ? [] : [block], reason: "the piece is damaged"))
    }

    @Test(
        "A stage that has lost a block says so, asks for nothing that it cannot have, and the answer goes another way")
    func lostFromMemory() throws {
        let home = try Home(seed: 1)
        home.waitUntilReady()
        let chat = home.chat(0, [1, 2, 3])
        home.world.run(within: .seconds(5)) { home.world.tokens(chat).count > 4 }
        let (host, blocks) = try stage(in: home)
        try lose(blocks.last, of: home, on: host, staysLoaded: false)
        let pinned = host.core?.pinnedBlocks(in: home.network) ?? []
        #expect(!pinned.contains { $0.contains(blocks.last) })
        home.world.answer(chat)
        #expect(home.world.tokens(chat) == home.expected([1, 2, 3]))
        #expect((home.outcome(chat)?.reroutes ?? 0) > 0)
        home.expectSound()
    }

    @Test("A stage goes on with the blocks that are in memory, whatever became of the file")
    func stillInMemory() throws {
        let home = try Home(seed: 1)
        home.waitUntilReady()
        let chat = home.chat(0, [1, 2, 3])
        home.world.run(within: .seconds(5)) { home.world.tokens(chat).count > 4 }
        let (host, blocks) = try stage(in: home)
        try lose(blocks.last, of: home, on: host, staysLoaded: true)
        #expect(host.core?.pinnedBlocks(in: home.network).contains(blocks) == true)
        home.world.answer(chat)
        #expect(home.world.tokens(chat) == home.expected([1, 2, 3]))
        #expect(home.outcome(chat)?.reroutes == 0)
        home.expectSound()
    }
}
