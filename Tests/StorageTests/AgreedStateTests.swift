import Foundation
import GRDB
import Identity
import Testing
import Wire

@testable import Storage

/// What stands for configs, logs and networks.
enum Agreed {
    static func network(_ byte: UInt8) -> NetworkID { NetworkID([UInt8](repeating: byte, count: 32))! }
    static func peer(_ byte: UInt8) -> PeerID { PeerID([UInt8](repeating: byte, count: 32))! }

    static func certified(_ text: String) -> CertifiedConfig {
        let vouch = Vouch(voter: peer(1), signature: [UInt8](repeating: 9, count: 64))
        return CertifiedConfig(
            chain: [CertifiedHeader(bytes: Array(text.utf8), vouches: [vouch])], config: Array(text.utf8))
    }

    static func entry(_ index: UInt64, term: UInt64, _ body: LogEntry.Body = .empty) -> LogEntry {
        LogEntry(term: Term(term), index: LogIndex(index), body: body)
    }

    static func snapshot(_ index: UInt64, term: UInt64) -> RaftSnapshot {
        RaftSnapshot(
            index: LogIndex(index), term: Term(term),
            voters: VoterSet(voters: [peer(1), peer(2)], learners: [peer(3)]),
            state: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 100))
    }

    static func write(term: UInt64? = nil, snapshot: RaftSnapshot? = nil, _ entries: [LogEntry] = []) -> RaftWrite {
        RaftWrite(hard: term.map { HardState(term: Term($0), vote: peer(1)) }, snapshot: snapshot, entries: entries)
    }
}

@Suite("What networks agreed on")
struct AgreedStateTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }
    private var path: String { scratch.file("state.sqlite") }
    private let network = Agreed.network(1)

    private func raft(_ store: StateStore) throws -> RaftRecord? { try store.networks().first?.raft }

    /// A store that has a network with a log of three entries.
    private func store() throws -> StateStore {
        let store = try StateStore(path: path)
        try store.save([
            .ledger(network, Agreed.certified("first")),
            .raft(
                network, generation: 5,
                Agreed.write(
                    term: 2, [Agreed.entry(1, term: 1), Agreed.entry(2, term: 1), Agreed.entry(3, term: 2)])),
        ])
        return store
    }

    @Test("a config takes the place of the one before, over a restart")
    func keepsConfig() throws {
        do {
            let store = try StateStore(path: path)
            try store.save([.ledger(network, Agreed.certified("old"))])
            try store.save([.ledger(network, Agreed.certified("new"))])
        }
        #expect(
            try StateStore(path: path).networks() == [
                AgreedState(network: network, certified: Agreed.certified("new"), raft: nil)
            ])
    }

    @Test("networks come in the order of their ids, each with its own log")
    func severalNetworks() throws {
        let store = try StateStore(path: path)
        for byte in [9, 2] as [UInt8] {
            try store.save([
                .raft(Agreed.network(byte), generation: 0, Agreed.write([Agreed.entry(1, term: UInt64(byte))])),
                .ledger(Agreed.network(byte), Agreed.certified("\(byte)")),
            ])
        }
        let networks = try store.networks()
        #expect(networks.map(\.network) == [Agreed.network(2), Agreed.network(9)])
        #expect(networks.map { $0.raft?.state.entries.map(\.term.value) } == [[2], [9]])
    }

    @Test("every kind of entry, a vote and a snapshot come back as they were written")
    func everyKind() throws {
        var state = RaftState.empty
        let write = Agreed.write(
            term: 7, snapshot: Agreed.snapshot(3, term: 2),
            [
                Agreed.entry(4, term: 5, .command([1, 2, 3])),
                Agreed.entry(5, term: 7, .voters(VoterSet(voters: [Agreed.peer(4)], outgoing: [Agreed.peer(1)]))),
                Agreed.entry(6, term: 7), Agreed.entry(7, term: 7, .command([])),
            ])
        state.apply(write)
        do {
            let store = try StateStore(path: path)
            try store.save([.ledger(network, Agreed.certified("c")), .raft(network, generation: 1 << 40, write)])
        }
        #expect(try raft(StateStore(path: path)) == RaftRecord(generation: 1 << 40, state: state))
    }

    @Test("a greater generation takes the place of everything of a smaller one")
    func greaterGeneration() throws {
        let store = try store()
        let write = Agreed.write([Agreed.entry(1, term: 1)])
        try store.save([.raft(network, generation: 6, write)])
        var state = RaftState.empty
        state.apply(write)
        #expect(try raft(store) == RaftRecord(generation: 6, state: state))
    }

    @Test("a smaller generation is refused, and nothing changes")
    func smallerGeneration() throws {
        let store = try store()
        let before = try store.networks()
        #expect(throws: StorageError.generationOutdated(network: network, kept: 5, offered: 4)) {
            try store.save([.raft(network, generation: 4, Agreed.write(term: 9))])
        }
        #expect(try store.networks() == before)
    }

    @Test("of several changes that are saved together, none is done where one is refused")
    func allOrNone() throws {
        let store = try store()
        let before = try store.networks()
        #expect(throws: StorageError.self) {
            try store.save([
                .ledger(network, Agreed.certified("second")), .raft(network, generation: 5, Agreed.write(term: 3)),
                .raft(network, generation: 1, Agreed.write(term: 3)),
            ])
        }
        #expect(try store.networks() == before)
    }

    @Test(
        "entries that leave a hole, reach under the snapshot, or do not follow each other are refused",
        arguments: [[5], [6, 7], [1], [4, 6], [4, 4], [4, 3]] as [[UInt64]])
    func broken(_ indices: [UInt64]) throws {
        let store = try store()
        try store.save([.raft(network, generation: 5, Agreed.write(snapshot: Agreed.snapshot(1, term: 1)))])
        let before = try store.networks()
        let failure = #expect(throws: StorageError.self) {
            try store.save([
                .raft(network, generation: 5, Agreed.write(indices.map { Agreed.entry($0, term: 2) }))
            ])
        }
        guard case .logBroken(network, _) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(try store.networks() == before)
    }

    @Test("a number over what the database can hold is refused")
    func hugeNumbers() throws {
        let store = try store()
        #expect(throws: StorageError.self) { try store.save([.raft(network, generation: .max, Agreed.write())]) }
        #expect(throws: StorageError.self) {
            try store.save([.raft(network, generation: 5, Agreed.write(term: .max))])
        }
    }

    @Test("a network that is removed is gone as a whole, and no other")
    func removes() throws {
        let store = try store()
        try store.save([.ledger(Agreed.network(2), Agreed.certified("other"))])
        try store.save([.removal(network)])
        #expect(try store.networks().map(\.network) == [Agreed.network(2)])
        for table in ["raft", "raft_entry"] {
            #expect(try store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") } == 0)
        }
    }

    @Test(
        "what does not fit together is told as damage",
        arguments: [
            "DELETE FROM raft_entry WHERE entry_index = 2", "DELETE FROM raft_entry WHERE entry_index = 1",
            "UPDATE raft_entry SET entry_index = 0 WHERE entry_index = 1",
            "UPDATE raft_entry SET body = x'ff' WHERE entry_index = 2",
            "UPDATE raft_entry SET term = -1 WHERE entry_index = 2", "UPDATE raft SET snapshot = x'ff'",
            "UPDATE raft SET snapshot_index = 1", "UPDATE raft SET snapshot_term = 1", "UPDATE raft SET term = -1",
            "UPDATE raft SET vote = x'0102'", "UPDATE raft SET generation = -1", "UPDATE ledger SET certified = x'ff'",
            "UPDATE ledger SET network = x'01'",
        ])
    func damaged(_ damage: String) throws {
        let store = try store()
        try store.write { try $0.execute(sql: damage) }
        #expect(throws: StorageError.databaseDamaged(path: path)) { try store.networks() }
    }
}

