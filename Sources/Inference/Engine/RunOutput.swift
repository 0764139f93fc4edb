import CKernels

/// Hands over what leaves the last block, one batch of the kernels after the other.
struct RunOutput {
    private let model: BlockModel
    private let workspace: OpaquePointer
    private let endsWithHead: Bool
    /// Of the item whose embedding is the mean of its states, over those of its positions that have been computed.
    private var sum: [Float] = []

    init(_ model: BlockModel, _ workspace: OpaquePointer, endsWithHead: Bool) {
        self.model = model
        self.workspace = workspace
        self.endsWithHead = endsWithHead
    }

    /// - Parameters:
    ///   - start: Which item, and which of its positions, the first row of the kernels' batch is.
    mutating func hand(
        _ batch: [BlockBatchItem], from start: (item: Int, offset: Int), segmentCount: Int,
        to take: (BlockOutputRow) throws -> Void
    ) throws {
        var row = 0
        var pending = PendingLogits()
        for segment in 0..<segmentCount {
            let item = start.item + segment
            let offset = segment == 0 ? start.offset : 0
            let count = Int(model.segments[segment].count)
            let last = batch[item].input.count(width: model.hyperparameters.embeddingWidth) - 1
            for index in 0..<count {
                let position = batch[item].firstPosition + offset + index
                if !endsWithHead {
                    try take(BlockOutputRow(item: item, position: position, values: hidden(row)))
                } else {
                    switch batch[item].wanted {
                    case .none: break
                    case .last:
                        if offset + index == last { try add(row, item, position, to: &pending, take) }
                    case .all: try add(row, item, position, to: &pending, take)
                    case .states: try handState(row, item, position, to: take)
                    case .embedding(let pooling):
                        try pool(
                            pooling, row, item, position, isFirst: offset + index == 0,
                            isLast: offset + index == last, count: last + 1, to: take)
                    }
                }
                row += 1
            }
        }
        try computeLogits(&pending, take)
    }

    private func hidden(_ row: Int) -> UnsafeBufferPointer<Float> {
        let width = model.hyperparameters.embeddingWidth
        return UnsafeBufferPointer(start: tk_workspace_hidden(workspace) + row * width, count: width)
    }

    // MARK: Logits

    /// Rows that wait until the head is multiplied with as many at once as it takes.
    private struct PendingLogits {
        typealias Sixteen<Element> = InlineArray<16, Element>
        var rows = Sixteen<Int32>(repeating: 0)
        var items = Sixteen<Int>(repeating: 0)
        var positions = Sixteen<Int>(repeating: 0)
        var count = 0
    }

    private func add(
        _ row: Int, _ item: Int, _ position: Int, to pending: inout PendingLogits,
        _ take: (BlockOutputRow) throws -> Void
    ) throws {
        pending.rows[pending.count] = Int32(row)
        pending.items[pending.count] = item
        pending.positions[pending.count] = position
        pending.count += 1
        if pending.count == Int(TK_HEAD_BATCH_MAX) { try computeLogits(&pending, take) }
    }

    private func computeLogits(_ pending: inout PendingLogits, _ take: (BlockOutputRow) throws -> Void) throws {
        guard pending.count > 0, var head = model.head?.kernelHead else { return }
        try model.pool.withThreads { threads in
            pending.rows.span.withUnsafeBufferPointer {
                tk_head_run(threads, workspace, &head, $0.baseAddress, Int32(pending.count))
            }
        }
        let stride = Int(head.matrix.groups) * 16
        let size = model.hyperparameters.vocabularySize
        for index in 0..<pending.count {
            let values = UnsafeBufferPointer(start: tk_workspace_logits(workspace) + index * stride, count: size)
            try take(BlockOutputRow(item: pending.items[index], position: pending.positions[index], values: values))
        }
        pending.count = 0
    }

    // MARK: States

    private func state(_ row: Int, into target: UnsafeMutableBufferPointer<Float>) {
        guard var head = model.head?.kernelHead else { return }
        tk_head_normalise(workspace, &head, Int32(row), target.baseAddress)
    }

    private func handState(
        _ row: Int, _ item: Int, _ position: Int, to take: (BlockOutputRow) throws -> Void
    ) throws {
        try withUnsafeTemporaryAllocation(of: Float.self, capacity: model.hyperparameters.embeddingWidth) { values in
            state(row, into: values)
            try take(BlockOutputRow(item: item, position: position, values: UnsafeBufferPointer(values)))
        }
    }

    private mutating func pool(
        _ pooling: Pooling, _ row: Int, _ item: Int, _ position: Int, isFirst: Bool, isLast: Bool, count: Int,
        to take: (BlockOutputRow) throws -> Void
    ) throws {
        switch pooling {
        case .first: if isFirst { try handState(row, item, position + count - 1, to: take) }
        case .last: if isLast { try handState(row, item, position, to: take) }
        case .mean:
            let width = model.hyperparameters.embeddingWidth
            if isFirst { sum = .init(repeating: 0, count: width) }
            withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { values in
                state(row, into: values)
                for index in 0..<width { sum[index] += values[index] }
            }
            guard isLast else { return }
            for index in 0..<width { sum[index] /= Float(count) }
            try sum.withUnsafeBufferPointer {
                try take(BlockOutputRow(item: item, position: position, values: $0))
            }
        }
    }
}
