import CKernels

/// What `BlockModel.run` computes from.
public enum BlockInput: Sendable {
    /// Token ids, one per position, for ranges that start at block 0.
    case tokens([Int32])
    /// Hidden states, positions x embedding width, as raw little-endian single-precision values.
    case hidden([UInt8])
}

/// For which positions the head's logits are wanted.
public enum LogitsRequest: Sendable {
    case none
    case last
    case all
}

/// What `BlockModel.run` computed.
public enum BlockOutput: Sendable, Equatable {
    /// Hidden states in the form of `BlockInput.hidden`.
    case hidden([UInt8])
    /// One row of vocabulary size per position asked for.
    case logits([[Float]])
}

/// The weights of whichever blocks of one model are loaded on this peer, and the arithmetic on them.
///
/// Block 0 is the embedding, blocks 1 to L are the transformer layers, block L + 1 is the output norm and head. A
/// position's result is the same bits however many positions are computed together, in whichever ranges, by however
/// many threads and with whichever instruction set.
///
/// Confined to one thread at a time. Two models may share a pool; they then take turns.
public final class BlockModel {
    public let hyperparameters: Hyperparameters
    let pool: ComputePool
    let instructionSet: InstructionSet

    var workspace: OpaquePointer?
    // Entry i holds layer i + 1 while that block is loaded; the kernels walk it as an array.
    var layers: UnsafeMutableBufferPointer<tk_layer>?
    var layerMemory: [Int: WeightMemory] = [:]
    /// As it lies in the file: only the rows of tokens in use are ever read, so it takes next to no memory.
    var embedding: CheckedTensor?
    var head: (norm: UnsafePointer<Float>, normMemory: WeightMemory, weights: PackedMatrix)?

    /// - Parameters:
    ///   - hyperparameters: From the model file; checked when the first block is loaded.
    ///   - pool: The threads that compute.
    public convenience init(hyperparameters: Hyperparameters, pool: ComputePool) {
        self.init(hyperparameters: hyperparameters, pool: pool, instructionSet: .best)
    }

    /// With a given instruction set; where the machine does not have it, with its best.
    public init(hyperparameters: Hyperparameters, pool: ComputePool, instructionSet: InstructionSet) {
        self.hyperparameters = hyperparameters
        self.pool = pool
        self.instructionSet = instructionSet
    }

    deinit {
        if let workspace { tk_workspace_destroy(workspace) }
        layers?.deallocate()
    }

    /// The blocks that are loaded, ascending.
    public var loadedBlocks: [Int] {
        (embedding == nil ? [] : [0]) + layerMemory.keys.sorted() + (head == nil ? [] : [hyperparameters.headBlock])
    }

    /// Bytes taken by the weights that are loaded and by the buffers of the computation; caches not counted.
    public var residentBytes: Int {
        var bytes = layerMemory.values.reduce(0) { $0 + $1.byteCount }
        if let head { bytes += head.normMemory.byteCount + head.weights.memory.byteCount }
        if let workspace { bytes += tk_workspace_bytes(workspace) }
        return bytes
    }

    /// Bytes of the loaded layers' and the head's weights, all of which each decoded token reads.
    public var weightBytes: Int {
        layerMemory.values.reduce(0) { $0 + $1.byteCount } + (head?.weights.memory.byteCount ?? 0)
    }

    /// An empty cache for sequences through `blocks`.
    public func makeCache(blocks: ClosedRange<Int>) -> KeyValueCache {
        // A model whose parameters the engine refuses never loads a block, so its caches are never used.
        let layerFloats = (try? hyperparameters.engineShape()).map { withUnsafePointer(to: $0, tk_page_layer_floats) }
        return KeyValueCache(
            blocks: blocks, layerCount: layerBlocks(of: blocks).count, layerBytesPerPage: 4 * (layerFloats ?? 0),
            contextLength: layerFloats == nil ? 1 : hyperparameters.contextLength)
    }

    /// Those of the blocks that are transformer layers; empty where there are none.
    func layerBlocks(of blocks: ClosedRange<Int>) -> Range<Int> {
        let first = max(blocks.lowerBound, 1)
        return first..<max(first, min(blocks.upperBound, hyperparameters.layerCount) + 1)
    }
}
