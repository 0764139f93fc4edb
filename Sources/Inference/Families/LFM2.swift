extension Family {
    /// LFM2 of Liquid AI, dense and with experts.
    ///
    /// Most layers have a short convolution in the place of attention: those for which the file gives no key-value
    /// heads. Attention has norms on queries and keys. The experts of all but the first layers are weighed by the
    /// sigmoids of their logits; a bias takes part in choosing them, not in their weights, which are made to sum to one.
    static let lfm2 = Family(architectures: ["lfm2", "lfm2moe"]) { parameters throws(ModelFileError) in
        let layerCount = try parameters.count(.layerCount, in: 1...1024)
        let keyValueHeads = try keyValueHeads(parameters, layerCount: layerCount)
        let convolution = ShortConvolution(length: try parameters.count(.convolutionLength, in: 2...16))
        let window = try parameters.window()
        let dense = try parameters.feedForward()
        let hasExperts = parameters.architecture == "lfm2moe"
        let denseLayers =
            hasExperts ? try parameters.count(.denseLayers, in: 0...layerCount, otherwise: 0) : layerCount
        let sparse = denseLayers < layerCount ? try experts(parameters) : dense
        var model = try parameters.model { index throws(ModelFileError) in
            let feedForward = index < denseLayers ? dense : sparse
            guard keyValueHeads[index] > 0 else {
                return LayerDescription(mixer: .convolution(convolution), feedForward: feedForward)
            }
            var attention = try parameters.attention(pairs: .halves, keyValueHeads: keyValueHeads[index])
            attention.hasQueryKeyNorms = true
            attention.window = window
            return LayerDescription(attention: attention, feedForward: feedForward)
        }
        model.outputNormTensor = "token_embd_norm.weight"
        return model
    }

    private static func keyValueHeads(
        _ parameters: ModelParameters, layerCount: Int
    ) throws(ModelFileError) -> [Int] {
        guard let each = try parameters.source.integers(.keyValueHeadCount) else {
            throw .missing(what: "\(parameters.source.name(of: .keyValueHeadCount)) for each layer")
        }
        guard each.count == layerCount, each.allSatisfy({ (0...1024).contains($0) }) else {
            throw parameters.implausible(
                .keyValueHeadCount, "\(each.count) numbers", "\(layerCount) from 0 to 1024")
        }
        return each.map { Int($0) }
    }

    private static func experts(_ parameters: ModelParameters) throws(ModelFileError) -> FeedForwardDescription {
        let gating = try parameters.count(.expertGating, in: 0...100)
        guard gating == 2 else { throw .unsupported(what: "experts weighed by the method \(gating)") }
        let count = try parameters.count(.expertCount, in: 1...4096)
        var experts = Experts(
            count: count, used: try parameters.count(.expertsUsed, in: 1...count),
            width: try parameters.count(.expertWidth, in: 1...(1 << 20)), areNormalised: true)
        experts.areSigmoid = true
        experts.hasRouterBias = true
        let scale = try parameters.real(.expertScale, in: 0...1e3, otherwise: 1)
        experts.scale = scale == 0 ? 1 : scale
        var feedForward = FeedForwardDescription(width: 0)
        feedForward.experts = experts
        return feedForward
    }
}
