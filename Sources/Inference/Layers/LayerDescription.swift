/// What one transformer layer computes, as data. The forward pass interprets it (tk_layer in tk_forward.h has the
/// formulas); `ModelLayout` derives from it which tensors the layer has.
public struct LayerDescription: Sendable, Equatable {
    public var mixer: Mixer
    public var feedForward: FeedForwardDescription

    public init(mixer: Mixer, feedForward: FeedForwardDescription) {
        self.mixer = mixer
        self.feedForward = feedForward
    }

    public init(attention: AttentionDescription, feedForward: FeedForwardDescription) {
        self.init(mixer: .attention(attention), feedForward: feedForward)
    }

    /// Nil where the layer has none. Attention can be given to a layer, and not be taken away.
    public var attention: AttentionDescription? {
        get { if case .attention(let attention) = mixer { attention } else { nil } }
        set { if let newValue { mixer = .attention(newValue) } }
    }

    /// How many positions one sees in this layer, its own included; nil: all.
    public var window: Int? {
        switch mixer {
        case .attention(let attention): attention.window
        case .convolution(let convolution): convolution.length
        }
    }
}

/// The half of a layer in which a position's state comes to know of those before it.
public enum Mixer: Sendable, Equatable {
    case attention(AttentionDescription)
    case convolution(ShortConvolution)
}

/// A gated convolution over the last few positions, by channel: c * convolution(b * v), where b, c and v come from one
/// matrix. Its state, b * v of those positions, is kept in the cache as keys and values of a layer with a window are.
public struct ShortConvolution: Sendable, Equatable {
    /// How many positions it sees, its own included.
    public var length: Int

    public init(length: Int) { self.length = length }
}

/// Whether a layer has a tensor.
public enum Presence: Sendable, Equatable {
    case never
    case always
    /// Computed with where the file has it: some models of a family do.
    case perhaps
}

public struct AttentionDescription: Sendable, Equatable {
    public var headCount: Int
    /// Heads share keys and values in groups of equal size.
    public var keyValueHeadCount: Int
    /// Dimensions of a query, key and value; not always width / heads.
    public var headDimension: Int
    /// What the products of query and key are multiplied with; usually one over the root of the dimension.
    public var scoreScale: Float
    /// Scores become cap * tanh(score / cap); 0: they stay.
    public var scoreCap: Float = 0
    /// How many positions a query sees, its own included; nil: all.
    public var window: Int?
    public var rotary: Rotary
    /// Query, key and value matrices lie in one tensor, one after the other.
    public var isFused = false
    /// Queries and keys are normalised, head by head, before they are rotated.
    public var hasQueryKeyNorms = false
    /// Of queries, keys and values.
    public var biases = Presence.never
    public var outputBias = Presence.never
    public var hasPreNorm = true
    public var hasPostNorm = false

    public init(
        headCount: Int, keyValueHeadCount: Int, headDimension: Int, rotary: Rotary, biases: Presence = .never,
        outputBias: Presence = .never
    ) {
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.scoreScale = 1 / Float(headDimension).squareRoot()
        self.rotary = rotary
        self.biases = biases
        self.outputBias = outputBias
    }

    var queryWidth: Int { headCount * headDimension }
    var keyValueWidth: Int { keyValueHeadCount * headDimension }
}

public struct FeedForwardDescription: Sendable, Equatable {
    public enum Activation: Sendable, Equatable {
        case silu
        /// In its form with tanh.
        case gelu
    }

    /// Of the inner layer; beside experts, of the shared one, and 0 where there is none.
    public var width: Int
    public var activation = Activation.silu
    /// down(activation(gate x) * up x) rather than down(activation(up x)).
    public var isGated = true
    /// Gate and up lie in one tensor, one after the other.
    public var isFused = false
    public var hasPreNorm = true
    public var hasPostNorm = false
    public var experts: Experts?

    public init(width: Int) { self.width = width }
}

/// A mixture of experts: the router's weights of all, the best few of them, and their weighted sum.
public struct Experts: Sendable, Equatable {
    public var count: Int
    /// How many each position goes to.
    public var used: Int
    /// Of each expert's inner layer.
    public var width: Int
    /// The chosen ones' weights are made to sum to one.
    public var areNormalised: Bool
    /// A weight is the sigmoid of the router's logit, rather than the softmax over all.
    public var areSigmoid = false
    /// Something is added to the sigmoids where the best are chosen, and only there.
    public var hasRouterBias = false
    /// What the weights are multiplied with.
    public var scale: Float = 1
    /// The shared expert counts with the sigmoid of a product of its own, rather than with one.
    public var hasSharedGate = false

    public init(count: Int, used: Int, width: Int, areNormalised: Bool) {
        self.count = count
        self.used = used
        self.width = width
        self.areNormalised = areNormalised
    }
}