@Suite("The log on disk and the log in memory")
struct RaftAgreementTests {
    /// Writes that Raft could ask for, drawn from a seed.
    private struct Dice {
        var generator: SeededGenerator
        mutating func below(_ bound: UInt64) -> UInt64 { UInt64.random(in: 0..<bound, using: &generator) }

        mutating func write(to state: RaftState) -> RaftWrite {
            var state = state
            let last = (state.entries.last?.index ?? state.snapshot.index).value
            var snapshot: RaftSnapshot?
            if below(4) == 0 {
                let index = below(last + 4)
                // Most snapshots are of what the log holds; the others put an end to it.
                let term = state.entries.first { $0.index.value == index }?.term.value ?? 1
                snapshot = Agreed.snapshot(index, term: below(4) == 0 ? term + 1 : term)
            }
            let hard = below(3) == 0 ? HardState(term: Term(below(9)), vote: below(2) == 0 ? nil : Agreed.peer(7)) : nil
            state.apply(RaftWrite(hard: hard, snapshot: snapshot, entries: []))
            let covered = state.snapshot.index.value
            let end = (state.entries.last?.index ?? state.snapshot.index).value
            // Most entries are added; some take the place of others.
            let first = below(3) == 0 ? covered + 1 + below(end - covered + 1) : end + 1
            let entries = (first..<first + below(5)).map { index in
                Agreed.entry(index, term: 1 + below(3), below(2) == 0 ? .empty : .command([UInt8(below(256))]))
            }
            return RaftWrite(hard: hard, snapshot: snapshot, entries: entries)
        }
    }

    @Test("agree after any writes, in any batches, through any restarts", arguments: 1...8 as ClosedRange<UInt64>)
    func agree(_ seed: UInt64) throws {
        let scratch = try ScratchDirectory()
        var dice = Dice(generator: SeededGenerator(seed: seed))
        var store = try StateStore(path: scratch.file("state.sqlite"))
        let networks = [Agreed.network(1), Agreed.network(2)]
        var model: [NetworkID: RaftRecord] = [:]
        var snapshots = 0
        for network in networks { try store.save([.ledger(network, Agreed.certified("c"))]) }
        for _ in 0..<120 {
            var batch: [AgreedWrite] = []
            for _ in 0...dice.below(3) {
                let network = networks[Int(dice.below(2))]
                if dice.below(40) == 0 {
                    batch += [.removal(network), .ledger(network, Agreed.certified("c"))]
                    model[network] = nil
                    continue
                }
                var record = model[network] ?? RaftRecord(generation: 0, state: .empty)
                if dice.below(30) == 0 { record = RaftRecord(generation: record.generation + 1, state: .empty) }
                let write = dice.write(to: record.state)
                var state = record.state
                state.apply(write)
                if state.snapshot != record.state.snapshot { snapshots += 1 }
                model[network] = RaftRecord(generation: record.generation, state: state)
                batch.append(.raft(network, generation: record.generation, write))
            }
            try store.save(batch)
            if dice.below(10) == 0 { store = try StateStore(path: scratch.file("state.sqlite")) }
            for stored in try store.networks() { #expect(stored.raft == model[stored.network]) }
        }
        #expect(snapshots > 10)
    }
}
