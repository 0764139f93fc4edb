import Testing
import Wire

@testable import Transport

@Suite("The hop benchmark", .timeLimit(.minutes(1)))
struct HopBenchmarkTests {
    @Test("it measures every round and tells times in order")
    func measures() async throws {
        let result = try await HopBenchmark.run(width: 64, rounds: 20)
        #expect(result.p50Milliseconds > 0)
        #expect(result.p99Milliseconds >= result.p50Milliseconds)
    }

    @Test(
        "a width or a number of rounds that cannot be is refused", arguments: [(0, 1), (Limits.width + 1, 1), (64, 0)])
    func refuses(_ width: Int, _ rounds: Int) async {
        await #expect(throws: TransportError.self) { try await HopBenchmark.run(width: width, rounds: rounds) }
    }
}
