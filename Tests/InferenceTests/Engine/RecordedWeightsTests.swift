import CKernels
import Foundation
import Testing

@testable import Inference

/// Blocks of one type, and what the Python package `gguf` makes of them (tools/fixtures/record-weights.py).
private struct RecordedWeights: Decodable {
    let type: UInt32
    let rows: Int
    let columns: Int
    let bytes: Data
    let values: Data

    func row(_ row: Int) -> [Float] {
        (row * columns..<(row + 1) * columns).map { index in
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(values[values.startIndex + 4 * index + $1]) << (8 * $1) }
            return Float(bitPattern: bits)
        }
    }
}

@Suite("Recorded weights")
struct RecordedWeightsTests {
    @Test("Every type is recorded")
    func everyTypeIsRecorded() throws {
        let recorded = try Fixture.decode([RecordedWeights].self, from: "weights.json")
        #expect(Set(recorded.map(\.type)) == Set(TensorType.allCases.map(\.rawValue)))
    }

    @Test("Rows as floats are the package gguf's", arguments: TensorType.allCases)
    func rowsAreThePackages(type: TensorType) throws {
        let all = try Fixture.decode([RecordedWeights].self, from: "weights.json")
        let recorded = try #require(all.first { $0.type == type.rawValue })
        #expect(recorded.bytes.count == recorded.rows * recorded.columns / type.groupElements * type.groupBytes)
        let plain = PlainWeights(type: type, columns: recorded.columns, bytes: Array(recorded.bytes))
        var out = [Float](repeating: .nan, count: recorded.columns)
        for row in 0..<recorded.rows {
            tk_encoded_row(
                Int32(type.rawValue), Array(recorded.bytes), Int32(recorded.columns), Int32(row), &out)
            #expect(out == recorded.row(row))
            #expect((0..<recorded.columns).map { plain.value(row: row, $0) } == recorded.row(row))
        }
    }

    @Test(
        "A product picks the package gguf's weights out of the packed matrix", arguments: InstructionSet.available,
        TensorType.allCases)
    func productsPickRecordedWeights(isa: InstructionSet, type: TensorType) throws {
        let all = try Fixture.decode([RecordedWeights].self, from: "weights.json")
        let recorded = try #require(all.first { $0.type == type.rawValue })
        let columns = recorded.columns
        var packed = [UInt8](repeating: 0, count: tk_group_bytes(Int32(type.rawValue), Int32(columns)))
        recorded.bytes.withUnsafeBytes {
            tk_repack(Int32(type.rawValue), $0.baseAddress, Int32(recorded.rows), Int32(columns), &packed)
        }
        // Unit vectors: 32512 times 1/32512 is one but for rounding.
        var x = [Float](repeating: 0, count: columns * columns)
        for k in 0..<columns { x[k * columns + k] = 1 }
        var y = [Float](repeating: .nan, count: columns * 16)
        packed.withUnsafeBufferPointer { data in
            var matrix = tk_matrix(
                type: Int32(type.rawValue), rows: Int32(recorded.rows), columns: Int32(columns), groups: 1,
                data: data.baseAddress)
            #expect(tk_multiply(isa.level, &matrix, x, Int32(columns), columns, &y, 16))
        }
        for row in 0..<recorded.rows {
            let largest = recorded.row(row).reduce(0) { max($0, $1.magnitude) }
            for (k, expected) in recorded.row(row).enumerated() {
                #expect(abs(y[k * 16 + row] - expected) <= 1e-6 * largest, "column \(k)")
            }
        }
    }
}
