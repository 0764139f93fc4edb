/// The element types that a model file's tensors may have, numbered as in GGUF v3 (`ggml_type`).
public enum TensorType: UInt32, Sendable, CaseIterable {
    case f32 = 0
    case f16 = 1
    case q4_0 = 2
    case q4_1 = 3
    case q5_0 = 6
    case q5_1 = 7
    case q8_0 = 8
    case q2_k = 10
    case q3_k = 11
    case q4_k = 12
    case q5_k = 13
    case q6_k = 14
    case iq4_nl = 20
    case bf16 = 30
    case mxfp4 = 39

    /// Elements that share one encoded group.
    public var groupElements: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl, .mxfp4: 32
        case .q2_k, .q3_k, .q4_k, .q5_k, .q6_k: 256
        }
    }

    /// Bytes of one encoded group.
    public var groupBytes: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .q4_0, .iq4_nl: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .mxfp4: 17
        case .q2_k: 84
        case .q3_k: 110
        case .q4_k: 144
        case .q5_k: 176
        case .q6_k: 210
        }
    }
}

/// Which tensor a model has, without its numbers. Dimensions as in `TensorView`.
public struct TensorShape: Sendable, Equatable {
    public let name: String
    public let type: TensorType
    public let dimensions: [Int]

    /// Bytes of the whole tensor.
    public var byteCount: Int { dimensions.reduce(1, *) / type.groupElements * type.groupBytes }
}

/// A tensor that lies in mapped memory. `dimensions` are in GGUF order: the fastest-moving one, the row length, comes first.
///
/// The bytes stay valid as long as `owner` lives. The count of bytes has been checked against type and dimensions by whoever
/// made the view.
public struct TensorView {
    public let name: String
    public let type: TensorType
    public let dimensions: [Int]
    public let bytes: UnsafeRawBufferPointer
    public let owner: AnyObject

    public init(name: String, type: TensorType, dimensions: [Int], bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.name = name
        self.type = type
        self.dimensions = dimensions
        self.bytes = bytes
        self.owner = owner
    }

    /// Elements of one row, the dimension along which a matrix is multiplied with a vector.
    public var rowLength: Int { dimensions.first ?? 1 }
    /// Rows: the product of all other dimensions.
    public var rowCount: Int { dimensions.dropFirst().reduce(1, *) }

    /// Says that nobody will soon read these bytes again: where they are mapped, they then take no memory until somebody
    /// does.
    func release(_ range: Range<Int>) {
        (owner as? MappedFile)?.release(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
}

/// Where a block's tensors come from: a whole model file, or the pieces of it that this peer holds.
public protocol TensorSource {
    /// The tensor of that name, or nil where the source has none.
    func tensor(named name: String) -> TensorView?
}
