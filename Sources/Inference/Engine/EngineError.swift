/// Why blocks could not be loaded or computed.
public enum EngineError: Error, Equatable, Sendable {
    /// The model's shape is one that the engine does not compute.
    case unsupportedModel(reason: String)
    case blockOutOfRange(block: Int, blockCount: Int)
    case tensorMissing(name: String)
    case tensorType(name: String, expected: String, found: String)
    case tensorShape(name: String, expected: [Int], found: [Int])
    case tensorSize(name: String, expected: Int, found: Int)
    case outOfMemory(bytes: Int)
    case poolIsShutDown
    case blocksNotLoaded([Int])
    case cacheOfOtherBlocks(cache: ClosedRange<Int>, asked: ClosedRange<Int>)
    case positionMismatch(cacheLength: Int, firstPosition: Int)
    case contextExceeded(contextLength: Int, needed: Int)
    case noPositions
    case tokensNeeded(firstBlock: Int)
    case hiddenNeeded(firstBlock: Int)
    case tokenOutOfRange(token: Int32, vocabularySize: Int)
    case hiddenSize(bytes: Int, bytesPerPosition: Int)
    case hiddenNotFinite
    case logitsNotFinite
    case cacheTwice
    case mixedCacheFormats
    case instructionsUnavailable(name: String, available: [String])
}

extension EngineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .instructionsUnavailable(let name, let available):
            "TIKTRUE_INSTRUCTIONS is \"\(name)\", which this machine cannot run; it can run \(available.joined(separator: ", "))."
        case .unsupportedModel(let reason):
            "The model cannot be computed: \(reason); choose another model."
        case .blockOutOfRange(let block, let count):
            "Block \(block) does not exist: the model has blocks 0 to \(count - 1)."
        case .tensorMissing(let name):
            "The model file has no tensor \(name); it is damaged or of another architecture."
        case .tensorType(let name, let expected, let found):
            "Tensor \(name) is \(found) where \(expected) is needed."
        case .tensorShape(let name, let expected, let found):
            "Tensor \(name) has the shape \(found) where \(expected) is expected from the model's parameters."
        case .tensorSize(let name, let expected, let found):
            "Tensor \(name) has \(found) bytes where \(expected) are expected from its type and shape."
        case .outOfMemory(let bytes):
            "No memory for another \(bytes) bytes; free some, or hold fewer blocks here."
        case .poolIsShutDown:
            "The compute threads have been shut down, or could not be started."
        case .blocksNotLoaded(let blocks):
            "Blocks \(blocks) are not loaded on this peer."
        case .cacheOfOtherBlocks(let cache, let asked):
            "The cache was made for blocks \(cache), so it cannot serve blocks \(asked)."
        case .positionMismatch(let length, let first):
            "The cache holds \(length) positions, so position \(first) cannot come next."
        case .contextExceeded(let length, let needed):
            "The model's context of \(length) positions does not hold the \(needed) that are needed."
        case .noPositions:
            "There is no position to compute."
        case .tokensNeeded(let block):
            "Block \(block) takes token ids, not hidden states."
        case .hiddenNeeded(let block):
            "Block \(block) takes hidden states, not token ids."
        case .tokenOutOfRange(let token, let size):
            "Token \(token) is outside the vocabulary of \(size)."
        case .hiddenSize(let bytes, let each):
            "\(bytes) bytes of hidden states are not a whole number of positions of \(each) bytes."
        case .hiddenNotFinite:
            "A hidden state holds an infinity or no number; whoever computed it went wrong."
        case .logitsNotFinite:
            "The model computes infinities or what is no number; its weights are damaged."
        case .cacheTwice:
            "Two items of a batch have the same cache; put their positions into one item."
        case .mixedCacheFormats:
            "The caches of a batch keep keys and values in different formats."
        }
    }
}
