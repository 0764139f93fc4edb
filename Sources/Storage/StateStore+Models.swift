import Foundation
import GRDB
import Wire

/// A model that was added on this peer, so that a network can be made with it.
public struct StoredModel: Hashable, Sendable {
    public let name: String
    public let manifest: ModelManifest
    /// The file that it was cut from.
    public let sourcePath: String?
}

extension StateStore {
    /// Keeps a model under its name, in place of one that had the name before.
    public func saveModel(name: String, manifest: ModelManifest, sourcePath: String?) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO model VALUES (?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET manifest = excluded.manifest, source = excluded.source
                    """,
                arguments: [name, Data(manifest.encodedBytes()), sourcePath])
        }
    }

    /// In the order of their names.
    public func models() throws(StorageError) -> [StoredModel] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT name, manifest, source FROM model ORDER BY name").map { row in
                do {
                    let manifest = try ModelManifest(encodedBytes: Array(row["manifest"] as Data))
                    return StoredModel(name: row["name"], manifest: manifest, sourcePath: row["source"])
                } catch {
                    throw StorageError.databaseDamaged(path: path)
                }
            }
        }
    }

    /// True where there was one of that name.
    @discardableResult
    public func removeModel(_ name: String) throws(StorageError) -> Bool {
        try write { database in
            try database.execute(sql: "DELETE FROM model WHERE name = ?", arguments: [name])
            return database.changesCount > 0
        }
    }
}
