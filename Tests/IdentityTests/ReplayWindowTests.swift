import Testing

@testable import Identity

@Suite("The window against replays")
struct ReplayWindowTests {
    /// What a new window says to these numbers, one after the other.
    private func admitted(_ numbers: [(epoch: UInt64, counter: UInt64)]) -> [Bool] {
        var window = ReplayWindow()
        return numbers.map { window.admits(epoch: $0.epoch, counter: $0.counter) }
    }

    private func admitted(_ counters: [UInt64]) -> [Bool] { admitted(counters.map { (1, $0) }) }

    @Test("each number is taken once, in whatever order it comes")
    func once() {
        #expect(admitted([5, 3, 4, 5, 3, 4, 6, 6]) == [true, true, true, false, false, false, true, false])
    }

    @Test("of the last 64 numbers a late one is taken, older ones are not")
    func late() { #expect(admitted([100, 37, 36, 0]) == [true, true, false, false]) }

    @Test("a leap by the window's width or more forgets all before it, and takes none of them")
    func leap() {
        for step in [63, 64, 65, 1 << 40] as [UInt64] { #expect(admitted([7, 7 + step, 7]) == [true, true, false]) }
    }

    @Test("a later epoch begins anew, and nothing of an earlier one is taken any more")
    func epochs() {
        let numbers: [(UInt64, UInt64)] = [(2, 1000), (3, 0), (3, 0), (3, 1), (2, 1001), (2, .max), (3, 2)]
        #expect(admitted(numbers) == [true, true, false, true, false, false, true])
    }

    @Test("the numbers at the ends of their range are numbers like others")
    func ends() { #expect(admitted([0, .max, .max, .max - 63, .max - 64]) == [true, true, false, true, false]) }

    @Test("it agrees with remembering every number, over ten thousand that come in disorder")
    func agreesWithSet() {
        var state: UInt64 = 1
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var window = ReplayWindow()
        var seen: Set<UInt64> = []
        var newest: UInt64 = 0
        for round in 0..<10_000 as Range<UInt64> {
            let counter = round / 2 + random(150)
            let expected = !seen.contains(counter) && (counter > newest || newest - counter < 64 || seen.isEmpty)
            let admitted = window.admits(epoch: 1, counter: counter)
            #expect(admitted == expected)
            if expected { seen.insert(counter) }
            newest = max(newest, counter)
        }
        #expect(seen.count > 3000)
    }
}
