import Identity
import Testing

@testable import Wire

@Suite("Readings that are kept") struct RecentReadingsTests {
    @Test("are found by their digest and not read again, until another one takes their place")
    func kept() throws {
        let readings = RecentReadings<Int>(places: 1)
        var reads = 0
        func read(_ number: UInt8) throws -> Int {
            try readings.value(of: Digest.of([number])) {
                reads += 1
                return Int(number)
            }
        }
        #expect(try read(1) == 1)
        #expect(try read(1) == 1)
        #expect(reads == 1)
        #expect(try read(2) == 2)
        #expect(try read(1) == 1)
        #expect(reads == 3)
    }

    @Test("are of what could be read only")
    func refused() {
        let readings = RecentReadings<Int>(places: 4)
        func read() throws(WireError) -> Int {
            try readings.value(of: Digest.of([])) { () throws(WireError) -> Int in throw .malformed("it") }
        }
        for _ in 0..<2 { #expect(throws: WireError.self) { try read() } }
    }
}
