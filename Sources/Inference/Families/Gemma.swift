extension Family {
    /// Gemma 2 and 3.
    ///
    /// Embeddings are scaled by the root of the width, both halves of a layer have a norm before and after, and the
    /// activation is GELU. Gemma 2 caps scores and logits and gives every other layer a window; Gemma 3 has norms on
    /// queries and keys, and all layers but each sixth have a window and a rotation of their own, which is never
    /// scaled.
    static let gemma = Family(architectures: ["gemma2", "gemma3"]) { parameters throws(ModelFileError) in
        let isThird = parameters.architecture == "gemma3"
        let layerCount = try parameters.count(.layerCount, in: 1...1024)
        var global = try parameters.attention(pairs: .halves)
        global.hasPostNorm = true
        global.hasQueryKeyNorms = isThird
        // The models of 27 billion parameters scale by width / heads. Their files do not say so.
        if layerCount == (isThird ? 62 : 46) {
            let width = try parameters.count(.embeddingWidth, in: 1...65536)
            global.scoreScale = 1 / (Float(width) / Float(global.headCount)).squareRoot()
        }
        if !isThird { global.scoreCap = try parameters.real(.scoreCap, in: 0...1e6, otherwise: 50) }
        var local = global
        local.window = try parameters.window(otherwise: isThird ? 512 : 4096)
        if isThird {
            local.rotary = Rotary(
                dimension: global.rotary.dimension,
                base: try parameters.real(.localRopeBase, in: 1...1e12, otherwise: 10000), pairs: .halves)
        }
        var feedForward = try parameters.feedForward()
        feedForward.activation = .gelu
        feedForward.hasPostNorm = true
        let (globalLayer, localLayer) = (
            LayerDescription(attention: global, feedForward: feedForward),
            LayerDescription(attention: local, feedForward: feedForward)
        )
        let period = isThird ? 6 : 2
        var model = try parameters.model { ($0 + 1) % period == 0 ? globalLayer : localLayer }
        model.embeddingScale = Float(model.embeddingWidth).squareRoot()
        model.normWeightsLessOne = parameters.convention == .transformers
        model.logitCap = try parameters.real(.logitCap, in: 0...1e6, otherwise: isThird ? 0 : 30)
        return model
    }
}
