/// What one transformer layer computes, as data. The forward pass interprets it (tk_layer in tk_forward.h has the
/// formulas); `ModelLayout` derives from it which tensors the layer has.
public struct LayerDescription: Sendable, Equatable {
    public var attention: AttentionDescription
    public var feedForward: FeedForwardDescription

    public init(attention: AttentionDescription, feedForward: FeedForwardDescription) {
        self.attention = attention
        self.feedForward = feedForward
    }
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

/// A mixture of experts: the router's softmax over all, the best few of them, and their weighted sum.
public struct Experts: Sendable, Equatable {
    public var count: Int
    /// How many each position goes to.
    public var used: Int
    /// Of each expert's inner layer.
    public var width: Int
    /// The chosen ones' weights are made to sum to one.
    public var areNormalised: Bool
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
