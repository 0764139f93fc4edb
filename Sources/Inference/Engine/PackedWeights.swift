import CKernels

/// Memory that holds one block's weights in the kernels' layout, freed with the last reference.
final class WeightMemory {
    let byteCount: Int
    private let base: UnsafeMutableRawPointer
    private var used = 0

    init(byteCount: Int) throws {
        guard let base = tk_memory_allocate(byteCount) else { throw EngineError.outOfMemory(bytes: byteCount) }
        self.base = base
        self.byteCount = byteCount
    }

    deinit { tk_memory_free(base, byteCount) }

    /// What `take` uses up for so many bytes: every piece starts on a cache line.
    static func padded(_ byteCount: Int) -> Int { (byteCount + 63) / 64 * 64 }

    func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        precondition(used + byteCount <= self.byteCount, "took \(used) + \(byteCount) of \(self.byteCount) bytes")
        defer { used += Self.padded(byteCount) }
        return base + used
    }
}

/// A tensor of the model file whose type and shape have been found to be what the model's parameters ask for.
struct CheckedTensor {
    let view: TensorView

    /// A matrix of `rows` rows in any type that the kernels multiply.
    static func matrix(_ name: String, columns: Int, rows: Int, in source: any TensorSource) throws -> CheckedTensor {
        try CheckedTensor(name, shape: [columns, rows], in: source)
    }

    /// A vector, or another tensor that is copied as it is, of single-precision values.
    static func singles(_ name: String, shape: [Int], in source: any TensorSource) throws -> CheckedTensor {
        let tensor = try CheckedTensor(name, shape: shape, in: source)
        guard tensor.view.type == .f32 else {
            throw EngineError.tensorType(name: name, expected: "f32", found: "\(tensor.view.type)")
        }
        return tensor
    }

    init(_ name: String, shape: [Int], in source: any TensorSource) throws {
        guard let view = source.tensor(named: name) else { throw EngineError.tensorMissing(name: name) }
        // GGUF leaves out trailing dimensions of one, or writes them.
        var found = view.dimensions
        while found.count > shape.count, found.last == 1 { found.removeLast() }
        guard found == shape else {
            throw EngineError.tensorShape(name: name, expected: shape, found: view.dimensions)
        }
        // Shapes come from checked parameters, so that these products stay far below overflow.
        let expected = shape.reduce(1, *) / view.type.groupElements * view.type.groupBytes
        guard view.bytes.count == expected, view.bytes.baseAddress != nil else {
            throw EngineError.tensorSize(name: name, expected: expected, found: view.bytes.count)
        }
        self.view = view
    }

    /// How many bytes of a matrix are held twice while it is packed, roughly.
    private static let packedAtOnce = 4 << 20

    var packedMatrixBytes: Int {
        let groups = (view.rowCount + Int(TK_GROUP_ROWS) - 1) / Int(TK_GROUP_ROWS)
        return WeightMemory.padded(tk_group_bytes(Int32(view.type.rawValue), Int32(view.rowLength)) * groups)
    }

    /// Interleaves the rows into memory that has room for them. The file's pages are given back as they are used up, so
    /// that weights are not held twice.
    func packMatrix(into memory: WeightMemory) -> tk_matrix {
        let rows = Int32(view.rowCount)
        let columns = Int32(view.rowLength)
        let type = Int32(view.type.rawValue)
        let data = memory.take(packedMatrixBytes).assumingMemoryBound(to: UInt8.self)
        let groups = (rows + Int32(TK_GROUP_ROWS) - 1) / Int32(TK_GROUP_ROWS)
        let groupBytes = tk_group_bytes(type, columns)
        let rowBytes = view.bytes.count / view.rowCount
        let step = max(1, Self.packedAtOnce / groupBytes)
        for first in stride(from: 0, to: Int(groups), by: step) {
            let part = first * Int(TK_GROUP_ROWS)..<min((first + step) * Int(TK_GROUP_ROWS), view.rowCount)
            let range = part.lowerBound * rowBytes..<part.upperBound * rowBytes
            tk_repack(
                type, view.bytes.baseAddress! + range.lowerBound, Int32(part.count), columns, data + first * groupBytes)
            view.release(range)
        }
        return tk_matrix(type: type, rows: rows, columns: columns, groups: groups, data: UnsafePointer(data))
    }

    func copyVector(into memory: WeightMemory) -> UnsafePointer<Float> {
        let target = memory.take(view.bytes.count)
        target.copyMemory(from: view.bytes.baseAddress!, byteCount: view.bytes.count)
        return UnsafePointer(target.assumingMemoryBound(to: Float.self))
    }
}

/// A matrix with memory of its own, for the head.
final class PackedMatrix {
    let matrix: tk_matrix
    let memory: WeightMemory

    init(_ tensor: CheckedTensor) throws {
        memory = try WeightMemory(byteCount: tensor.packedMatrixBytes)
        matrix = tensor.packMatrix(into: memory)
    }
}
