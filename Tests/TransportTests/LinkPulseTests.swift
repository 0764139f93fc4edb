import NIOCore
import Testing

@testable import Transport

@Suite("A link's pulse")
struct LinkPulseTests {
    private let pulse = LinkPulse(LinkSettings(), now: .uptimeNanoseconds(0))

    private func at(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(milliseconds * 1_000_000) }

    private var busy: LinkPulse {
        var pulse = pulse
        for time in stride(from: UInt64(0), through: 60_000, by: 1000) { _ = pulse.chainPassed(now: at(time)) }
        return pulse
    }

    @Test("an event loop that was held up gives the peer the time of one more ping, and then no more")
    func heldUp() {
        for var pulse in [pulse, busy] {
            #expect(pulse.action(now: at(20_000), due: at(250), isIdle: true) == .ping)
            pulse.pinged(now: at(20_000))
            let next = pulse.nextBeat(now: at(20_000))
            #expect(next == at(20_250))
            #expect(pulse.action(now: next, due: next, isIdle: true) == .close(after: .milliseconds(20_250)))
        }
    }

    @Test("a beat that comes a little late closes a silent link nevertheless")
    func slightlyLate() {
        #expect(busy.action(now: at(1600), due: at(1500), isIdle: true) == .close(after: .milliseconds(1600)))
        #expect(pulse.action(now: at(12_100), due: at(12_000), isIdle: true) == .close(after: .milliseconds(12_100)))
    }

    @Test("no ping is added to frames that wait")
    func waiting() {
        #expect(busy.action(now: at(300), due: at(250), isIdle: false) == .rest)
        #expect(busy.action(now: at(300), due: at(250), isIdle: true) == .ping)
    }

    @Test("only the first frame of a chain after a pause makes a link busy")
    func becomesBusy() {
        var pulse = pulse
        let answers = [0, 2999, 5998, 8998, 20_000].map { pulse.chainPassed(now: at($0)) }
        #expect(answers == [true, false, false, true, true])
        #expect(pulse.isBusy(at(22_999)) && !pulse.isBusy(at(23_000)))
    }

    @Test("among many links an idle one takes its time, a busy or a probed one does not")
    func stretched() {
        var pulse = pulse
        pulse.stretch = 4
        #expect(pulse.nextBeat(now: at(1)) == at(20_000))
        #expect(pulse.action(now: at(19_999), due: at(19_999), isIdle: true) == .rest)
        #expect(pulse.action(now: at(20_000), due: at(20_000), isIdle: true) == .ping)
        #expect(pulse.action(now: at(48_000), due: at(48_000), isIdle: true) == .close(after: .seconds(48)))
        var probed = pulse
        let isNew = probed.probe(now: at(100))
        #expect(isNew)
        probed.pinged(now: at(100))
        #expect(probed.nextBeat(now: at(100)) == at(1600))
        _ = pulse.chainPassed(now: at(100))
        #expect(pulse.action(now: at(350), due: at(350), isIdle: true) == .ping)
        #expect(pulse.action(now: at(1600), due: at(1600), isIdle: true) == .close(after: .milliseconds(1600)))
    }

    @Test("all idle links together ping at most a few times a second, up to a hundred of them")
    func constantCost() {
        let settings = LinkSettings()
        #expect([0, 4, 15, 16, 63, 96, 1000].map(settings.idleStretch) == [1, 1, 1, 2, 7, 12, 12])
        for links in 1...100 {
            let pause = settings.idlePingAfter * settings.idleStretch(links: links)
            #expect(Double(links) / (Double(pause.nanoseconds) / 1e9) <= 3)
        }
    }

    @Test("the next beat always lies ahead: at most the time of a ping away where a link is busy")
    func nextBeat() {
        for sent in stride(from: UInt64(0), through: 2000, by: 50) {
            for received in stride(from: UInt64(0), through: 2000, by: 50) {
                for (original, pause) in [(busy, Int64(250)), (pulse, 5000)] {
                    var pulse = original
                    (pulse.lastSent, pulse.lastReceived) = (at(sent), at(received))
                    let now = at(2000)
                    let next = pulse.nextBeat(now: now)
                    #expect(next > now && next <= now + .milliseconds(pause))
                }
            }
        }
    }
}
