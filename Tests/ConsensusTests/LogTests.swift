import Identity
import Testing
import Wire

@testable import Consensus

@Suite("A log") struct RaftLogTests {
    /// Terms that never decrease, after a snapshot.
    private func some(_ random: inout SeededGenerator) -> RaftLog {
        let start = random.next() % 4
        var term = start == 0 ? 0 : 1 + random.next() % 2
        let snapshot = RaftSnapshot(
            index: LogIndex(start), term: Term(term), voters: VoterSet(voters: [a]), state: [])
        var terms: [UInt64] = []
        for _ in 0..<random.next() % 10 {
            term = max(1, term + (random.next() % 3 == 0 ? 1 : 0))
            terms.append(term)
        }
        return RaftLog(snapshot: snapshot, entries: .with(terms: terms, from: start + 1))
    }

    @Test("knows terms, runs of terms and conflicts as a plain search does")
    func searches() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let log = some(&random)
            let first = log.snapshot.index.value
            let last = log.lastIndex.value
            func term(_ index: UInt64) -> UInt64? {
                index == first ? log.snapshot.term.value : log.entries.first { $0.index.value == index }?.term.value
            }
            for index in 0...(last + 2) { #expect(log.term(at: LogIndex(index))?.value == term(index)) }
            let place = first + random.next() % (last - first + 1)
            let run = (first...place).first { term($0) == term(place) }
            #expect(log.firstOfTerm(at: LogIndex(place)).value == run)
            let most = random.next() % 5
            let end = random.next() % (last + 3)
            let found = end < first ? nil : (first...min(end, last)).last { term($0)! <= most }
            #expect(log.last(upTo: LogIndex(end), withTermAtMost: Term(most))?.value == found)
        }
    }

    @Test("gives entries up to a number of bytes, but one at least")
    func bytes() {
        let log = RaftLog(snapshot: RaftState.with(voters: [a]).snapshot, entries: .with(terms: [1, 1, 1, 1]))
        let size = log.entries[0].size
        #expect(log.entries(from: LogIndex(2), maxBytes: 2 * size).count == 2)
        #expect(log.entries(from: LogIndex(2), maxBytes: 0).count == 1)
        #expect(log.entries(from: LogIndex(5), maxBytes: 1000).isEmpty)
    }

    @Test("tells a repair on which whole terms are skipped", arguments: 0..<20)
    func repair(seed: Int) {
        // One question per term is enough, whatever the two logs are.
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<15 {
            func terms() -> [UInt64] {
                var term: UInt64 = 1
                return (0..<20).map { _ in
                    term += random.next() % 4 == 0 ? 1 : 0
                    return term
                }
            }
            // Logs of one group agree up to some point, and after it no entry of one has a term and index of the other.
            let common = Int(random.next() % 10)
            let shared = Array(terms().prefix(common))
            let base = (shared.last ?? 0) + 1
            let left = shared + terms().map { base + 2 * $0 }
            let right = shared + terms().prefix(Int(random.next() % 20)).map { base + 2 * $0 + 1 }
            let voters = [a, b, c]
            let stage = Stage()
            let term = (left + right).max()! + 1
            stage.enter(a, .with(voters: voters, terms: left, term: term))
            stage.enter(c, .with(voters: voters, terms: [], term: term))
            stage.elect(a)
            stage.enter(b, .with(voters: voters, terms: right, term: term))
            stage.tell(a) { $0.regained(b, at: stage.now) }
            let before = stage.lines.count
            stage.deliver()
            let refusals = stage.lines[before...].count { $0.hasPrefix("B → A refused") }
            #expect(stage.entries(of: b) == stage.entries(of: a))
            #expect(refusals <= Set(right.dropFirst(common)).count + 1, "\(left) and \(right)")
        }
    }
}

@Suite("The ledger of writes") struct WriteLedgerTests {
    @Test("says durable just what a disk that keeps every write says")
    func model() {
        var random = SeededGenerator(seed: 8)
        for seed in 0..<500 {
            var ledger = WriteLedger(durable: .zero)
            // Each entry has a name of its own; the disk is what the completed writes made of it.
            var memory: [Int] = []
            var disk: [Int] = []
            var name = 0
            var writes: [(token: WriteToken, first: Int, entries: [Int])] = []
            for _ in 0..<60 {
                switch random.next() % 4 {
                case 0:
                    name += 1
                    memory.append(name)
                case 1 where !memory.isEmpty:
                    let from = Int(random.next() % UInt64(memory.count))
                    memory.removeSubrange(from...)
                    ledger.truncated(from: LogIndex(UInt64(from) + 1))
                    name += 1
                    memory.append(name)
                case 2:
                    let first = Int(ledger.handed.value)
                    let token = ledger.begin(through: LogIndex(UInt64(memory.count)))
                    writes.append((token, first, Array(memory[first...])))
                default:
                    guard !writes.isEmpty else { continue }
                    let write = writes.removeFirst()
                    disk = Array(disk.prefix(write.first)) + write.entries
                    let isKnown = ledger.complete(write.token, last: LogIndex(UInt64(memory.count)))
                    #expect(isKnown)
                }
                let durable = Int(ledger.durable.value)
                #expect(Array(memory.prefix(durable)) == Array(disk.prefix(durable)), "seed \(seed)")
                // When nothing is under way, all that was handed out is there.
                if writes.isEmpty { #expect(ledger.durable == ledger.handed) }
            }
        }
    }

    @Test("ignores completions of nothing")
    func strange() {
        var ledger = WriteLedger(durable: .zero)
        let unknown = ledger.complete(WriteToken(1), last: .zero)
        let token = ledger.begin(through: .zero)
        let known = ledger.complete(token, last: .zero)
        let again = ledger.complete(token, last: .zero)
        #expect(!unknown && known && !again)
    }

    @Test("calls a hard state durable only when the write that carries the latest one is")
    func hard() {
        var ledger = WriteLedger(durable: .zero)
        ledger.hardChanged()
        let first = ledger.begin(through: .zero)
        ledger.hardChanged()
        _ = ledger.complete(first, last: .zero)
        #expect(!ledger.isHardDurable)
        let second = ledger.begin(through: .zero)
        #expect(!ledger.isHardDurable)
        _ = ledger.complete(second, last: .zero)
        #expect(ledger.isHardDurable)
    }
}
