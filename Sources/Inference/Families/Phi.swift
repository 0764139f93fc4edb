extension Family {
    /// Phi 3, 3.5 and 4.
    ///
    /// Query, key and value lie in one tensor, gate and up in another. Models for long contexts divide their rotary
    /// frequencies by one of two sets of factors (LongRoPE), for contexts up to the original length and beyond. Which
    /// one is a matter of the model's context length and never of how long a conversation is: a key is rotated once,
    /// and stays.
    static let phi = Family(architectures: ["phi3"]) { parameters throws(ModelFileError) in
        var attention = try parameters.attention(pairs: .halves)
        attention.isFused = true
        attention.window = try parameters.window()
        let context = try parameters.count(.contextLength, in: 1...(1 << 26))
        let original = try parameters.count(.ropeOriginalContext, in: 1...(1 << 26), otherwise: context)
        let isLong = context > original
        if let divisors = parameters.tensors[isLong ? .ropeDivisorsLong : .ropeDivisorsShort] {
            attention.rotary.divisors = try parameters.checked(divisors, for: attention.rotary.dimension)
            if isLong, try parameters.source.real(.ropeMagnitude) == nil {
                attention.rotary.magnitude = Rotary.longRopeMagnitude(
                    factor: Float(context) / Float(original), originalContext: Float(original))
            }
        } else if try parameters.source.string(.ropeScaling) == "longrope" {
            throw .missing(what: "tensor \((isLong ? ModelTensor.ropeDivisorsLong : .ropeDivisorsShort).rawValue)")
        }
        var feedForward = try parameters.feedForward()
        feedForward.isFused = true
        let layer = LayerDescription(attention: attention, feedForward: feedForward)
        return try parameters.model { _ in layer }
    }
}
