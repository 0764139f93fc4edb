import CKernels
import Testing

@testable import Inference

struct EngineBenchmarkTests {
    @Test("The benchmark reports what it measured", arguments: KeyValueFormat.allCases)
    func benchmarkReports(format: KeyValueFormat) throws {
        let synthetic = SyntheticModel(types: [.q4_1])
        let benchmark = try EngineBenchmark(model: synthetic.load(synthetic.allBlocks, threads: 2), format: format)
        #expect(try benchmark.prefill(100) > 0)
        #expect(try benchmark.decode(20) > 0)
        #expect(try benchmark.decode(20, after: 50) > 0)
    }

    @Test("Weights that are no numbers are refused, not measured")
    func damagedWeights() throws {
        let synthetic = SyntheticModel(types: [.q4_1])
        let width = synthetic.hyperparameters.embeddingWidth
        let damaged = [Float](repeating: .nan, count: width).withUnsafeBytes(Array.init)
        synthetic.tensors.set("output_norm.weight", .f32, [width], damaged)
        let benchmark = try EngineBenchmark(model: synthetic.load(synthetic.allBlocks))
        #expect(throws: EngineError.logitsNotFinite) { try benchmark.decode(2) }
    }

    @Test("Every byte is read, whatever the threads", arguments: [1, 2, 3, 5])
    func everyByteIsRead(threads: Int) throws {
        let size = 37 * 4096
        let memory = try #require(tk_memory_allocate(size))
        defer { tk_memory_free(memory, size) }
        let pool = ComputePool(threads: threads)
        let words = memory.bindMemory(to: UInt8.self, capacity: size)
        for index in stride(from: 0, to: size, by: 64 * 7 + 8) {
            let before = try pool.withThreads { tk_read_memory($0, memory, size) }
            words[index] = 1
            let after = try pool.withThreads { tk_read_memory($0, memory, size) }
            #expect(before != after, "byte \(index)")
        }
    }

    @Test("Bandwidth is measured in bytes per second")
    func bandwidthIsMeasured() throws {
        let pool = ComputePool(threads: 1)
        #expect(try MemoryBandwidth.measure(pool: pool, bytes: 2 << 20, rounds: 1) > 0)
        pool.shutdown()
        #expect(throws: EngineError.poolIsShutDown) { try MemoryBandwidth.measure(pool: pool, bytes: 2 << 20) }
    }
}
