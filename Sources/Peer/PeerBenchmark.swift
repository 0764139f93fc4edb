import Foundation
import Inference
import Transport

/// What `tiktrue bench` measures on this machine, with nobody else involved.
public enum PeerBenchmark {
    /// Loads the whole model file and runs it with the peer's own engine, then measures what one more stage of a chain costs: an
    /// activation of the model's width over a link on loopback.
    public static func run(modelPath: String, threads: Int?, prefill: Int, decode: Int) async throws -> BenchDocument {
        guard FileManager.default.fileExists(atPath: modelPath) else {
            throw ServiceFailure(
                "there is no model file \(modelPath); fetch one with tools/fetch-model, or name it with --model")
        }
        let file = try ModelFile(path: modelPath)
        let shape = file.hyperparameters
        guard prefill > 0, decode > 0, prefill <= shape.contextLength, decode < shape.contextLength else {
            throw ServiceFailure(
                "the model takes \(shape.contextLength) positions; choose a smaller --prefill or --decode")
        }
        let pool = ComputePool(threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let model = BlockModel(hyperparameters: shape, pool: pool)
        for block in 0..<shape.blockCount { try model.load(block: block, from: file) }
        let speed = try EngineBenchmark.run(model: model, prefill: prefill, decode: decode)
        let hop = try await HopBenchmark.run(width: shape.embeddingWidth, rounds: 2000)
        return BenchDocument(
            model: PeerPaths.modelName(forFile: modelPath), threads: pool.threadCount,
            prefillTokensPerSecond: speed.prefillTokensPerSecond, decodeTokensPerSecond: speed.decodeTokensPerSecond,
            hop: .init(p50: hop.p50Milliseconds, p99: hop.p99Milliseconds))
    }
}
