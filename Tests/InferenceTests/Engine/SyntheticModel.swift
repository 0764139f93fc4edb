import Inference

/// SplitMix64: the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Tensors in memory, in GGUF's encoding.
final class SyntheticTensors: TensorSource {
    final class Bytes {
        let buffer: UnsafeMutableRawBufferPointer

        init(_ bytes: [UInt8]) {
            buffer = .allocate(byteCount: bytes.count, alignment: 64)
            buffer.copyBytes(from: bytes)
        }

        deinit { buffer.deallocate() }
    }

    private(set) var tensors: [String: (type: TensorType, dimensions: [Int], bytes: Bytes)] = [:]

    func tensor(named name: String) -> TensorView? {
        guard let (type, dimensions, bytes) = tensors[name] else { return nil }
        return TensorView(
            name: name, type: type, dimensions: dimensions, bytes: UnsafeRawBufferPointer(bytes.buffer), owner: bytes)
    }

    func set(_ name: String, _ type: TensorType, _ dimensions: [Int], _ bytes: [UInt8]) {
        tensors[name] = (type, dimensions, Bytes(bytes))
    }

    func remove(_ name: String) { tensors[name] = nil }
}

/// Random rows in GGUF's encoding. `scale` bounds the magnitude of the weights; with nil, scales are any finite half.
func randomRows(
    _ type: TensorType, rows: Int, columns: Int, scale: Float?, using generator: inout SeededGenerator
) -> [UInt8] {
    func half(_ largest: Float) -> [UInt8] {
        var value = Float16(Float.random(in: -largest...largest, using: &generator))
        if scale == nil {
            repeat { value = Float16(bitPattern: .random(in: 0...UInt16.max, using: &generator)) } while !value.isFinite
        }
        return withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
    }
    let largest = scale ?? 1
    var bytes: [UInt8] = []
    for _ in 0..<rows * columns / type.groupElements {
        switch type {
        case .f32:
            let value = Float.random(in: -largest...largest, using: &generator)
            bytes += withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
        case .f16: bytes += half(largest)
        case .q8_0, .q4_0, .q4_1:
            bytes += half(largest / (type == .q8_0 ? 127 : 8))
            if type == .q4_1 { bytes += half(largest) }
            bytes += (0..<(type == .q8_0 ? 32 : 16)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
    }
    return bytes
}

/// A model of two layers, small enough for a debug build, whose sizes meet every edge: two key-value heads, a
/// vocabulary that is no multiple of 16, a context that is no multiple of a cache page.
struct SyntheticModel {
    var hyperparameters = Hyperparameters(
        architecture: "llama", layerCount: 2, embeddingWidth: 64, feedForwardWidth: 96, headCount: 4,
        keyValueHeadCount: 2, headDimension: 16, ropeDimension: 16, ropeBase: 10000, rmsEpsilon: 1e-5,
        vocabularySize: 50, contextLength: 200, tiedEmbeddings: false)
    let tensors = SyntheticTensors()

    /// All matrices of one type, or each of the next type in turn where several are given.
    init(types: [TensorType], tied: Bool = false, seed: UInt64 = 1) {
        hyperparameters.tiedEmbeddings = tied
        var generator = SeededGenerator(seed: seed)
        var made = 0
        let width = hyperparameters.embeddingWidth
        let keyValues = hyperparameters.keyValueHeadCount * hyperparameters.headDimension
        func matrix(_ name: String, _ columns: Int, _ rows: Int) {
            let type = types[made % types.count]
            made += 1
            let bytes = randomRows(type, rows: rows, columns: columns, scale: 0.3, using: &generator)
            tensors.set(name + ".weight", type, [columns, rows], bytes)
        }
        func norm(_ name: String) {
            let values = (0..<width).map { _ in Float.random(in: 0.5...1.5, using: &generator) }
            tensors.set(name + ".weight", .f32, [width], values.withUnsafeBytes(Array.init))
        }
        matrix("token_embd", width, hyperparameters.vocabularySize)
        for layer in 0..<hyperparameters.layerCount {
            norm("blk.\(layer).attn_norm")
            matrix("blk.\(layer).attn_q", width, width)
            matrix("blk.\(layer).attn_k", width, keyValues)
            matrix("blk.\(layer).attn_v", width, keyValues)
            matrix("blk.\(layer).attn_output", width, width)
            norm("blk.\(layer).ffn_norm")
            matrix("blk.\(layer).ffn_gate", width, hyperparameters.feedForwardWidth)
            matrix("blk.\(layer).ffn_up", width, hyperparameters.feedForwardWidth)
            matrix("blk.\(layer).ffn_down", hyperparameters.feedForwardWidth, width)
        }
        norm("output_norm")
        if !tied { matrix("output", width, hyperparameters.vocabularySize) }
    }

    var allBlocks: ClosedRange<Int> { 0...hyperparameters.headBlock }

    func tokens(_ count: Int) -> [Int32] { (0..<count).map { Int32(($0 * 31 + 7) % hyperparameters.vocabularySize) } }

    /// A model of the engine's with these blocks loaded.
    func load(
        _ blocks: ClosedRange<Int>, threads: Int = 1, instructionSet: InstructionSet = .best
    ) throws -> BlockModel {
        let model = BlockModel(
            hyperparameters: hyperparameters, pool: ComputePool(threads: threads), instructionSet: instructionSet)
        for block in blocks { try model.load(block: block, from: tensors) }
        return model
    }
}
