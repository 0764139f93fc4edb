/// What must be known of a model to compute any of its blocks.
///
/// Blocks are numbered along the chain: block 0 is the embedding, blocks 1 to `layerCount` are the transformer layers, and
/// block `layerCount + 1` is the output norm and head.
public struct Hyperparameters: Sendable, Equatable {
    public var architecture: String
    public var layerCount: Int
    public var embeddingWidth: Int
    public var feedForwardWidth: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    public var headDimension: Int
    /// How many dimensions of each head are rotated.
    public var ropeDimension: Int
    public var ropeBase: Float
    public var rmsEpsilon: Float
    public var vocabularySize: Int
    /// Positions the model was trained for.
    public var contextLength: Int
    /// The head multiplies with the embedding matrix where the file has no matrix of its own for it.
    public var tiedEmbeddings: Bool

    public init(
        architecture: String, layerCount: Int, embeddingWidth: Int, feedForwardWidth: Int, headCount: Int,
        keyValueHeadCount: Int, headDimension: Int, ropeDimension: Int, ropeBase: Float, rmsEpsilon: Float,
        vocabularySize: Int, contextLength: Int, tiedEmbeddings: Bool
    ) {
        self.architecture = architecture
        self.layerCount = layerCount
        self.embeddingWidth = embeddingWidth
        self.feedForwardWidth = feedForwardWidth
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.ropeDimension = ropeDimension
        self.ropeBase = ropeBase
        self.rmsEpsilon = rmsEpsilon
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.tiedEmbeddings = tiedEmbeddings
    }

    public var blockCount: Int { layerCount + 2 }
    public var headBlock: Int { layerCount + 1 }
    /// Bytes of key and value kept per position and transformer layer, in single precision.
    public var keyValueBytesPerPositionAndLayer: Int { 2 * keyValueHeadCount * headDimension * 4 }
}
