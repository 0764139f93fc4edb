import Foundation
import GRDB

/// Something that happened on this peer and that its owner may ask for later.
public struct StoredEvent: Hashable, Sendable {
    /// Grows with each event, and is never given again.
    public let id: Int64
    /// Seconds since 1970, by this machine's clock.
    public let at: UInt64
    public let text: String
}

extension StateStore {
    /// Events that are kept: the newest so many.
    public static let eventsMax = 10_000

    /// Keeps events, oldest first, and forgets the oldest ones of all beyond the limit.
    public func append(events: [(at: UInt64, text: String)]) throws(StorageError) {
        try write { database in
            for event in events {
                try database.execute(
                    sql: "INSERT INTO event (at, text) VALUES (?, ?)",
                    arguments: [Int64(clamping: event.at), event.text])
            }
            try database.execute(
                sql: "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?",
                arguments: [StateStore.eventsMax])
        }
    }

    /// The newest events, oldest of them first.
    public func events(newest count: Int = StateStore.eventsMax) throws(StorageError) -> [StoredEvent] {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT id, at, text FROM event ORDER BY id DESC LIMIT ?", arguments: [max(0, count)])
            return rows.reversed().map {
                StoredEvent(id: $0["id"], at: UInt64(clamping: $0["at"] as Int64), text: $0["text"])
            }
        }
    }
}
