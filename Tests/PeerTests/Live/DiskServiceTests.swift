import Foundation
import Identity
import Storage
import Synchronization
import Testing
import Wire

@testable import Peer

@Suite("What a peer writes while it runs")
struct DiskServiceTests {
    /// A service over a directory of its own, and the answers that it gave.
    private final class Desk: Sendable {
        let path: String
        let state: StateStore
        let disk: DiskService
        let answers = Mutex<[(number: Int, error: StorageError?)]>([])

        init() throws {
            path = FileManager.default.temporaryDirectory.path + "/tiktrue-test-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            state = try StateStore(path: path + "/state.sqlite")
            disk = DiskService(state: state, pieces: try PieceStore(directory: path + "/pieces"))
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        /// Asks for the writes while the disk is busy with something else, so that all of them wait, and waits for the
        /// answers.
        func persist(_ writes: [AgreedWrite]) async {
            disk.queue.suspend()
            for (number, write) in writes.enumerated() {
                disk.persist(write) { error in self.answers.withLock { $0.append((number, error)) } }
            }
            disk.queue.resume()
            await disk.finish()
        }

        var numbers: [Int] { answers.withLock { $0.map(\.number) } }
        var errors: [StorageError?] { answers.withLock { $0.map(\.error) } }
    }

    private let network = NetworkID(digest: Digest.of([1]))

    private func certified(_ byte: UInt8) -> CertifiedConfig {
        CertifiedConfig(chain: [CertifiedHeader(bytes: [byte], vouches: [])], config: [byte])
    }

    private func entry(_ index: UInt64) -> AgreedWrite {
        let entry = LogEntry(term: Term(1), index: LogIndex(index), body: .empty)
        return .raft(network, generation: 0, RaftWrite(hard: nil, snapshot: nil, entries: [entry]))
    }

    @Test("writes are done, and answered, in the order in which they were asked for")
    func inOrder() async throws {
        let desk = try Desk()
        await desk.persist([.ledger(network, certified(1))] + (1...50).map(entry) + [.ledger(network, certified(2))])
        #expect(desk.numbers == Array(0..<52) && desk.errors.allSatisfy { $0 == nil })
        let stored = try #require(try desk.state.networks().first)
        #expect(stored.certified == certified(2) && stored.raft?.state.entries.count == 50)
    }

    @Test("forgetting a network takes its turn among the writes")
    func removalInOrder() async throws {
        let desk = try Desk()
        await desk.persist([
            .ledger(network, certified(1)), entry(1), .removal(network), .ledger(network, certified(3)),
        ])
        let stored = try desk.state.networks()
        #expect(stored.map(\.certified) == [certified(3)] && stored[0].raft == nil)
    }

    @Test("writes that wait share a transaction: where one is refused none of them is done, and nothing after it")
    func failure() async throws {
        let desk = try Desk()
        await desk.persist([.ledger(network, certified(1)), entry(7), entry(1)])
        #expect(desk.numbers == [0, 1, 2])
        #expect(desk.errors.allSatisfy { $0 == .logBroken(network: network, index: 7) })
        await desk.persist([.ledger(network, certified(1))])
        #expect(desk.errors.count == 4 && desk.errors.allSatisfy { $0 != nil })
        #expect(try desk.state.networks() == [])
    }

    @Test("events are written in their order, at the latest when the peer stops")
    func events() async throws {
        let desk = try Desk()
        for number in 1...3 { desk.disk.note("event \(number)", at: UInt64(number)) }
        await desk.disk.finish()
        #expect(try desk.state.events().map(\.text) == ["event 1", "event 2", "event 3"])
    }

    @Test("who asks what has happened is told the latest")
    func readsEvents() async throws {
        let desk = try Desk()
        desk.disk.note("event", at: 7)
        let events = try await desk.disk.perform { state, _ in try state.events() }
        #expect(events.map(\.at) == [7])
    }

    @Test("events that come faster than they are written are bounded")
    func manyEvents() async throws {
        let desk = try Desk()
        desk.disk.queue.suspend()
        for number in 0..<5000 { desk.disk.note("\(number)", at: 0) }
        desk.disk.queue.resume()
        await desk.disk.finish()
        #expect(try desk.state.events().count == 1000)
    }
}
