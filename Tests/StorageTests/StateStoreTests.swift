import Foundation
import GRDB
import Identity
import Testing
import Wire

@testable import Storage

@Suite("The state database")
struct StateStoreTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }
    private var path: String { scratch.file("state.sqlite") }

    private func manifest(_ name: String) -> ModelManifest {
        let piece = Piece(digest: Digest.of([1]), size: 1)
        let block = ModelManifest.Block(pieces: [piece], memory: 10)
        return ModelManifest(
            name: name, architecture: "llama", metadata: piece, blocks: [block, block], contextLength: 8, vocabulary: 8,
            width: 8)
    }

    @Test("epochs rise from 1, also over restarts")
    func epochsRise() throws {
        do {
            let store = try StateStore(path: path)
            #expect(try store.nextEpoch() == 1)
            #expect(try store.nextEpoch() == 2)
        }
        #expect(try StateStore(path: path).nextEpoch() == 3)
    }

    @Test("an epoch that was raised is gone on from, and none is lowered")
    func raisedEpoch() throws {
        let store = try StateStore(path: path)
        #expect(try store.nextEpoch() == 1)
        try store.save([.epoch(7)])
        #expect(try store.nextEpoch() == 8)
        try store.save([.epoch(3)])
        #expect(try store.nextEpoch() == 9)
    }

    @Test("an epoch is in the file when it is returned: another reader sees it at once")
    func epochIsWritten() throws {
        let store = try StateStore(path: path)
        let epoch = try store.nextEpoch()
        let reader = try DatabaseQueue(path: path)
        #expect(try reader.read { try UInt64.fetchOne($0, sql: "SELECT value FROM epoch") } == epoch)
    }

    @Test("every write is flushed: write-ahead log, synchronous FULL")
    func isDurable() throws {
        let store = try StateStore(path: path)
        #expect(try store.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
        #expect(try store.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == 2)
    }

    @Test("the database and its companions are for their owner only")
    func narrowMode() throws {
        let store = try StateStore(path: path)
        _ = try store.nextEpoch()
        #expect(try scratch.names().filter { mode(of: scratch.file($0)) != 0o600 } == [])
    }

    @Test("the last epoch there is is refused, not wrapped")
    func lastEpoch() throws {
        let store = try StateStore(path: path)
        try store.write { try $0.execute(sql: "UPDATE epoch SET value = ?", arguments: [Int64.max]) }
        #expect(throws: StorageError.valueOutOfRange(what: "the peer's epoch", value: "\(Int64.max)")) {
            try store.nextEpoch()
        }
    }

    @Test("models are kept by name, and a name given again takes the newer one")
    func keepsModels() throws {
        let store = try StateStore(path: path)
        try store.saveModel(name: "b", manifest: manifest("b"), sourcePath: nil)
        try store.saveModel(name: "a", manifest: manifest("old"), sourcePath: "/old")
        try store.saveModel(name: "a", manifest: manifest("new"), sourcePath: "/new")
        #expect(
            try store.models() == [
                StoredModel(name: "a", manifest: manifest("new"), sourcePath: "/new"),
                StoredModel(name: "b", manifest: manifest("b"), sourcePath: nil),
            ])
    }

    @Test("removing a model tells whether there was one")
    func removesModel() throws {
        let store = try StateStore(path: path)
        try store.saveModel(name: "a", manifest: manifest("a"), sourcePath: nil)
        #expect(try store.removeModel("a"))
        #expect(try !store.removeModel("a"))
    }

    @Test("settings are kept, replaced and forgotten")
    func settings() throws {
        let store = try StateStore(path: path)
        #expect(try store.setting("k") == nil)
        try store.setSetting("k", to: "1")
        try store.setSetting("k", to: "2")
        #expect(try store.setting("k") == "2")
        try store.setSetting("k", to: nil)
        #expect(try store.setting("k") == nil)
    }

    @Test("a file that is no database is refused with a sentence")
    func noDatabase() throws {
        try scratch.write([UInt8](repeating: 0x55, count: 8192), to: "state.sqlite")
        let refusal = #expect(throws: StorageError.self) { try StateStore(path: path) }
        #expect(refusal == .databaseDamaged(path: path))
        #expect("\(refusal!)".contains("is damaged; put back a copy"))
    }

    @Test("a database with overwritten pages is refused when it is opened")
    func damagedPages() throws {
        do {
            let store = try StateStore(path: path)
            let text = String(repeating: "x", count: 900)
            for number in 1...200 {
                try store.save([.ledger(Agreed.network(UInt8(number)), Agreed.certified(text))])
            }
            try store.queue.close()
        }
        var bytes = try scratch.bytes(of: "state.sqlite")
        for index in 8192..<bytes.count { bytes[index] = 0xa5 }
        try scratch.write(bytes, to: "state.sqlite")
        #expect(throws: StorageError.databaseDamaged(path: path)) { try StateStore(path: path) }
    }

    @Test("a database of a later version is refused")
    func laterVersion() throws {
        do {
            let store = try StateStore(path: path)
            try store.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99: later')") }
        }
        #expect(throws: StorageError.databaseFromLaterVersion(path: path)) { try StateStore(path: path) }
    }

    @Test("a full disk is recognised in what SQLite says")
    func diskFull() throws {
        let store = try StateStore(path: path)
        // A limit on the number of pages makes SQLite report just what a full disk does.
        try store.write { _ = try Int.fetchOne($0, sql: "PRAGMA max_page_count = 1") }
        let text = String(repeating: "x", count: 900)
        let failure = #expect(throws: StorageError.self) {
            for number in 1...200 {
                try store.save([.ledger(Agreed.network(UInt8(number)), Agreed.certified(text))])
            }
        }
        #expect(failure == .diskFull(path: path))
    }
}
