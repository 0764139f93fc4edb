import GRDB
import Testing

@testable import Storage

@Suite("Events")
struct StoredEventTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }
    private var path: String { scratch.file("state.sqlite") }

    @Test("events come back in their order, over a restart, and the newest where few are asked for")
    func keeps() throws {
        do {
            let store = try StateStore(path: path)
            try store.append(events: [(10, "one"), (11, "two")])
            try store.append(events: [(9, "three")])
        }
        let store = try StateStore(path: path)
        #expect(try store.events().map(\.text) == ["one", "two", "three"])
        #expect(try store.events(newest: 2).map(\.at) == [11, 9])
        #expect(try store.events(newest: 0) == [] && store.events(newest: -1) == [])
    }

    @Test("the newest ten thousand are kept, and no number is given twice")
    func bounded() throws {
        let store = try StateStore(path: path)
        try store.append(events: (1...StateStore.eventsMax + 5).map { (UInt64($0), "event \($0)") })
        var events = try store.events()
        #expect(events.count == 10_000 && events.first?.text == "event 6" && events.last?.text == "event 10005")
        try store.append(events: [(1, "last")])
        events = try store.events()
        #expect(events.count == 10_000 && events.last?.id == 10_006 && events.first?.id == 7)
        try store.write { try $0.execute(sql: "DELETE FROM event") }
        try store.append(events: [(1, "again")])
        #expect(try store.events().map(\.id) == [10_007])
    }
}

@Suite("Databases of version 0.1.0")
struct FormerVersionTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }
    private var path: String { scratch.file("state.sqlite") }

    /// As that version left it, with revisions of so many networks.
    private func make(networks: Int) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
                    INSERT INTO grdb_migrations VALUES ('1: epoch, revisions, models, settings');
                    CREATE TABLE epoch (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
                    INSERT INTO epoch VALUES (1, 41);
                    CREATE TABLE revision (
                        network BLOB NOT NULL, revision INTEGER NOT NULL, signed BLOB NOT NULL,
                        PRIMARY KEY (network, revision));
                    CREATE TABLE model (name TEXT PRIMARY KEY, manifest BLOB NOT NULL, source TEXT);
                    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
                    INSERT INTO setting VALUES ('k', 'v');
                    """)
            for network in 0..<networks {
                for revision in 1...3 {
                    try database.execute(
                        sql: "INSERT INTO revision VALUES (?, ?, x'01')", arguments: ["\(network)", revision])
                }
            }
        }
        try queue.close()
    }

    @Test("their networks are dropped, which is told once and kept among the events; all else stays")
    func dropsNetworks() throws {
        try make(networks: 2)
        let sentence = "2 networks of version 0.1.0 cannot be carried over; create them and join them again"
        do {
            let store = try StateStore(path: path)
            #expect(store.notice == sentence)
            #expect(try store.networks() == [])
            #expect(try store.nextEpoch() == 42)
            #expect(try store.setting("k") == "v")
        }
        let store = try StateStore(path: path)
        #expect(store.notice == nil)
        let events = try store.events()
        #expect(events.map(\.text) == [sentence])
        #expect(events.allSatisfy { $0.at > 1_700_000_000 })
    }

    @Test("without networks there is nothing to tell")
    func nothingToTell() throws {
        try make(networks: 0)
        let store = try StateStore(path: path)
        #expect(store.notice == nil)
        #expect(try store.events() == [])
    }

    @Test("one network is told of as one")
    func one() throws {
        try make(networks: 1)
        #expect(
            try StateStore(path: path).notice
                == "a network of version 0.1.0 cannot be carried over; create it and join it again")
    }
}
