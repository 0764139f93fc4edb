/// How fast a wholly loaded model runs on this machine.
public struct EngineBenchmark {
    /// Feeds a prompt of arbitrary tokens, then decodes one token at a time, each through all blocks.
    ///
    /// - Returns: Tokens per second for both. The head is computed once for the prompt and for every decoded token;
    ///   neither sampling nor text is part of it.
    public static func run(
        model: BlockModel, prefill: Int = 512, decode: Int = 128
    ) throws -> (prefillTokensPerSecond: Double, decodeTokensPerSecond: Double) {
        let blocks = 0...model.hyperparameters.headBlock
        let cache = model.makeCache(blocks: blocks)
        let vocabulary = model.hyperparameters.vocabularySize
        func token(_ position: Int) -> Int32 { Int32((position * 7919 + 13) % vocabulary) }
        let clock = ContinuousClock()

        // The first run touches fresh memory; it is not counted.
        _ = try model.run(
            blocks: blocks, input: .tokens((0..<min(prefill, 16)).map(token)), firstPosition: 0, cache: cache,
            logits: .last)
        cache.reset()
        let prefillTime = try clock.measure {
            _ = try model.run(
                blocks: blocks, input: .tokens((0..<prefill).map(token)), firstPosition: 0, cache: cache, logits: .last)
        }
        cache.reset()
        _ = try model.run(blocks: blocks, input: .tokens([token(0)]), firstPosition: 0, cache: cache, logits: .last)
        let decodeTime = try clock.measure {
            for _ in 0..<max(decode, 0) {
                _ = try model.run(
                    blocks: blocks, input: .tokens([token(cache.length)]), firstPosition: cache.length, cache: cache,
                    logits: .last)
            }
        }
        return (Double(prefill) / (prefillTime / .seconds(1)), Double(decode) / (decodeTime / .seconds(1)))
    }
}
