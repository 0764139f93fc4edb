import ArgumentParser
import Peer

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure tokens per second on this machine, and what the chain adds per hop.")

    @Option(
        help: ArgumentHelp(
            "A model in GGUF, or a directory of safetensors. (default: the one that tools/quickstart fetches)",
            valueName: "file"))
    var model: String?
    @Option(
        help: ArgumentHelp(
            "Compute threads, or several counts to compare: 1,2,4. (default: one for each core)", valueName: "counts"))
    var threads: String?
    @Option(help: ArgumentHelp("Tokens of the prompt.", valueName: "tokens"))
    var prefill = 512
    @Option(help: ArgumentHelp("Tokens of the answer.", valueName: "tokens"))
    var decode = 128
    @Option(help: ArgumentHelp("Tokens in front of the answer.", valueName: "tokens"))
    var context = 1
    @Option(
        help: ArgumentHelp("Answers decoded side by side, or several counts to compare: 1,4,16.", valueName: "counts"))
    var sequences = "1"
    @OptionGroup var cache: CacheOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        _ = try (threadCounts(), sequenceCounts())
        guard (1...1_000_000).contains(prefill) else { throw ValidationError("'--prefill' takes 1 to 1000000") }
        guard (1...1_000_000).contains(decode) else { throw ValidationError("'--decode' takes 1 to 1000000") }
        guard (1...1_000_000).contains(context) else { throw ValidationError("'--context' takes 1 to 1000000") }
    }

    private func threadCounts() throws -> [Int] {
        try threads.map { try counts("--threads", of: $0, in: 1...1024) } ?? []
    }

    private func sequenceCounts() throws -> [Int] { try counts("--sequences", of: sequences, in: 1...256) }

    private func counts(_ option: String, of text: String, in range: ClosedRange<Int>) throws -> [Int] {
        let counts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard counts.count <= 16, counts.allSatisfy(range.contains) else {
            throw ValidationError(
                "'\(option)' takes 1 to \(range.upperBound), or up to 16 such counts with commas between")
        }
        return counts
    }

    func run() async throws {
        let path = PeerPaths.absolute(model ?? PeerPaths.defaultModel)
        let line = ProgressLine()
        defer { line.clear() }
        let document = try await PeerBenchmark.run(
            modelPath: path, threads: threadCounts(), prefill: prefill, decode: decode, context: context,
            sequences: sequenceCounts(), cacheFormat: cache.cacheFormat
        ) { line.show($0, fraction: nil) }
        line.clear()
        try output.show(document, Views.bench(document))
    }
}
