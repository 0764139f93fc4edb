import CKernels

extension BlockModel {
    /// What a batch adds up to.
    struct BatchExtent {
        var count = 0
        /// Of the longest sequence.
        var context = 0
        var wantsLogits = false
    }

    /// Checks all that a run could stumble over, before anything is computed.
    func check(blocks: ClosedRange<Int>, batch: [BlockBatchItem]) throws -> BatchExtent {
        for block in [blocks.lowerBound, blocks.upperBound] where !(0..<hyperparameters.blockCount).contains(block) {
            throw EngineError.blockOutOfRange(block: block, blockCount: hyperparameters.blockCount)
        }
        guard blocks.allSatisfy(isLoaded) else {
            throw EngineError.blocksNotLoaded(blocks.filter { !isLoaded($0) })
        }
        var extent = BatchExtent()
        for index in batch.indices {
            let count = try check(batch[index].input, firstBlock: blocks.lowerBound)
            let cache = batch[index].cache
            let first = batch[index].firstPosition
            guard cache.blocks == blocks else {
                throw EngineError.cacheOfOtherBlocks(cache: cache.blocks, asked: blocks)
            }
            guard first == cache.length else {
                throw EngineError.positionMismatch(cacheLength: cache.length, firstPosition: first)
            }
            // Below the context length, so that the sum cannot overflow: count is that of an array.
            let end = first + count
            guard end <= hyperparameters.contextLength else {
                throw EngineError.contextExceeded(contextLength: hyperparameters.contextLength, needed: end)
            }
            guard cache.format == batch[0].cache.format else { throw EngineError.mixedCacheFormats }
            for other in 0..<index where batch[other].cache === cache { throw EngineError.cacheTwice }
            extent.count += count
            extent.context = max(extent.context, end)
            if batch[index].wanted == .last || batch[index].wanted == .all { extent.wantsLogits = true }
        }
        guard extent.count > 0 else { throw EngineError.noPositions }
        return extent
    }

    /// Checks what goes into the first block; returns how many positions there are.
    private func check(_ input: BlockInput, firstBlock: Int) throws -> Int {
        let count: Int
        switch input {
        case .tokens(let tokens):
            guard firstBlock == 0 else { throw EngineError.hiddenNeeded(firstBlock: firstBlock) }
            if let token = tokens.first(where: { $0 < 0 || Int($0) >= hyperparameters.vocabularySize }) {
                throw EngineError.tokenOutOfRange(token: token, vocabularySize: hyperparameters.vocabularySize)
            }
            count = tokens.count
        case .hidden(let bytes):
            guard firstBlock > 0 else { throw EngineError.tokensNeeded(firstBlock: firstBlock) }
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
}

extension BlockInput {
    func count(width: Int) -> Int {
        switch self {
        case .tokens(let tokens): tokens.count
        case .hidden(let bytes): bytes.count / (4 * width)
        }
    }
}
