extension Family {
    /// Llama 1 to 3, Mistral, SmolLM2 and whatever else was given their shape.
    ///
    /// Llama 3.1's scaled rotation comes as factors of the frequencies (`rope_freqs.weight`). Mistral 7B's first
    /// version has a window in all layers.
    static let llama = Family(architectures: ["llama", "mistral"]) { parameters throws(ModelFileError) in
        var attention = try parameters.attention(pairs: parameters.convention == .gguf ? .adjacent : .halves)
        attention.window = try parameters.window()
        attention.biases = .perhaps
        attention.outputBias = .perhaps
        let layer = LayerDescription(attention: attention, feedForward: try parameters.feedForward())
        return try parameters.model { _ in layer }
    }
}
