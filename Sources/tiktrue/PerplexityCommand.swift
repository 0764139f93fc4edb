import ArgumentParser
import Peer

struct PerplexityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity", abstract: "Measure how well a model foretells a text.",
        discussion: """
            The text is cut into windows of --context tokens; of each, the second half counts. The lower the figure, the \
            better the model knew what comes next. Reckoned as llama.cpp does it, so that figures compare.
            """)

    @Argument(help: ArgumentHelp("A file of text.", valueName: "file"))
    var file: String
    @Option(
        help: ArgumentHelp(
            "A model in GGUF, or a directory of safetensors. (default: the one that tools/quickstart fetches)",
            valueName: "file"))
    var model: String?
    @Option(help: ArgumentHelp("Tokens of a window. (default: 512)", valueName: "tokens"))
    var context: Int?
    @Option(help: "Compute threads. (default: one for each core)")
    var threads: Int?
    @OptionGroup var cache: CacheOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("'--threads' takes 1 to 1024") }
        if let context, !(2...1_048_576).contains(context) {
            throw ValidationError("'--context' takes 2 to 1048576")
        }
    }

    func run() async throws {
        let line = ProgressLine()
        line.show("Loading the model ...", fraction: nil)
        defer { line.clear() }
        let document = try PeerPerplexity.run(
            modelPath: PeerPaths.absolute(model ?? PeerPaths.defaultModel), textPath: PeerPaths.absolute(file),
            context: context, threads: threads, cacheFormat: cache.cacheFormat
        ) { line.show("Computing", fraction: $0) }
        line.clear()
        try output.show(document, Views.perplexity(document))
    }
}
