/// The element types that a model file's tensors may have, numbered as in GGUF v3 (`ggml_type`).
public enum TensorType: UInt32, Sendable, CaseIterable {
    case f32 = 0
    case f16 = 1
    case q4_0 = 2
    case q4_1 = 3
    case q8_0 = 8

    /// Elements that share one encoded group.
    public var groupElements: Int {
        switch self {
        case .f32, .f16: 1
        case .q4_0, .q4_1, .q8_0: 32
        }
    }

    /// Bytes of one encoded group.
    public var groupBytes: Int {
        switch self {
        case .f32: 4
        case .f16: 2
        case .q4_0: 18
        case .q4_1: 20
        case .q8_0: 34
        }
    }
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
}

/// Where a block's tensors come from: a whole model file, or the pieces of it that this peer holds.
public protocol TensorSource {
    /// The tensor of that name, or nil where the source has none.
    func tensor(named name: String) -> TensorView?
}
