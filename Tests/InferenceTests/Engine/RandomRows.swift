import Inference

/// Random rows in GGUF's encoding. `scale` bounds the magnitude of the weights; with nil, all bits are random, but for
/// scales and floats that are not finite.
func randomRows(
    _ type: TensorType, rows: Int, columns: Int, scale: Float?, using generator: inout SeededGenerator
) -> [UInt8] {
    func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255, using: &generator) } }
    /// A half of at most that magnitude.
    func half(_ largest: Float) -> [UInt8] {
        var value = Float16(Float.random(in: -largest...largest, using: &generator))
        if scale == nil {
            repeat { value = Float16(bitPattern: .random(in: 0...UInt16.max, using: &generator)) } while !value.isFinite
        }
        return withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
    }
    func float(_ largest: Float) -> UInt32 {
        var value = Float.random(in: -largest...largest, using: &generator)
        if scale == nil {
            repeat { value = Float(bitPattern: .random(in: 0...UInt32.max, using: &generator)) } while !value.isFinite
        }
        return value.bitPattern
    }
    let largest = scale ?? 1
    var bytes: [UInt8] = []
    for _ in 0..<rows * columns / type.groupElements {
        switch type {
        case .f32: bytes += withUnsafeBytes(of: float(largest).littleEndian, Array.init)
        case .f16: bytes += half(largest)
        case .bf16: bytes += withUnsafeBytes(of: UInt16(float(largest) >> 16).littleEndian, Array.init)
        case .q8_0: bytes += half(largest / 127) + random(32)
        case .q4_0: bytes += half(largest / 8) + random(16)
        case .q4_1: bytes += half(largest / 16) + half(largest) + random(16)
        case .q5_0: bytes += half(largest / 16) + random(20)
        case .q5_1: bytes += half(largest / 32) + half(largest) + random(20)
        case .iq4_nl: bytes += half(largest / 127) + random(16)
        case .mxfp4:
            let exponent = scale == nil ? UInt8.random(in: 0...255, using: &generator) : 124 - UInt8(1 / largest)
            bytes += [exponent] + random(16)
        case .q2_k: bytes += random(80) + half(largest / 45) + half(largest / 15)
        case .q3_k: bytes += random(108) + half(largest / 128)
        case .q4_k: bytes += half(largest / 945) + half(largest / 63) + random(140)
        case .q5_k: bytes += half(largest / 1953) + half(largest / 63) + random(172)
        case .q6_k: bytes += random(208) + half(largest / 4096)
        }
    }
    return bytes
}
