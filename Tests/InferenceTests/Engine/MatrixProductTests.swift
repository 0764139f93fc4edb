import CKernels
import Testing

@testable import Inference

/// The arithmetic of CKernels/include/tk_matrix.h, written down once more as plainly as it can be, on GGUF's own bytes.
private struct ScalarProduct {
    let type: TensorType
    let columns: Int
    let bytes: [UInt8]

    func half(_ at: Int) -> Float { Float(Float16(bitPattern: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8)) }

    func row(_ row: Int, times x: [Float]) -> Float {
        var sum: Float = 0
        if type == .f32 || type == .f16 {
            for k in 0..<columns {
                let at = (row * columns + k) * type.groupBytes
                let bits = (0..<type.groupBytes).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
                let weight = type == .f32 ? Float(bitPattern: bits) : half(at)
                sum.addProduct(weight, x[k])
            }
            return sum
        }
        for block in 0..<columns / 32 {
            let part = Array(x[block * 32..<block * 32 + 32])
            let limit = part.reduce(0) { max($0, $1.magnitude) }
            let negligible = limit < 1e-30
            let d = negligible ? 0 : limit / 32512
            let q = part.map { negligible ? 0 : Int(($0 * (32512 / limit)).rounded(.toNearestOrEven)) }
            let at = (row * (columns / 32) + block) * type.groupBytes
            let weights: [Int] = (0..<32).map { k in
                switch type {
                case .q8_0: return Int(Int8(bitPattern: bytes[at + 2 + k]))
                default:
                    let byte = bytes[at + (type == .q4_1 ? 4 : 2) + k % 16]
                    return Int(k < 16 ? byte & 15 : byte >> 4) - (type == .q4_0 ? 8 : 0)
                }
            }
            sum.addProduct(half(at) * d, Float(zip(weights, q).reduce(0) { $0 + $1.0 * $1.1 }))
            if type == .q4_1 { sum.addProduct(half(at + 2), d * Float(q.reduce(0, +))) }
        }
        return sum
    }
}

@Suite("Matrix product")
struct MatrixProductTests {
    /// Bits of every row's product with every column, column by column; NaN in one form, as its bits mean nothing.
    private func product(
        _ type: TensorType, rows: Int, columns: Int, bytes: [UInt8], x: [[Float]], with isa: InstructionSet
    ) -> [[UInt32]] {
        let groups = (rows + 15) / 16
        let size = tk_group_bytes(Int32(type.rawValue), Int32(columns)) * groups
        var packed = [UInt8](repeating: 0xEE, count: size)
        bytes.withUnsafeBytes { tk_repack(Int32(type.rawValue), $0.baseAddress, Int32(rows), Int32(columns), &packed) }
        var y = [Float](repeating: -1, count: x.count * groups * 16)
        let flat = x.flatMap { $0 }
        packed.withUnsafeBufferPointer { data in
            var matrix = tk_matrix(
                type: Int32(type.rawValue), rows: Int32(rows), columns: Int32(columns), groups: Int32(groups),
                data: data.baseAddress)
            #expect(tk_multiply(isa.level, &matrix, flat, Int32(x.count), columns, &y, groups * 16))
        }
        return (0..<x.count).map { c in (0..<rows).map { bits(y[c * groups * 16 + $0]) } }
    }

    private func bits(_ value: Float) -> UInt32 { value.isNaN ? Float.nan.bitPattern : value.bitPattern }

    private func reference(
        _ type: TensorType, rows: Int, columns: Int, bytes: [UInt8], x: [[Float]]
    ) -> [[UInt32]] {
        let scalar = ScalarProduct(type: type, columns: columns, bytes: bytes)
        return x.map { column in (0..<rows).map { bits(scalar.row($0, times: column)) } }
    }

