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

    private static let signer = SigningKey(seed: [UInt8](repeating: 7, count: 32))!

    private func signed(_ payload: [UInt8]) -> Signed { Signed(payload, domain: .revision, by: StateStoreTests.signer) }

    private func network(_ byte: UInt8) -> NetworkID { NetworkID([UInt8](repeating: byte, count: 32))! }

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

    @Test("a network keeps its whole chain, in order, over a restart")
    func keepsChain() throws {
        let chain = (1...12).map { signed([UInt8($0)]) }
        do {
            let store = try StateStore(path: path)
            for (index, revision) in chain.enumerated() {
                try store.saveRevision(network: network(1), revision: Revision(UInt64(index + 1)), signed: revision)
            }
        }
        let store = try StateStore(path: path)
        #expect(try store.revisions(of: network(1)) == chain)
        #expect(try store.networks() == [StoredNetwork(network: network(1), first: chain[0], latest: chain[11])])
    }

    @Test("networks come in the order of their ids, each with its own ends")
    func severalNetworks() throws {
        let store = try StateStore(path: path)
        try store.saveRevision(network: network(9), revision: Revision(1), signed: signed([91]))
        try store.saveRevision(network: network(2), revision: Revision(5), signed: signed([25]))
        try store.saveRevision(network: network(2), revision: Revision(4), signed: signed([24]))
        #expect(
            try store.networks() == [
                StoredNetwork(network: network(2), first: signed([24]), latest: signed([25])),
                StoredNetwork(network: network(9), first: signed([91]), latest: signed([91])),
            ])
    }

    @Test("saving a revision again changes nothing")
    func sameRevision() throws {
        let store = try StateStore(path: path)
        for _ in 1...2 { try store.saveRevision(network: network(1), revision: Revision(1), signed: signed([1])) }
        #expect(try store.revisions(of: network(1)).count == 1)
    }

    @Test("another revision of the same number is refused")
    func conflictingRevision() throws {
        let store = try StateStore(path: path)
        try store.saveRevision(network: network(1), revision: Revision(1), signed: signed([1]))
        #expect(throws: StorageError.revisionConflict(network: network(1), revision: 1)) {
            try store.saveRevision(network: network(1), revision: Revision(1), signed: signed([2]))
        }
        #expect(try store.revisions(of: network(1)) == [signed([1])])
    }

    @Test("a revision over what the database can hold is refused")
    func hugeRevision() throws {
        let store = try StateStore(path: path)
        #expect(throws: StorageError.self) {
            try store.saveRevision(network: network(1), revision: Revision(.max), signed: signed([1]))
        }
    }

    @Test("a network that is removed is gone, and no other")
    func removesNetwork() throws {
        let store = try StateStore(path: path)
        try store.saveRevision(network: network(1), revision: Revision(1), signed: signed([1]))
        try store.saveRevision(network: network(2), revision: Revision(1), signed: signed([2]))
        try store.removeNetwork(network(1))
        #expect(try store.networks().map(\.network) == [network(2)])
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
            for number in 1...200 {
                try store.saveRevision(
                    network: network(1), revision: Revision(UInt64(number)),
                    signed: signed([UInt8](repeating: 3, count: 900)))
            }
            try store.queue.close()
        }
        var bytes = try scratch.bytes(of: "state.sqlite")
        for index in 8192..<bytes.count { bytes[index] = 0xa5 }
        try scratch.write(bytes, to: "state.sqlite")
        #expect(throws: StorageError.databaseDamaged(path: path)) { try StateStore(path: path) }
    }

    @Test("a stored revision that cannot be read is told as damage")
    func damagedValue() throws {
        let store = try StateStore(path: path)
        try store.write {
            try $0.execute(
                sql: "INSERT INTO revision VALUES (?, 1, ?)", arguments: [Data(network(1).bytes), Data([1, 2, 3])])
        }
        #expect(throws: StorageError.databaseDamaged(path: path)) { try store.networks() }
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
        let failure = #expect(throws: StorageError.self) {
            for number in 1...200 {
                try store.saveRevision(
                    network: network(1), revision: Revision(UInt64(number)),
                    signed: signed([UInt8](repeating: 3, count: 900)))
            }
        }
        #expect(failure == .diskFull(path: path))
    }
}
