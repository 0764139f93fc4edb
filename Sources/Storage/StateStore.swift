import Foundation
import GRDB

/// What a peer must not forget, in one SQLite database: its epoch, what its networks have agreed on, the models it knows, and
/// what has happened.
///
/// Every change is on disk when the call returns (write-ahead log, `synchronous = FULL`). Calls block: they belong on the
/// thread for input and output, never on an event loop.
public final class StateStore: Sendable {
    let queue: DatabaseQueue
    let path: String
    /// One sentence for the owner about what became of an older version's data when the database was opened; nil in most cases.
    public let notice: String?

    /// Opens the database, or makes it. Throws `databaseDamaged` for a file that is none, or whose structure is broken.
    public init(path: String) throws(StorageError) {
        // Made here first, so that SQLite gives its companion files the same narrow mode.
        try OpenFile(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600).synchronize()
        var configuration = Configuration()
        configuration.journalMode = .wal
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            // Only now: opening in write-ahead mode has just set it to NORMAL, which flushes at checkpoints only.
            try queue.inDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            guard verdict == "ok" else { throw StorageError.databaseDamaged(path: path) }
            let migrations = StateStore.migrations
            guard try !queue.read(migrations.hasBeenSuperseded) else {
                throw StorageError.databaseFromLaterVersion(path: path)
            }
            notice = try queue.read(StateStore.farewell)
            try migrations.migrate(queue)
        } catch {
            throw .database(error, path)
        }
        self.path = path
    }

    /// Each step is kept as it was published; a later form of the database is a further step.
    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: epoch, revisions, models, settings") { database in
            try database.execute(
                sql: """
                    CREATE TABLE epoch (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
                    INSERT INTO epoch VALUES (1, 0);
                    CREATE TABLE revision (
                        network BLOB NOT NULL, revision INTEGER NOT NULL, signed BLOB NOT NULL,
                        PRIMARY KEY (network, revision));
                    CREATE TABLE model (name TEXT PRIMARY KEY, manifest BLOB NOT NULL, source TEXT);
                    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
                    """)
        }
        // A founder's chain of revisions is no proof in networks that certify by their voters.
        migrator.registerMigration("2: ledgers, Raft, events") { database in
            let farewell = try StateStore.farewell(database)
            try database.execute(
                sql: """
                    DROP TABLE revision;
                    CREATE TABLE ledger (network BLOB NOT NULL PRIMARY KEY, certified BLOB NOT NULL);
                    CREATE TABLE raft (
                        network BLOB NOT NULL PRIMARY KEY, generation INTEGER NOT NULL, term INTEGER NOT NULL, vote BLOB,
                        snapshot_index INTEGER NOT NULL, snapshot_term INTEGER NOT NULL, snapshot BLOB NOT NULL);
                    CREATE TABLE raft_entry (
                        network BLOB NOT NULL, entry_index INTEGER NOT NULL, term INTEGER NOT NULL, body BLOB NOT NULL,
                        PRIMARY KEY (network, entry_index));
                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, text TEXT NOT NULL);
                    """)
            if let farewell {
                try database.execute(
                    sql: "INSERT INTO event (at, text) VALUES (CAST(strftime('%s', 'now') AS INTEGER), ?)",
                    arguments: [farewell])
            }
        }
        return migrator
    }

    /// What is to be said of networks that a migration drops.
    private static func farewell(_ database: Database) throws -> String? {
        guard try database.tableExists("revision"),
            let count = try Int.fetchOne(database, sql: "SELECT count(DISTINCT network) FROM revision"), count > 0
        else { return nil }
        return count == 1
            ? "a network of version 0.1.0 cannot be carried over; create it and join it again"
            : "\(count) networks of version 0.1.0 cannot be carried over; create them and join them again"
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.read(body) } catch { throw .database(error, path) }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try queue.write(body) } catch { throw .database(error, path) }
    }
}

extension StateStore {
    /// The number of this start of the peer: larger than every one before, and on disk before it is returned, so that what
    /// a restarted peer says is never taken for older words of its own. The first is 1.
    public func nextEpoch() throws(StorageError) -> UInt64 {
        try write { database in
            let last = try Int64.fetchOne(database, sql: "SELECT value FROM epoch WHERE id = 1")
            guard let last, last >= 0, last < Int64.max else {
                throw StorageError.valueOutOfRange(what: "the peer's epoch", value: last.map(String.init) ?? "nothing")
            }
            try database.execute(sql: "UPDATE epoch SET value = ? WHERE id = 1", arguments: [last + 1])
            return UInt64(last + 1)
        }
    }

    public func setting(_ key: String) throws(StorageError) -> String? {
        try read { try String.fetchOne($0, sql: "SELECT value FROM setting WHERE key = ?", arguments: [key]) }
    }

    /// Nil forgets the setting.
    public func setSetting(_ key: String, to value: String?) throws(StorageError) {
        try write { database in
            if let value {
                try database.execute(
                    sql: "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    arguments: [key, value])
            } else {
                try database.execute(sql: "DELETE FROM setting WHERE key = ?", arguments: [key])
            }
        }
    }
}