    @Test(
        "Every instruction set gives the plain definition's bits", arguments: InstructionSet.available,
        TensorType.allCases)
    func everyInstructionSetGivesTheDefinition(isa: InstructionSet, type: TensorType) {
        var generator = SeededGenerator(seed: 3)
        // Rows: fewer than a group, several streams' worth with a rest, and a group that is not full.
        for (rows, columns) in [(5, 32), (16 * 9, 64), (100, 160)] {
            let bytes = randomRows(type, rows: rows, columns: columns, scale: 1, using: &generator)
            let x = (0..<3).map { _ in (0..<columns).map { _ in Float.random(in: -4...4, using: &generator) } }
            #expect(
                product(type, rows: rows, columns: columns, bytes: bytes, x: x, with: isa)
                    == reference(type, rows: rows, columns: columns, bytes: bytes, x: x))
        }
    }

    @Test(
        "The product errs by no more than sixteen bits of every activation", arguments: InstructionSet.available,
        [TensorType.q8_0, .q4_1, .q4_0])
    func activationsKeepSixteenBits(isa: InstructionSet, type: TensorType) {
        var generator = SeededGenerator(seed: 8)
        let (rows, columns) = (32, 256)
        let bytes = randomRows(type, rows: rows, columns: columns, scale: 1, using: &generator)
        let x = (0..<columns).map { _ in Float.random(in: -4...4, using: &generator) }
        let y = product(type, rows: rows, columns: columns, bytes: bytes, x: [x], with: isa)[0]
        var weights = [Float](repeating: 0, count: columns)
        for row in 0..<rows {
            tk_encoded_row(Int32(type.rawValue), bytes, Int32(columns), Int32(row), &weights)
            let exact = zip(weights, x).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let magnitude = weights.reduce(0.0) { $0 + Double($1.magnitude) }
            // Half a step of 4/32512 for each, in the worst case; a tenth more for the sums' own rounding.
            #expect(abs(Double(Float(bitPattern: y[row])) - exact) < 1.1 * magnitude * 2 / 32512)
        }
    }

    @Test(
        "Extreme weights and activations give the plain definition's bits", arguments: InstructionSet.available,
        TensorType.allCases)
    func extremesGiveTheDefinition(isa: InstructionSet, type: TensorType) {
        var generator = SeededGenerator(seed: 4)
        let (rows, columns) = (16, 64)
        let bytes = randomRows(type, rows: rows, columns: columns, scale: nil, using: &generator)
        let largest: [Float] = [7 * .leastNonzeroMagnitude, 1e-38, 1e-30, 1e-20, 1, 1e20, 3e38]
        var x: [[Float]] = largest.map { limit in (0..<columns).map { $0 % 3 == 0 ? limit : -limit } }
        x.append(.init(repeating: 0, count: columns))
        x.append(.init(repeating: -0.0, count: columns))
        // One large value in a block pushes the others onto halves, where ties must go to even.
        x.append((0..<columns).map { $0 % 32 == 0 ? 32512 : Float($0 % 13) - 5.5 })
        // Low bytes of -128 and 127, where a value split into two bytes must carry.
        x.append((0..<columns).map { [32512, 128, -128, 127, -129, 383, -384, -32512][$0 % 8] })
        x.append((0..<columns).map { _ in Float(bitPattern: .random(in: 0...0x7F7F_FFFF, using: &generator)) })
        #expect(
            product(type, rows: rows, columns: columns, bytes: bytes, x: x, with: isa)
                == reference(type, rows: rows, columns: columns, bytes: bytes, x: x))
    }

    @Test(
        "A column's product does not depend on how many columns stand beside it", arguments: InstructionSet.available,
        TensorType.allCases)
    func columnsAreIndependent(isa: InstructionSet, type: TensorType) {
        var generator = SeededGenerator(seed: 5)
        let (rows, columns) = (16 * 5, 64)
        let bytes = randomRows(type, rows: rows, columns: columns, scale: 1, using: &generator)
        let x = (0..<19).map { _ in (0..<columns).map { _ in Float.random(in: -4...4, using: &generator) } }
        let alone = x.flatMap { product(type, rows: rows, columns: columns, bytes: bytes, x: [$0], with: isa) }
        for count in 2...19 {
            let together = product(
                type, rows: rows, columns: columns, bytes: bytes, x: Array(x[..<count]), with: isa)
            #expect(together == Array(alone[..<count]), "\(count) columns")
        }
    }

    @Test("An activation block that holds no number makes its rows no number", arguments: InstructionSet.available)
    func notANumberIsNotLost(isa: InstructionSet) {
        var generator = SeededGenerator(seed: 6)
        let bytes = randomRows(.q8_0, rows: 16, columns: 32, scale: 1, using: &generator)
        for poison in [Float.nan, .infinity, -.infinity] {
            var x = [Float](repeating: 1, count: 32)
            x[7] = poison
            let y = product(.q8_0, rows: 16, columns: 32, bytes: bytes, x: [x], with: isa)
            #expect(y[0].allSatisfy { Float(bitPattern: $0).isNaN })
        }
    }

    @Test("A row of the file as floats is the row that the kernels multiply", arguments: TensorType.allCases)
    func rowsAsFloats(type: TensorType) {
        var generator = SeededGenerator(seed: 7)
        let (rows, columns) = (21, 64)
        let bytes = randomRows(type, rows: rows, columns: columns, scale: 1, using: &generator)
        let scalar = ScalarProduct(type: type, columns: columns, bytes: bytes)
        var out = [Float](repeating: 0, count: columns)
        for row in [0, 15, 16, 20] {
            tk_encoded_row(Int32(type.rawValue), bytes, Int32(columns), Int32(row), &out)
            for k in 0..<columns {
                // A unit vector picks one weight; quantised, it is 32512 times 1/32512, exact to rounding.
                var unit = [Float](repeating: 0, count: columns)
                unit[k] = 1
                #expect(abs(scalar.row(row, times: unit) - out[k]) <= 1e-6 * max(1, abs(out[k])))
            }
        }
    }
}
