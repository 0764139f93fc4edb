import ArgumentParser
import Peer

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure tokens per second on this machine, and what the chain adds per hop.")

    @Option(
        help: ArgumentHelp("A model in GGUF. (default: the one that tools/quickstart fetches)", valueName: "file"))
    var model: String?
    @Option(help: "Compute threads. (default: one for each core)")
    var threads: Int?
    @Option(help: ArgumentHelp("Tokens of the prompt.", valueName: "tokens"))
    var prefill = 512
    @Option(help: ArgumentHelp("Tokens of the answer.", valueName: "tokens"))
    var decode = 128
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("'--threads' takes 1 to 1024") }
        guard (1...1_000_000).contains(prefill) else { throw ValidationError("'--prefill' takes 1 to 1000000") }
        guard (1...1_000_000).contains(decode) else { throw ValidationError("'--decode' takes 1 to 1000000") }
    }

    func run() async throws {
        let path = PeerPaths.absolute(model ?? PeerPaths.defaultModel)
        let document = try await PeerBenchmark.run(modelPath: path, threads: threads, prefill: prefill, decode: decode)
        try output.show(document, Views.bench(document))
    }
}
