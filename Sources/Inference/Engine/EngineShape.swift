import CKernels

/// A model's layers as the kernels take them.
struct EngineShape {
    let largest: tk_shape
    /// The different rotations of the layers.
    let rotaries: [Rotary]

    func rotary(of layer: LayerDescription) -> Int32 {
        Int32(layer.attention.flatMap { rotaries.firstIndex(of: $0.rotary) } ?? 0)
    }
}

private func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws(EngineError) {
    guard holds else { throw .unsupportedModel(reason: reason()) }
}

extension Hyperparameters {
    /// What the kernels need to know of the model, or why they cannot compute it. The bounds are far above any model of
    /// today, and low enough that no product of theirs overflows.
    func engineShape() throws(EngineError) -> EngineShape {
        try require((1...4096).contains(layerCount), "it has \(layerCount) layers, not 1 to 4096")
        try require((32...65536).contains(embeddingWidth), "its width is \(embeddingWidth), not 32 to 65536")
        try require(embeddingWidth % 32 == 0, "its width, \(embeddingWidth), is not a multiple of 32")
        try require((1...16_777_216).contains(vocabularySize), "its vocabulary has \(vocabularySize) tokens")
        try require(
            (1...1_048_576).contains(contextLength), "its context is \(contextLength) positions, not 1 to 1048576")
        try require(rmsEpsilon.isFinite && rmsEpsilon >= 0, "its norm's epsilon is \(rmsEpsilon)")
        for factor in [embeddingScale, residualScale, logitScale] {
            try require(factor.isNormal, "one of its scales is \(factor)")
        }
        try require(logitCap.isFinite && logitCap >= 0, "its logits are capped at \(logitCap)")
        var shape = tk_shape()
        shape.width = Int32(embeddingWidth)
        var rotaries: [Rotary] = []
        // Models have a few kinds of layers, and many of each.
        var seen: [LayerDescription] = []
        for layer in layers where !seen.contains(layer) {
            seen.append(layer)
            switch layer.mixer {
            case .attention(let attention):
                try attention.check()
                try attention.rotary.check(headDimension: attention.headDimension)
                if !rotaries.contains(attention.rotary) { rotaries.append(attention.rotary) }
            case .convolution(let convolution):
                try require(
                    (1...Int(TK_TAPS_MAX)).contains(convolution.length),
                    "its convolutions are \(convolution.length) positions long, not 1 to \(TK_TAPS_MAX)")
            }
            try layer.feedForward.check()
            shape.include(layer)
        }
        try require(rotaries.count <= 16, "it has \(rotaries.count) different rotations")
        return EngineShape(largest: shape, rotaries: rotaries)
    }
}

extension tk_shape {
    fileprivate mutating func include(_ layer: LayerDescription) {
        switch layer.mixer {
        case .attention(let attention):
            attended = max(attended, Int32(attention.queryWidth))
            projected = max(projected, Int32(attention.queryWidth + 2 * attention.keyValueWidth))
            heads = max(heads, Int32(attention.headCount))
            head_dimension = max(head_dimension, Int32(attention.headDimension))
        case .convolution:
            attended = max(attended, width)
            projected = max(projected, 3 * width)
        }
        let feedForward = layer.feedForward
        feed_forward = max(feed_forward, Int32(max(feedForward.width, feedForward.experts?.width ?? 0)))
        experts = max(experts, Int32(feedForward.experts?.count ?? 0))
        experts_used = max(experts_used, Int32(feedForward.experts?.used ?? 0))
    }
}

extension AttentionDescription {
    fileprivate func check() throws(EngineError) {
        try require((1...1024).contains(headCount), "it has \(headCount) heads, not 1 to 1024")
        try require((16...1024).contains(headDimension), "its heads have \(headDimension) dimensions, not 16 to 1024")
        try require(headDimension % 16 == 0, "its head dimension, \(headDimension), is not a multiple of 16")
        try require(queryWidth % 32 == 0, "its heads' dimensions in all, \(queryWidth), are not a multiple of 32")
        try require(queryWidth <= 65536, "its heads' dimensions in all, \(queryWidth), are more than 65536")
        try require(
            (1...headCount).contains(keyValueHeadCount) && headCount % keyValueHeadCount == 0,
            "\(headCount) heads cannot share \(keyValueHeadCount) key-value heads evenly")
        try require(window.map { $0 > 0 && $0 <= 1 << 30 } ?? true, "its window is \(window ?? 0) positions")
        try require(scoreScale.isNormal && scoreScale > 0, "its scores are scaled by \(scoreScale)")
        try require(scoreCap.isFinite && scoreCap >= 0, "its scores are capped at \(scoreCap)")
    }
}

extension FeedForwardDescription {
    fileprivate func check() throws(EngineError) {
        try require((32...1_048_576).contains(width) || experts != nil, "its feed-forward width is \(width)")
        try require((0...1_048_576).contains(width), "its feed-forward width is \(width)")
        try require(width % 32 == 0, "its feed-forward width, \(width), is not a multiple of 32")
        guard let experts else { return }
        try require(
            (1...Int(TK_EXPERTS_MAX)).contains(experts.count),
            "it has \(experts.count) experts, not 1 to \(TK_EXPERTS_MAX)")
        try require(experts.areSigmoid || !experts.hasRouterBias, "its router adds something to other than sigmoids")
        try require((1...min(experts.count, 64)).contains(experts.used), "\(experts.used) experts are to be used")
        try require(
            (32...65536).contains(experts.width) && experts.width % 32 == 0,
            "its experts' width, \(experts.width), is not a multiple of 32 up to 65536")
        try require(experts.scale.isNormal, "its experts' weights are scaled by \(experts.scale)")
        try require(!isFused, "its experts' gates and ups lie in one tensor")
    }
}
