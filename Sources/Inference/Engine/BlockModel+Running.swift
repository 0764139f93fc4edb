import CKernels

extension BlockModel {
    /// Takes consecutive positions of one sequence through consecutive blocks.
    ///
    /// - Returns: What was asked of the head where the range ends with it, else the hidden states of all positions.
    /// - Throws: As `run(blocks:batch:take:)`.
    public func run(
        blocks: ClosedRange<Int>, input: BlockInput, firstPosition: Int, cache: KeyValueCache, logits: HeadRequest
    ) throws -> BlockOutput {
        try run(
            blocks: blocks,
            batch: [BlockBatchItem(cache: cache, firstPosition: firstPosition, input: input, wanted: logits)])[0]
    }

    /// Takes positions of several sequences, pieces of prompts and single steps alike, through consecutive blocks at
    /// once.
    ///
    /// - Returns: For each item what was asked of the head where the range ends with it, else its hidden states.
    /// - Throws: As `run(blocks:batch:take:)`.
    public func run(blocks: ClosedRange<Int>, batch: [BlockBatchItem]) throws -> [BlockOutput] {
        let endsWithHead = blocks.contains(hyperparameters.headBlock)
        var rows: [[[Float]]] = .init(repeating: [], count: batch.count)
        var hidden: [[UInt8]] = .init(repeating: [], count: batch.count)
        if !endsWithHead {
            let each = hyperparameters.embeddingWidth
            for (index, item) in batch.enumerated() {
                hidden[index].reserveCapacity(4 * each * item.input.count(width: each))
            }
        }
        try run(blocks: blocks, batch: batch) { row in
            if endsWithHead {
                rows[row.item].append(Array(row.values))
            } else {
                hidden[row.item].append(contentsOf: UnsafeRawBufferPointer(row.values))
            }
        }
        return batch.indices.map { index in
            guard endsWithHead else { return .hidden(hidden[index]) }
            switch batch[index].wanted {
            case .none, .last, .all: return .logits(rows[index])
            case .states, .embedding: return .states(rows[index])
            }
        }
    }

    /// The same, handing each row of the output over as it is computed: a decoding step then allocates nothing.
    ///
    /// - Parameters:
    ///   - blocks: All of them must be loaded.
    ///   - batch: Afterwards the items' caches hold the new positions too; an error leaves their lengths as they were, or
    ///     less, where layers convolve and kept nothing of what lies before (`KeyValueCache.truncate`).
    ///   - take: Called for the rows of an item in the order of their positions.
    /// - Throws: `EngineError`, before anything has been computed; only a pool that is shut down meanwhile, after. And
    ///   whatever `take` throws.
    public func run(
        blocks: ClosedRange<Int>, batch: [BlockBatchItem], take: (BlockOutputRow) throws -> Void
    ) throws {
        let extent = try check(blocks: blocks, batch: batch)
        let width = hyperparameters.embeddingWidth
        let capacity = min(extent.count, Int(TK_BATCH_MAX))
        let logitRows = extent.wantsLogits ? (head?.kernelHead.matrix.groups ?? 0) * 16 : 0
        guard let workspace,
            tk_workspace_reserve(workspace, Int32(capacity), Int32(extent.context), logitRows)
        else { throw EngineError.outOfMemory(bytes: capacity * width * 32) }
        func end(of item: BlockBatchItem) -> Int { item.firstPosition + item.input.count(width: width) }
        do {
            for index in batch.indices { try batch[index].cache.reserve(positions: end(of: batch[index])) }
            for index in batch.indices { batch[index].cache.begin(positions: end(of: batch[index])) }
            try compute(blocks: blocks, batch: batch, in: workspace, take: take)
        } catch {
            for index in batch.indices { batch[index].cache.giveUp() }
            throw error
        }
        for index in batch.indices { batch[index].cache.advance(to: end(of: batch[index])) }
    }

    /// Stores the positions in pages that are there already.
    private func compute(
        blocks: ClosedRange<Int>, batch: [BlockBatchItem], in workspace: OpaquePointer,
        take: (BlockOutputRow) throws -> Void
    ) throws {
        let layerBlocks = layerBlocks(of: blocks)
        let layout = batch[0].cache.layout
        var output = RunOutput(self, workspace, endsWithHead: blocks.contains(hyperparameters.headBlock))
        var cursor = (item: 0, offset: 0)
        while cursor.item < batch.count {
            let start = cursor
            let segmentCount = fillSegments(batch, from: &cursor, hidden: tk_workspace_hidden(workspace))
            // One batch of the kernels at a time, so that another model on the same threads need not wait for a prompt.
            try pool.withThreads { threads in
                guard !layerBlocks.isEmpty else { return }
                tk_layers_run(
                    threads, workspace, layers.baseAddress! + (layerBlocks.lowerBound - 1), layout.slots.baseAddress,
                    Int32(layerBlocks.count), layout.format.kernelFormat, segments.baseAddress, Int32(segmentCount))
            }
            try output.hand(batch, from: start, segmentCount: segmentCount, to: take)
        }
    }

    /// Puts as many positions as the kernels take at once where they take them. Returns how many segments they make.
    private func fillSegments(
        _ batch: [BlockBatchItem], from cursor: inout (item: Int, offset: Int), hidden: UnsafeMutablePointer<Float>
    ) -> Int {
        let width = hyperparameters.embeddingWidth
        var (rows, count) = (0, 0)
        while cursor.item < batch.count, rows < Int(TK_BATCH_MAX) {
            let left = batch[cursor.item].input.count(width: width) - cursor.offset
            let part = cursor.offset..<cursor.offset + min(left, Int(TK_BATCH_MAX) - rows)
            fill(hidden + rows * width, from: batch[cursor.item].input, part)
            segments.initializeElement(
                at: count,
                to: tk_segment(
                    pages: batch[cursor.item].cache.pages,
                    first_position: Int32(batch[cursor.item].firstPosition + part.lowerBound),
                    count: Int32(part.count)))
            count += 1
            rows += part.count
            cursor = part.count == left ? (cursor.item + 1, 0) : (cursor.item, part.upperBound)
        }
        return count
    }

    /// Each row that is read brings its neighbours into memory, some 64 KiB.
    private static let embeddedBeforeRelease = 16

    private func fill(_ hidden: UnsafeMutablePointer<Float>, from input: BlockInput, _ part: Range<Int>) {
        let width = hyperparameters.embeddingWidth
        switch input {
        case .tokens(let tokens):
            guard let view = embedding?.view else { return }
            for index in part {
                tk_encoded_row(
                    Int32(view.type.rawValue), view.bytes.baseAddress, Int32(width), tokens[index],
                    hidden + (index - part.lowerBound) * width)
                embeddedTokens += 1
                if embeddedTokens == Self.embeddedBeforeRelease {
                    view.release(0..<view.bytes.count)
                    embeddedTokens = 0
                }
            }
            if hyperparameters.embeddingScale != 1 {
                tk_scale(hidden, part.count * width, hyperparameters.embeddingScale)
            }
        case .hidden(let bytes):
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawPointer(hidden).copyMemory(
                    from: source.baseAddress! + part.lowerBound * width * 4, byteCount: part.count * width * 4)
            }
        }
    }
}
