import GossipWorld
import Testing

@Suite("In a storm, with a liar among the members")
struct StormTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func noBeliefGoesBackNothingForgedIsBelievedAndAllIsKnownInTheEnd(seed: UInt64) {
        #expect(Storm(seed: seed).run() == nil)
    }
}
