import NIOCore
import Testing

@testable import Transport

@Suite("A link's pulse")
struct LinkPulseTests {
    private let pulse = LinkPulse(LinkSettings(), now: .uptimeNanoseconds(0))

    private func at(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(milliseconds * 1_000_000) }

    @Test("an event loop that was held up gives the peer the time of one more ping, and then no more")
    func heldUp() {
        var pulse = pulse
        #expect(pulse.action(now: at(10_000), due: at(250), isIdle: true) == .ping)
        pulse.lastSent = at(10_000)
        let next = pulse.nextBeat(now: at(10_000))
        #expect(next == at(10_250))
        #expect(pulse.action(now: next, due: next, isIdle: true) == .close(after: .milliseconds(10_250)))
    }

    @Test("a beat that comes a little late closes a silent link nevertheless")
    func slightlyLate() {
        #expect(pulse.action(now: at(1600), due: at(1500), isIdle: true) == .close(after: .milliseconds(1600)))
    }

    @Test("no ping is added to frames that wait")
    func waiting() {
        #expect(pulse.action(now: at(300), due: at(250), isIdle: false) == .rest)
        #expect(pulse.action(now: at(300), due: at(250), isIdle: true) == .ping)
    }

    @Test("the next beat always lies ahead, at most the time of a ping away")
    func nextBeat() {
        for sent in stride(from: UInt64(0), through: 2000, by: 50) {
            for received in stride(from: UInt64(0), through: 2000, by: 50) {
                var pulse = pulse
                (pulse.lastSent, pulse.lastReceived) = (at(sent), at(received))
                let now = at(2000)
                let next = pulse.nextBeat(now: now)
                #expect(next > now && next <= now + .milliseconds(250))
            }
        }
    }
}
