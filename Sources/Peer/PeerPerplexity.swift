import Foundation
import Inference
import Wire

/// What `tiktrue perplexity` measures on this machine, with nobody else involved.
public enum PeerPerplexity {
    /// Texts beyond this are refused: their tokens are held in memory, and they would take days.
    private static let textBytesMax = 256 << 20

    /// - Parameters:
    ///   - textPath: a file of text, of whatever bytes.
    ///   - context: tokens of a window; nil for 512, or the model's context where that is shorter.
    ///   - cacheFormat: how keys and values are kept, one of `ControlWords.cacheFormats`.
    ///   - progress: is told which share is done.
    public static func run(
        modelPath: String, textPath: String, context: Int?, threads: Int?, cacheFormat: String,
        progress: (Double) throws -> Void
    ) throws -> PerplexityDocument {
        let format = try CacheFormat(named: cacheFormat)
        let text = try text(at: textPath)
        let whole = try WholeModel(path: modelPath, threads: threads)
        let tokenizer = try ModelMetadata(whole.file).tokenizer
        let window = context ?? min(512, whole.file.hyperparameters.contextLength)
        let clock = ContinuousClock()
        let start = clock.now
        let result = try Perplexity.measure(
            model: whole.model, tokenizer: tokenizer, text: text, context: window, format: KeyValueFormat(format),
            progress: progress)
        return PerplexityDocument(
            model: PeerPaths.modelName(forFile: modelPath), threads: whole.pool.threadCount, context: window,
            cacheFormat: format.description, perplexity: result.perplexity, standardError: result.standardError,
            tokens: result.tokenCount, scoredTokens: result.scoredCount, windows: result.windowCount,
            seconds: (clock.now - start) / .seconds(1))
    }

    private static func text(at path: String) throws -> [UInt8] {
        guard let file = fopen(path, "rbe") else {
            throw ServiceFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            text.append(contentsOf: buffer[..<count])
            guard text.count <= textBytesMax else {
                throw ServiceFailure("\(path) is larger than \(textBytesMax >> 20) MiB; give a part of it")
            }
            if count > 0 { continue }
            guard ferror(file) == 0 else {
                throw ServiceFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            return text
        }
    }
}
