import CKernels

extension BlockModel {
    /// Takes consecutive positions through consecutive blocks.
    ///
    /// - Parameters:
    ///   - blocks: All of them must be loaded.
    ///   - input: Token ids when the range starts at block 0, else hidden states.
    ///   - firstPosition: Must be the cache's length: a hole in a cache gives fluent nonsense, not an error.
    ///   - cache: Made for the same blocks. Afterwards it holds the new positions too; an error leaves its
    ///     length as it was.
    ///   - logits: For which positions, when the range ends with the head.
    /// - Returns: Logits when the range ends with the head (none for `.none`), else the hidden states of all positions.
    /// - Throws: `EngineError`, before anything has been computed; only a pool that is shut down meanwhile, after.
    public func run(
        blocks: ClosedRange<Int>, input: BlockInput, firstPosition: Int, cache: KeyValueCache, logits: LogitsRequest
    ) throws -> BlockOutput {
        let count = try check(blocks: blocks, input: input)
        guard cache.blocks == blocks else { throw EngineError.cacheOfOtherBlocks(cache: cache.blocks, asked: blocks) }
        guard firstPosition == cache.length else {
            throw EngineError.positionMismatch(cacheLength: cache.length, firstPosition: firstPosition)
        }
        // Below the context length, so that the sum cannot overflow: count is that of an array.
        let end = firstPosition + count
        guard end <= hyperparameters.contextLength else {
            throw EngineError.contextExceeded(contextLength: hyperparameters.contextLength, needed: end)
        }
        let withHead = blocks.contains(hyperparameters.headBlock)
        let batch = min(count, Int(TK_BATCH_MAX))
        guard let workspace,
            tk_workspace_reserve(
                workspace, Int32(batch), Int32(end), withHead ? (head?.weights.matrix.groups ?? 0) * 16 : 0)
        else { throw EngineError.outOfMemory(bytes: batch * hyperparameters.feedForwardWidth * 32) }
        try cache.reserve(positions: end)

        var output = BlockOutputBuilder(
            model: self, workspace: workspace, count: count, wanted: withHead ? logits : nil)
        let layerBlocks = layerBlocks(of: blocks)
        for start in stride(from: 0, to: count, by: batch) {
            let part = start..<min(start + batch, count)
            try fill(tk_workspace_hidden(workspace), from: input, part)
            // Batch by batch, so that another model on the same threads need not wait for a whole prompt.
            try pool.withThreads { threads in
                if !layerBlocks.isEmpty, let layers {
                    var view = cache.view
                    tk_layers_run(
                        threads, workspace, layers.baseAddress! + (layerBlocks.lowerBound - 1),
                        Int32(layerBlocks.count),
                        &view, Int32(firstPosition + start), Int32(part.count))
                }
                output.take(part, threads: threads)
            }
        }
        cache.length = end
        return output.finish()
    }

    /// Checks all that does not depend on the cache; returns how many positions come in.
    private func check(blocks: ClosedRange<Int>, input: BlockInput) throws -> Int {
        for block in [blocks.lowerBound, blocks.upperBound] where !(0..<hyperparameters.blockCount).contains(block) {
            throw EngineError.blockOutOfRange(block: block, blockCount: hyperparameters.blockCount)
        }
        var missing = layerBlocks(of: blocks).filter { layerMemory[$0] == nil }
        if blocks.contains(0), embedding == nil { missing.insert(0, at: 0) }
        if blocks.contains(hyperparameters.headBlock), head == nil { missing.append(hyperparameters.headBlock) }
        guard missing.isEmpty else { throw EngineError.blocksNotLoaded(missing) }

        let count: Int
        switch input {
        case .tokens(let tokens):
            guard blocks.lowerBound == 0 else { throw EngineError.hiddenNeeded(firstBlock: blocks.lowerBound) }
            if let token = tokens.first(where: { $0 < 0 || Int($0) >= hyperparameters.vocabularySize }) {
                throw EngineError.tokenOutOfRange(token: token, vocabularySize: hyperparameters.vocabularySize)
            }
            count = tokens.count
        case .hidden(let bytes):
            guard blocks.lowerBound > 0 else { throw EngineError.tokensNeeded(firstBlock: blocks.lowerBound) }
            let each = 4 * hyperparameters.embeddingWidth
            guard bytes.count % each == 0 else {
                throw EngineError.hiddenSize(bytes: bytes.count, bytesPerPosition: each)
            }
            guard bytes.withUnsafeBytes({ tk_all_finite($0.baseAddress, bytes.count / 4) }) else {
                throw EngineError.hiddenNotFinite
            }
            count = bytes.count / each
        }
        guard count > 0 else { throw EngineError.noPositions }
        return count
    }

