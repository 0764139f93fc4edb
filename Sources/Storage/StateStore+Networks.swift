import Foundation
import GRDB
import Identity
import Wire

/// The two ends of a network's chain of configs, as kept here.
public struct StoredNetwork: Hashable, Sendable {
    public let network: NetworkID
    /// The earliest revision that is kept.
    public let first: Signed
    public let latest: Signed
}

extension StateStore {
    /// Keeps a revision beside those before it. Saving the same bytes again changes nothing; other bytes for a revision that
    /// is kept already throw `revisionConflict`.
    public func saveRevision(network: NetworkID, revision: Revision, signed: Signed) throws(StorageError) {
        guard let number = Int64(exactly: revision.value) else {
            throw .valueOutOfRange(what: "a revision", value: "\(revision)")
        }
        let bytes = Data(signed.encoded())
        let name = Data(network.bytes)
        try write { database in
            let kept = try Data.fetchOne(
                database, sql: "SELECT signed FROM revision WHERE network = ? AND revision = ?",
                arguments: [name, number])
            if let kept {
                guard kept == bytes else {
                    throw StorageError.revisionConflict(network: network, revision: revision.value)
                }
                return
            }
            try database.execute(sql: "INSERT INTO revision VALUES (?, ?, ?)", arguments: [name, number, bytes])
        }
    }

    /// Every network of which something is kept, in the order of their ids.
    public func networks() throws(StorageError) -> [StoredNetwork] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT ends.network AS network, first.signed AS first, latest.signed AS latest
                    FROM (SELECT network, min(revision) AS low, max(revision) AS high
                          FROM revision GROUP BY network) AS ends
                    JOIN revision AS first ON first.network = ends.network AND first.revision = ends.low
                    JOIN revision AS latest ON latest.network = ends.network AND latest.revision = ends.high
                    ORDER BY ends.network
                    """)
            return try rows.map { row in
                guard let network = NetworkID(row["network"] as Data) else {
                    throw StorageError.databaseDamaged(path: path)
                }
                return StoredNetwork(
                    network: network, first: try signed(row["first"]), latest: try signed(row["latest"]))
            }
        }
    }

    /// The chain as it is kept, oldest first.
    public func revisions(of network: NetworkID) throws(StorageError) -> [Signed] {
        try read { database in
            try Data.fetchAll(
                database, sql: "SELECT signed FROM revision WHERE network = ? ORDER BY revision",
                arguments: [Data(network.bytes)]
            ).map(signed)
        }
    }

    public func removeNetwork(_ network: NetworkID) throws(StorageError) {
        try write { database in
            try database.execute(sql: "DELETE FROM revision WHERE network = ?", arguments: [Data(network.bytes)])
        }
    }

    private func signed(_ bytes: Data) throws -> Signed {
        do { return try Signed(encoded: Array(bytes)) } catch { throw StorageError.databaseDamaged(path: path) }
    }
}
