import Identity
import Testing
import Wire

@testable import Simulator

@Suite struct DiskTests {
    private let network = NetworkID(digest: Digest.of([1]))

    private func entry(_ index: UInt64, term: UInt64 = 1) -> Disk.Write {
        .raft(
            network, generation: 0,
            RaftWrite(
                hard: HardState(term: Term(term), vote: nil), snapshot: nil,
                entries: [LogEntry(term: Term(term), index: LogIndex(index), body: .empty)]))
    }

    private func indices(_ store: Disk.Store?) -> [UInt64] { store?.raft?.state.entries.map(\.index.value) ?? [] }

    @Test("Of writes in flight a loss of power keeps the first ones, as many as had arrived", arguments: 0...3)
    func anyPrefix(kept: Int) {
        var disk = Disk()
        for index in 1...3 as ClosedRange<UInt64> { disk.write(entry(index)) }
        #expect(indices(disk.synced[network]) == [])
        #expect(indices(disk.written[network]) == [1, 2, 3])
        disk.losePower(keeping: kept)
        #expect(indices(disk.synced[network]) == Array([1, 2, 3].prefix(kept)))
        #expect(indices(disk.written[network]) == indices(disk.synced[network]))
        #expect(disk.inFlight.isEmpty)
    }

    @Test("What was synced is never lost")
    func syncedStays() {
        var disk = Disk()
        disk.write(entry(1))
        disk.write(entry(2))
        disk.syncOne()
        disk.losePower(keeping: 0)
        #expect(indices(disk.synced[network]) == [1])
    }

    @Test("A network that is forgotten is gone only when that is synced")
    func forgetting() {
        var disk = Disk()
        disk.write(entry(1))
        disk.syncOne()
        disk.write(.forget(network))
        #expect(disk.written[network] == nil)
        #expect(indices(disk.synced[network]) == [1])
        disk.losePower(keeping: 1)
        #expect(disk.synced[network] == nil)
    }

    @Test(
        "A greater generation takes the place of all that was written of the one before, and a smaller one is not written"
    )
    func generations() {
        var disk = Disk()
        disk.write(entry(1))
        disk.write(
            .raft(
                network, generation: 2,
                RaftWrite(
                    hard: nil, snapshot: nil, entries: [LogEntry(term: Term(5), index: LogIndex(1), body: .empty)])))
        disk.write(entry(7))
        for _ in 0..<3 { disk.syncOne() }
        #expect(disk.synced[network]?.raft?.generation == 2)
        #expect(disk.synced[network]?.raft?.state.entries.map(\.term) == [Term(5)])
    }
}

@Suite struct PathTests {
    @Test("Reasons add up: what two faults block passes when both are over")
    func reasonsAddUp() {
        var paths = Paths()
        paths.grow(to: 3)
        paths.block(from: 0, to: 1)
        paths.blockAll(into: 1)
        #expect(!paths.pass(from: 0, to: 1))
        paths.unblock(from: 0, to: 1)
        #expect(!paths.pass(from: 0, to: 1))
        paths.unblockAll(into: 1)
        #expect(paths.pass(from: 0, to: 1))
    }

    @Test("A machine whose packets only leave is heard and hears nobody, except itself")
    func oneWay() {
        var paths = Paths()
        paths.grow(to: 2)
        paths.blockAll(into: 0)
        #expect(paths.pass(from: 0, to: 1))
        #expect(!paths.pass(from: 1, to: 0))
        #expect(paths.pass(from: 0, to: 0))
    }

    @Test("What is blocked stays so when machines are added")
    func growing() {
        var paths = Paths()
        paths.grow(to: 4)
        paths.block(from: 3, to: 2)
        paths.blockDatagrams(from: 1, to: 0)
        paths.grow(to: 100)
        #expect(!paths.pass(from: 3, to: 2))
        #expect(paths.pass(from: 1, to: 0))
        #expect(!paths.datagramsPass(from: 1, to: 0))
        #expect(paths.pass(from: 99, to: 2))
    }
}
