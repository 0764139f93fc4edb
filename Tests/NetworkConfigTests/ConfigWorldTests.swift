import ConfigWorld
import Testing

@Suite("Among members who forge, repeat themselves and ask for too much")
struct ConfigWorldTests {
    @Test("the config changes only as it may, and only with a majority's signatures")
    func seeds() {
        for seed in 1...12 as ClosedRange<UInt64> { #expect(ConfigWorld(seed: seed).run() == nil, "seed \(seed)") }
    }
}
