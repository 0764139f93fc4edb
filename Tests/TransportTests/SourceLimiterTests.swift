import Testing
import Wire

@testable import Transport

@Suite("Bounding what is listened to")
struct SourceLimiterTests {
    private func limiter(each: Double = 5, all: Double = 1000, sources: Int = 10) -> SourceLimiter {
        SourceLimiter(
            each: .init(perSecond: each, burst: each), all: .init(perSecond: all, burst: all), sources: sources)
    }

    private func at(_ milliseconds: Int64) -> Instant { Instant.zero.advanced(by: .milliseconds(milliseconds)) }

    @Test("a source is heard so many times a second, and then as its tokens come back")
    func rate() {
        var limiter = limiter()
        let heard = (0..<20).count { _ in limiter.admits("a", now: at(0)) }
        #expect(heard == 5)
        let early = limiter.admits("a", now: at(199))
        #expect(!early)
        let inTime = limiter.admits("a", now: at(200))
        #expect(inTime)
        let again = limiter.admits("a", now: at(200))
        #expect(!again)
    }

    @Test("a flood from one source leaves the others heard")
    func fairness() {
        var limiter = limiter(all: 20)
        for _ in 0..<10_000 { _ = limiter.admits("flood", now: at(0)) }
        let other = limiter.admits("b", now: at(0))
        #expect(other)
    }

    @Test("a flood from many sources is bounded by the rate of all")
    func total() {
        var limiter = limiter(all: 20, sources: 100)
        let heard = (0..<1000).count { limiter.admits("\($0 % 100)", now: at(0)) }
        #expect(heard == 20)
    }

    @Test("the table of sources never grows over its bound, and has room again when sources fall silent")
    func table() {
        var limiter = limiter()
        for source in 0..<1000 { _ = limiter.admits("\(source)", now: at(0)) }
        #expect(limiter.knownSources == 10)
        let crowded = limiter.admits("new", now: at(0))
        #expect(!crowded)
        let later = limiter.admits("new", now: at(1000))
        #expect(later)
        #expect(limiter.knownSources <= 10)
    }
}
