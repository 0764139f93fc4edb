import Testing
import Wire

@testable import Simulator

@Suite struct EventQueueTests {
    @Test("What happens comes by time, and at one time in the order in which it was planned")
    func order() {
        var random = SeededGenerator(seed: 1)
        var queue = EventQueue<Int>()
        var planned: [(time: Int64, number: Int)] = []
        for number in 0..<500 {
            let time = Int64(random.next() % 40)
            planned.append((time, number))
            queue.plan(number, at: Instant(nanoseconds: time))
        }
        var taken: [Int] = []
        while let (time, number) = queue.takeNext() {
            #expect(planned[number].time == time.nanoseconds)
            taken.append(number)
        }
        #expect(taken == planned.sorted { ($0.time, $0.number) < ($1.time, $1.number) }.map(\.number))
        #expect(queue.nextTime == nil)
    }

    @Test("What is planned while others are taken finds its place")
    func interleaved() {
        var random = SeededGenerator(seed: 2)
        var queue = EventQueue<Int64>()
        var last: Int64 = 0
        for _ in 0..<2000 {
            for _ in 0..<Int(random.next() % 3) {
                let time = last + Int64(random.next() % 100)
                queue.plan(time, at: Instant(nanoseconds: time))
            }
            guard let (time, event) = queue.takeNext() else { continue }
            #expect(time.nanoseconds == event)
            #expect(event >= last)
            last = event
        }
    }
}

@Suite struct DrawTests {
    @Test("The logarithm is right to the last digits that matter")
    func logarithm() {
        #expect(abs(Logarithm.natural(1)) < 1e-15)
        #expect(abs(Logarithm.natural(2) - 0.693147180559945) < 1e-14)
        #expect(abs(Logarithm.natural(10) - 2.302585092994046) < 1e-14)
        #expect(abs(Logarithm.natural(1e-6) + 13.815510557964274) < 1e-13)
    }

    @Test("Some of many are drawn once each")
    func some() {
        var draw = Draw(SeededGenerator(seed: 3))
        let chosen = draw.some(5, of: Array(0..<9))
        #expect(Set(chosen).count == 5)
        #expect(draw.some(20, of: [1, 2]).sorted() == [1, 2])
        for _ in 0..<200 { #expect((2...4).contains(draw.number(in: 2...4))) }
    }
}
