import CKernels

extension CheckedTensor {
    private init(view: TensorView) { self.view = view }

    /// Some of a matrix's rows, which lie one after the other in every encoding.
    func rows(_ range: Range<Int>) -> CheckedTensor {
        let each = view.bytes.count / view.rowCount
        return CheckedTensor(
            view: TensorView(
                name: view.name, type: view.type, dimensions: [view.rowLength, range.count],
                bytes: UnsafeRawBufferPointer(
                    rebasing: view.bytes[range.lowerBound * each..<range.upperBound * each]),
                owner: view.owner))
    }

    /// Some of a vector's elements.
    func elements(_ range: Range<Int>) -> CheckedTensor {
        CheckedTensor(
            view: TensorView(
                name: view.name, type: view.type, dimensions: [range.count],
                bytes: UnsafeRawBufferPointer(rebasing: view.bytes[range.lowerBound * 4..<range.upperBound * 4]),
                owner: view.owner))
    }

    /// A vector as a matrix of one row.
    func asRow() -> CheckedTensor {
        CheckedTensor(
            view: TensorView(
                name: view.name, type: view.type, dimensions: [view.rowLength, 1], bytes: view.bytes,
                owner: view.owner))
    }

    /// What `copyTransposed` uses up.
    var transposedBytes: Int { WeightMemory.padded(4 * view.rowLength * view.rowCount) }

    /// A matrix of single-precision values, column after column.
    func copyTransposed(into memory: WeightMemory) -> UnsafePointer<Float> {
        let (columns, rows) = (view.rowLength, view.rowCount)
        let target = memory.take(4 * columns * rows).bindMemory(to: Float.self, capacity: columns * rows)
        for row in 0..<rows {
            for column in 0..<columns {
                target[column * rows + row] = view.bytes.loadUnaligned(
                    fromByteOffset: 4 * (row * columns + column), as: Float.self)
            }
        }
        return UnsafePointer(target)
    }

    /// A norm's weights, or one more than them.
    func copyNorm(into memory: WeightMemory, lessOne: Bool) -> UnsafePointer<Float> {
        let values = copyVector(into: memory)
        if lessOne {
            let target = UnsafeMutablePointer(mutating: values)
            for index in 0..<view.rowLength { target[index] += 1 }
        }
        return values
    }
}
