import Foundation
import Inference
import Transport
import Wire

/// What `tiktrue bench` measures on this machine, with nobody else involved.
public enum PeerBenchmark {
    /// Loads the whole model file and runs it with the peer's own engine, once for each count of threads, decoding once for each
    /// count of sequences, then measures what one more stage of a chain costs: an activation of the model's width over a link
    /// on loopback.
    ///
    /// - Parameters:
    ///   - threads: one count or more; none for one thread for each core.
    ///   - context: positions in front of the decoded ones.
    ///   - sequences: how many decode side by side, one count or more.
    ///   - cacheFormat: how keys and values are kept, one of `ControlWords.cacheFormats`.
    ///   - progress: is told what is done next.
    public static func run(
        modelPath: String, threads: [Int], prefill: Int, decode: Int, context: Int, sequences: [Int],
        cacheFormat: String, progress: (String) -> Void
    ) async throws -> BenchDocument {
        let format = try CacheFormat(named: cacheFormat)
        var runs: [BenchDocument.Run] = []
        var memory = BenchDocument.Memory(weights: 0, file: 0, residentMax: nil)
        var width = 0
        for count in threads.isEmpty ? [ProcessInfo.processInfo.activeProcessorCount] : threads {
            // The memory of another run is not this one's.
            try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
            progress("Loading the model for \(count) thread\(count == 1 ? "" : "s") ...")
            let whole = try WholeModel(path: modelPath, threads: count)
            let shape = whole.file.hyperparameters
            guard prefill > 0, decode > 0, prefill <= shape.contextLength, context + decode <= shape.contextLength
            else {
                throw ServiceFailure(
                    "the model takes \(shape.contextLength) positions; choose a smaller --prefill, --decode or --context"
                )
            }
            let benchmark = try EngineBenchmark(model: whole.model, format: KeyValueFormat(format))
            let weights = whole.model.weightBytes
            progress("Prefill of \(prefill), \(count) thread\(count == 1 ? "" : "s") ...")
            let prefillSpeed = try benchmark.prefill(prefill)
            var decoded: [(sequences: Int, speed: Double)] = []
            for together in sequences {
                progress(
                    "Decoding \(decode), \(count) thread\(count == 1 ? "" : "s")\(together == 1 ? "" : ", \(together) at once") ..."
                )
                decoded.append((together, try benchmark.decode(decode, after: context, sequences: together)))
            }
            memory = .init(weights: weights, file: whole.file.byteCount, residentMax: residentBytesMax())
            progress("Reading memory, \(count) thread\(count == 1 ? "" : "s") ...")
            let bandwidth = try MemoryBandwidth.measure(pool: whole.pool)
            runs += decoded.map { together, speed in
                .init(
                    threads: whole.pool.threadCount, sequences: together, prefillTokensPerSecond: prefillSpeed,
                    decodeTokensPerSecond: speed, memoryBytesPerSecond: bandwidth,
                    decodeBandwidthShare: speed / Double(together) * Double(weights) / bandwidth)
            }
            width = shape.embeddingWidth
        }
        progress("Sending over loopback ...")
        let hop = try await HopBenchmark.run(width: width, rounds: 2000)
        return BenchDocument(
            model: PeerPaths.modelName(forFile: modelPath), instructions: InstructionSet.best.rawValue,
            context: context, cacheFormat: format.description,
            hop: .init(p50: hop.p50Milliseconds, p99: hop.p99Milliseconds), memory: memory, runs: runs)
    }

    /// The most memory that this process has had at once: the line VmHWM of its status.
    private static func residentBytesMax() -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return kilobytes * 1024
    }
}
