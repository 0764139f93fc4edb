/// Rotary position embeddings of one layer.
public struct Rotary: Sendable, Equatable {
    /// Which two dimensions of a head turn together.
    public enum Pairs: Sendable, Equatable {
        /// 2i and 2i + 1: how GGUF files store the heads of Llama.
        case adjacent
        /// i and i + dimension / 2: "neox", how everyone else stores them.
        case halves
    }

    /// How a model reaches further than it was first trained for.
    public enum Scaling: Sendable, Equatable {
        case none
        case linear(factor: Float)
        /// A larger base instead: base * factor^(d / (d - 2)).
        case ntk(factor: Float)
        /// `slow` and `fast`: turns within the original context below and above which a pair is divided and is not.
        case yarn(factor: Float, originalContext: Float, slow: Float, fast: Float)
        /// `low` and `high`: wavelengths, as fractions of the original context, beyond and below which the same holds.
        case llama3(factor: Float, originalContext: Float, low: Float, high: Float)
    }

    /// How many dimensions of each head are rotated, the first ones.
    public var dimension: Int
    public var base: Float
    public var pairs: Pairs
    public var scaling = Scaling.none
    /// What rotated queries and keys are multiplied with.
    public var magnitude: Float = 1
    /// A number for each pair, which its frequency is divided by.
    public var divisors: [Float]?

    public init(dimension: Int, base: Float, pairs: Pairs) {
        self.dimension = dimension
        self.base = base
        self.pairs = pairs
    }
}