    /// Puts the hidden states of some of the input's positions where the kernels take them.
    private func fill(_ hidden: UnsafeMutablePointer<Float>?, from input: BlockInput, _ part: Range<Int>) throws {
        guard let hidden else { throw EngineError.outOfMemory(bytes: 0) }
        let width = hyperparameters.embeddingWidth
        switch input {
        case .tokens(let tokens):
            guard let view = embedding?.view else { throw EngineError.blocksNotLoaded([0]) }
            for (row, index) in part.enumerated() {
                tk_encoded_row(
                    Int32(view.type.rawValue), view.bytes.baseAddress, Int32(width), tokens[index], hidden + row * width
                )
            }
        case .hidden(let bytes):
            bytes.withUnsafeBytes { source in
                let slice = UnsafeRawBufferPointer(
                    rebasing: source[part.lowerBound * width * 4..<part.upperBound * width * 4])
                UnsafeMutableRawPointer(hidden).copyMemory(from: slice.baseAddress!, byteCount: slice.count)
            }
        }
    }
}

/// Collects what leaves the last block, batch by batch.
private struct BlockOutputBuilder {
    let model: BlockModel
    let workspace: OpaquePointer
    let count: Int
    /// Nil when the range ends before the head.
    let wanted: LogitsRequest?
    private var hidden: [UInt8] = []
    private var rows: [[Float]] = []

    init(model: BlockModel, workspace: OpaquePointer, count: Int, wanted: LogitsRequest?) {
        self.model = model
        self.workspace = workspace
        self.count = count
        self.wanted = wanted
        if wanted == nil { hidden.reserveCapacity(count * model.hyperparameters.embeddingWidth * 4) }
    }

    /// Takes the batch that lies in the workspace, the positions `part` of the whole.
    mutating func take(_ part: Range<Int>, threads: OpaquePointer) {
        switch wanted {
        case nil:
            let bytes = part.count * model.hyperparameters.embeddingWidth * 4
            hidden.append(contentsOf: UnsafeRawBufferPointer(start: tk_workspace_hidden(workspace), count: bytes))
        case .some(.none): break
        case .some(.last): if part.upperBound == count { runHead(part.count - 1..<part.count, threads: threads) }
        case .some(.all): runHead(0..<part.count, threads: threads)
        }
    }

    private mutating func runHead(_ positions: Range<Int>, threads: OpaquePointer) {
        guard let head = model.head else { return }
        var matrix = head.weights.matrix
        let stride = Int(matrix.groups) * 16
        let size = model.hyperparameters.vocabularySize
        let step = Int(TK_HEAD_BATCH_MAX)
        for first in Swift.stride(from: positions.lowerBound, to: positions.upperBound, by: step) {
            let many = min(step, positions.upperBound - first)
            tk_head_run(threads, workspace, head.norm, &matrix, Int32(first), Int32(many))
            guard let logits = tk_workspace_logits(workspace) else { return }
            for row in 0..<many {
                rows.append(Array(UnsafeBufferPointer(start: logits + row * stride, count: size)))
            }
        }
    }

    func finish() -> BlockOutput { wanted == nil ? .hidden(hidden) : .logits(rows) }
}
