import Foundation
import GRDB
import Identity
import Wire

/// What Raft has written of one network, within a transaction: a row with term, vote and snapshot, and a row for each
/// entry of the log after the snapshot.
struct RaftTable {
    /// What is read does not fit together.
    struct Broken: Error {}

    private let database: Database
    private let network: NetworkID
    private let key: Data

    init(_ database: Database, _ network: NetworkID) {
        self.database = database
        self.network = network
        key = Data(network.bytes)
    }

    // MARK: Writing

    func apply(_ write: RaftWrite, generation: UInt64) throws {
        let stored = try Row.fetchOne(
            database, sql: "SELECT generation, snapshot_index FROM raft WHERE network = ?", arguments: [key])
        var covered: Int64 = 0
        if let stored, let kept = UInt64(exactly: stored["generation"] as Int64), kept >= generation {
            guard kept == generation else {
                throw StorageError.generationOutdated(network: network, kept: kept, offered: generation)
            }
            covered = stored["snapshot_index"]
        } else {
            try begin(generation)
        }
        if let hard = write.hard {
            try database.execute(
                sql: "UPDATE raft SET term = ?, vote = ? WHERE network = ?",
                arguments: [number(hard.term.value), hard.vote.map { Data($0.bytes) }, key])
        }
        if let snapshot = write.snapshot, try number(snapshot.index.value) > covered {
            try restore(snapshot)
            covered = try number(snapshot.index.value)
        }
        try append(write.entries, after: covered)
    }

    /// An empty state, in the place of whatever there was.
    private func begin(_ generation: UInt64) throws {
        try database.execute(sql: "DELETE FROM raft_entry WHERE network = ?", arguments: [key])
        let empty = RaftState.empty
        try database.execute(
            sql: "INSERT OR REPLACE INTO raft VALUES (?, ?, 0, NULL, 0, 0, ?)",
            arguments: [key, number(generation), Data(empty.snapshot.encoded())])
    }

    private func restore(_ snapshot: RaftSnapshot) throws {
        let index = try number(snapshot.index.value)
        let term = try Int64.fetchOne(
            database, sql: "SELECT term FROM raft_entry WHERE network = ? AND entry_index = ?", arguments: [key, index])
        // A log that goes on from the snapshot stays; one that does not is wrong as a whole.
        let follows = try term == number(snapshot.term.value)
        try database.execute(
            sql: "DELETE FROM raft_entry WHERE network = ? AND entry_index <= ?",
            arguments: [key, follows ? index : Int64.max])
        try database.execute(
            sql: "UPDATE raft SET snapshot_index = ?, snapshot_term = ?, snapshot = ? WHERE network = ?",
            arguments: [index, number(snapshot.term.value), Data(snapshot.encoded()), key])
    }

    private func append(_ entries: [LogEntry], after covered: Int64) throws {
        guard let first = entries.first else { return }
        let last = try Int64.fetchOne(
            database, sql: "SELECT max(entry_index) FROM raft_entry WHERE network = ?", arguments: [key])
        var next = try number(first.index.value)
        // A log with a hole would be found only when this peer starts again, and then it would be too late.
        guard next > covered, next <= max(last ?? 0, covered) + 1 else {
            throw StorageError.logBroken(network: network, index: first.index.value)
        }
        try database.execute(
            sql: "DELETE FROM raft_entry WHERE network = ? AND entry_index >= ?", arguments: [key, next])
        let insertion = try database.cachedStatement(sql: "INSERT INTO raft_entry VALUES (?, ?, ?, ?)")
        for entry in entries {
            guard try number(entry.index.value) == next else {
                throw StorageError.logBroken(network: network, index: entry.index.value)
            }
            try insertion.execute(arguments: [key, next, number(entry.term.value), Data(entry.body.encoded())])
            next += 1
        }
    }

    /// SQLite's integers have a sign.
    private func number(_ value: UInt64) throws -> Int64 {
        guard let number = Int64(exactly: value), number < Int64.max else {
            throw StorageError.valueOutOfRange(what: "a term or an index", value: "\(value)")
        }
        return number
    }

    // MARK: Reading

    /// Nil where nothing was ever written.
    func record() throws -> RaftRecord? {
        let row = try Row.fetchOne(database, sql: "SELECT * FROM raft WHERE network = ?", arguments: [key])
        guard let row else { return nil }
        let snapshot = try RaftSnapshot(encoded: Array(row["snapshot"] as Data))
        guard let generation = UInt64(exactly: row["generation"] as Int64),
            try snapshot.index.value == counter(row["snapshot_index"]),
            try snapshot.term.value == counter(row["snapshot_term"])
        else { throw Broken() }
        var vote: PeerID?
        if let bytes = row["vote"] as Data? {
            guard let peer = PeerID(bytes) else { throw Broken() }
            vote = peer
        }
        return RaftRecord(
            generation: generation,
            state: RaftState(
                hard: HardState(term: Term(try counter(row["term"])), vote: vote), snapshot: snapshot,
                entries: try entries(after: snapshot.index)))
    }

    /// They must follow each other, and the snapshot.
    private func entries(after index: LogIndex) throws -> [LogEntry] {
        var entries: [LogEntry] = []
        var next = index.next
        let rows = try Row.fetchCursor(
            database, sql: "SELECT entry_index, term, body FROM raft_entry WHERE network = ? ORDER BY entry_index",
            arguments: [key])
        while let row = try rows.next() {
            guard try counter(row["entry_index"]) == next.value else { throw Broken() }
            let body = try LogEntry.Body(encoded: Array(row["body"] as Data))
            entries.append(LogEntry(term: Term(try counter(row["term"])), index: next, body: body))
            next = next.next
        }
        return entries
    }

    private func counter(_ stored: Int64) throws -> UInt64 {
        guard let value = UInt64(exactly: stored), value <= Limits.counter else { throw Broken() }
        return value
    }
}
