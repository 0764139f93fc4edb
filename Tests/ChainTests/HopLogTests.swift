import Testing
import Wire

@testable import Chain

@Suite("A hop's log") struct HopLogTests {
    static func filled() -> HopLog {
        var log = HopLog()
        _ = log.append(FakeModel.payload([0, 1, 2]), tokens: [0, 1, 2])
        _ = log.append(FakeModel.payload([3]), tokens: [3])
        _ = log.append(FakeModel.payload([4, 5]), tokens: [4, 5])
        return log
    }

    @Test("gives any run of positions with the bytes that were put in")
    func runs() {
        let log = Self.filled()
        for first in 0..<6 {
            for end in (first + 1)...6 {
                let part = log.part(from: Position(first), count: end - first)
                #expect(FakeModel.values(part.payload) == (first..<end).map { UInt64($0) })
                #expect(part.tokens == (first..<end).map { Int32($0) })
            }
        }
    }

    @Test("counts its bytes, and forgets whole entries only")
    func forgets() {
        var log = Self.filled()
        #expect(log.bytes == 48)
        log.drop(before: Position(4))
        #expect(log.start == Position(4) && log.bytes == 16)
        log.drop(before: Position(5))
        #expect(log.start == Position(4) && log.bytes == 16)
        log.drop(before: Position(6))
        #expect(log.start == Position(6) && log.end == Position(6) && log.bytes == 0)
    }

    @Test("is cut at any position, and goes on from there", arguments: 0...6)
    func cuts(at position: Int) {
        var log = Self.filled()
        log.drop(before: Position(3))
        log.cut(to: Position(position))
        #expect(log.end == Position(position))
        #expect(log.start == min(Position(3), log.end))
        #expect(log.bytes == max(0, position - 3) * 8)
        let isTaken = log.append(FakeModel.payload([90]), tokens: [90])
        #expect(isTaken)
        let part = log.part(from: log.start, count: log.end.value - log.start.value)
        #expect(FakeModel.values(part.payload) == (log.start.value..<position).map { UInt64($0) } + [90])
        #expect(part.tokens == (log.start.value..<position).map { Int32($0) } + [90])
    }

    @Test("refuses bytes that do not divide, or of another width")
    func refuses() {
        var log = Self.filled()
        let taken = [
            log.append(Payload([1, 2, 3]), tokens: [1, 2]), log.append(Payload([1, 2, 3, 4]), tokens: [1]),
            log.append(.empty, tokens: [1]),
        ]
        #expect(taken == [false, false, false])
        #expect(log.end == Position(6))
    }
}
