import CKernels

extension Hyperparameters {
    /// The shape as the kernels take it, or why they cannot.
    func engineShape() throws -> tk_shape {
        func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws {
            guard holds else { throw EngineError.unsupportedModel(reason: reason()) }
        }
        try require(architecture == "llama", "its architecture is \(architecture), not llama")
        // Far above any model of today, and low enough that no product below overflows.
        try require((1...4096).contains(layerCount), "it has \(layerCount) layers, not 1 to 4096")
        try require((32...65536).contains(embeddingWidth), "its width is \(embeddingWidth), not 32 to 65536")
        try require((32...1_048_576).contains(feedForwardWidth), "its feed-forward width is \(feedForwardWidth)")
        try require((1...1024).contains(headCount), "it has \(headCount) heads, not 1 to 1024")
        try require((16...1024).contains(headDimension), "its heads have \(headDimension) dimensions, not 16 to 1024")
        try require((1...16_777_216).contains(vocabularySize), "its vocabulary has \(vocabularySize) tokens")
        try require((1...1_048_576).contains(contextLength), "its context is \(contextLength) positions")
        try require(embeddingWidth % 32 == 0, "its width, \(embeddingWidth), is not a multiple of 32")
        try require(feedForwardWidth % 32 == 0, "its feed-forward width, \(feedForwardWidth), is not a multiple of 32")
        try require(headDimension % 16 == 0, "its head dimension, \(headDimension), is not a multiple of 16")
        let attended = headCount * headDimension
        try require(attended % 32 == 0, "its heads' dimensions in all, \(attended), are not a multiple of 32")
        try require(attended <= 65536, "its heads' dimensions in all, \(attended), are more than 65536")
        try require(
            (1...headCount).contains(keyValueHeadCount) && headCount % keyValueHeadCount == 0,
            "\(headCount) heads cannot share \(keyValueHeadCount) key-value heads evenly")
        try require(
            (2...headDimension).contains(ropeDimension) && ropeDimension % 2 == 0,
            "it rotates \(ropeDimension) dimensions of \(headDimension)")
        try require(ropeBase.isNormal && ropeBase > 0, "its rotary base is \(ropeBase)")
        try require(rmsEpsilon.isFinite && rmsEpsilon >= 0, "its norm's epsilon is \(rmsEpsilon)")
        return tk_shape(
            width: Int32(embeddingWidth), feed_forward: Int32(feedForwardWidth), heads: Int32(headCount),
            key_value_heads: Int32(keyValueHeadCount), head_dimension: Int32(headDimension),
            rope_dimension: Int32(ropeDimension), rope_base: ropeBase, rms_epsilon: rmsEpsilon)
    }
}
