extension Family {
    /// Qwen 2, 2.5 and 3, dense and with experts.
    ///
    /// Qwen 2 has biases on queries, keys and values; Qwen 3 has norms on queries and keys instead. In Qwen 2's
    /// mixture a shared expert stands beside the chosen ones, whose weights are taken as the softmax gives them; in
    /// Qwen 3's there is none, and the weights are made to sum to one.
    static let qwen = Family(architectures: ["qwen2", "qwen2moe", "qwen3", "qwen3moe"]) {
        parameters throws(ModelFileError) in
        let isThird = parameters.architecture.hasPrefix("qwen3")
        var attention = try parameters.attention(pairs: .halves)
        attention.window = try parameters.window()
        attention.biases = isThird ? .never : .always
        attention.hasQueryKeyNorms = isThird
        let feedForward =
            parameters.architecture.hasSuffix("moe") ? try experts(parameters) : try parameters.feedForward()
        let layer = LayerDescription(attention: attention, feedForward: feedForward)
        return try parameters.model { _ in layer }
    }

    private static func experts(_ parameters: ModelParameters) throws(ModelFileError) -> FeedForwardDescription {
        let isThird = parameters.architecture.hasPrefix("qwen3")
        let count = try parameters.count(.expertCount, in: 1...4096)
        let used = try parameters.count(.expertsUsed, in: 1...count)
        // Older files of Qwen 2 leave the experts' width to be the dense one's share.
        let dense = try parameters.count(.feedForwardWidth, in: 1...(1 << 20), otherwise: 0)
        let width = try parameters.count(
            .expertWidth, in: 1...(1 << 20), otherwise: isThird || dense == 0 ? nil : dense / used)
        var experts = Experts(count: count, used: used, width: width, areNormalised: isThird)
        let scale = try parameters.real(.expertScale, in: 0...1e3, otherwise: 1)
        experts.scale = scale == 0 ? 1 : scale
        experts.hasSharedGate = !isThird
        var feedForward = FeedForwardDescription(
            width: isThird ? 0 : try parameters.count(.sharedExpertWidth, in: 1...(1 << 20), otherwise: dense))
        feedForward.experts = experts
        return feedForward
    }
}
