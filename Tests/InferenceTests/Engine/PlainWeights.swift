import Inference

/// GGUF's encodings written down once more, element by element, without anything of the engine's: what the kernels and the
/// embedding are held against.
struct PlainWeights {
    let type: TensorType
    let columns: Int
    let bytes: [UInt8]

    /// A weight is `scale * code + minimum`. Runs of 16 or 32 columns share scale and minimum.
    struct Element {
        var code: Int
        var scale: Float
        var minimum: Float?
    }

    private static let nonlinear = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    private static let fours = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    /// Columns with one scale.
    var runColumns: Int {
        switch type {
        case .q2_k, .q3_k, .q6_k: 16
        default: 32
        }
    }

    func half(_ at: Int) -> Float { Float(Float16(bitPattern: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8)) }

    /// A weight of the types that are floats.
    func float(row: Int, _ column: Int) -> Float? {
        let at = (row * columns + column) * type.groupBytes
        switch type {
        case .f32: return Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) })
        case .f16: return half(at)
        case .bf16: return Float(bitPattern: UInt32(bytes[at]) << 16 | UInt32(bytes[at + 1]) << 24)
        default: return nil
        }
    }

    /// A weight of the quantised types.
    func element(row: Int, _ column: Int) -> Element {
        let at = (row * (columns / type.groupElements) + column / type.groupElements) * type.groupBytes
        let k = column % type.groupElements
        func bit(_ at: Int, _ place: Int) -> Int { Int(bytes[at]) >> place & 1 }
        func pair(_ at: Int, _ place: Int) -> Int { Int(bytes[at]) >> place & 3 }
        func nibble(_ at: Int, high: Bool) -> Int { high ? Int(bytes[at] >> 4) : Int(bytes[at] & 15) }
        func simple(_ first: Int) -> Int { nibble(at + first + k % 16, high: k >= 16) }
        func fifth(_ first: Int) -> Int { bit(at + first + k / 8, k % 8) << 4 }
        switch type {
        case .q8_0: return Element(code: Int(Int8(bitPattern: bytes[at + 2 + k])), scale: half(at))
        case .q4_0: return Element(code: simple(2) - 8, scale: half(at))
        case .q4_1: return Element(code: simple(4), scale: half(at), minimum: half(at + 2))
        case .q5_0: return Element(code: simple(6) + fifth(2) - 16, scale: half(at))
        case .q5_1: return Element(code: simple(8) + fifth(4), scale: half(at), minimum: half(at + 2))
        case .iq4_nl: return Element(code: Self.nonlinear[simple(2)], scale: half(at))
        case .mxfp4:
            // 2^(exponent - 127), halved as the table is doubled. The least two of them are subnormal.
            let scale = Float(sign: .plus, exponent: Int(bytes[at]) - 128, significand: 1)
            return Element(code: Self.fours[simple(1)], scale: scale)
        case .q2_k:
            let own = bytes[at + k / 16]
            return Element(
                code: pair(at + 16 + k / 128 * 32 + k % 32, k % 128 / 32 * 2), scale: half(at + 80) * Float(own & 15),
                minimum: half(at + 82) * Float(-Int(own >> 4)))
        case .q3_k:
            let code = pair(at + 32 + k / 128 * 32 + k % 32, k % 128 / 32 * 2) + bit(at + k % 32, k / 32) << 2
            let run = k / 16
            let own = nibble(at + 96 + run % 8, high: run >= 8) + pair(at + 104 + run % 4, run / 4 * 2) << 4
            return Element(code: code - 4, scale: half(at + 108) * Float(own - 32))
        case .q4_k, .q5_k:
            let run = k / 32
            let packed = (0..<12).map { Int(bytes[at + 4 + $0]) }
            let own = run < 4 ? packed[run] & 63 : packed[run + 4] & 15 | (packed[run - 4] >> 6) << 4
            let least = run < 4 ? packed[run + 4] & 63 : packed[run + 4] >> 4 | (packed[run] >> 6) << 4
            var code = nibble(at + (type == .q4_k ? 16 : 48) + k / 64 * 32 + k % 32, high: k % 64 >= 32)
            if type == .q5_k { code += bit(at + 16 + k % 32, run) << 4 }
            return Element(code: code, scale: half(at) * Float(own), minimum: half(at + 2) * Float(-least))
        case .q6_k:
            let low = nibble(at + k / 128 * 64 + k % 64, high: k % 128 >= 64)
            let code = low + pair(at + 128 + k / 128 * 32 + k % 32, k % 128 / 32 * 2) << 4
            return Element(
                code: code - 32, scale: half(at + 208) * Float(Int8(bitPattern: bytes[at + 192 + k / 16])))
        case .f32, .f16, .bf16: fatalError("\(type) has no codes")
        }
    }

    func value(row: Int, _ column: Int) -> Float {
        if let float = float(row: row, column) { return float }
        let element = element(row: row, column)
        return element.scale * Float(element.code) + (element.minimum ?? 0)
    }
}
