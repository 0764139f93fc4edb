/// A safetensors file, checked as a whole: where every tensor lies.
///
/// The format: the header's length (u64, little-endian); the header, a JSON object that maps each tensor's name to its
/// `dtype`, `shape` (slowest dimension first) and `data_offsets` (begin and end, from the end of the header), and
/// `__metadata__` to texts; the data, without overlaps and without holes.
struct SafetensorsFile: Sendable {
    enum Element: String {
        case f32 = "F32"
        case f16 = "F16"
        case bf16 = "BF16"

        var bytes: Int { self == .f32 ? 4 : 2 }

        /// nil for an element type that is not computed with yet.
        var tensorType: TensorType? {
            switch self {
            case .f32: .f32
            case .f16: .f16
            // The number that GGUF gives it.
            case .bf16: TensorType(rawValue: 30)
            }
        }
    }

    struct Tensor: Sendable {
        let name: String
        let element: Element
        /// The fastest-moving dimension first, as in GGUF.
        let dimensions: [Int]
        /// Where its bytes lie in the file.
        let range: Range<Int>
    }

    enum Limit {
        /// The format's own bound.
        static let headerBytes: UInt64 = 100_000_000
        static let tensors = 65536
        static let nameBytes = 256
        static let dimensions = 8
    }

    let file: MappedFile
    /// In the order of their data.
    let tensors: [Tensor]

    init(_ file: MappedFile) throws(ModelFileError) {
        self.file = file
        var reader = ByteReader(file.bytes)
        let headerBytes = try reader.integer(UInt64.self, of: "the header")
        guard headerBytes <= Limit.headerBytes else {
            throw .implausible(
                what: "the header's length", value: "\(headerBytes)", allowed: "up to \(Limit.headerBytes)")
        }
        let range = try reader.take(headerBytes, of: "the header")
        let header: JSONValue
        do throws(JSONError) {
            header = try JSONValue(
                parsing: UnsafeRawBufferPointer(rebasing: file.bytes[range]),
                limits: .init(bytes: Int(Limit.headerBytes), depth: 8, values: 16 * Limit.tensors))
        } catch {
            throw .malformed(what: "the header", reason: "\(error)")
        }
        guard let members = header.object?.members else {
            throw .malformed(what: "the header", reason: "it is \(header.typeName) and no object")
        }
        guard members.count <= Limit.tensors else {
            throw .implausible(
                what: "the number of tensors", value: "\(members.count)", allowed: "up to \(Limit.tensors)")
        }
        var tensors: [Tensor] = []
        for (name, entry) in members where name != "__metadata__" {
            tensors.append(try Tensor(name, entry, dataStart: range.upperBound, fileBytes: file.bytes.count))
        }
        tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = range.upperBound
        for (index, tensor) in tensors.enumerated() {
            guard tensor.range.lowerBound >= end else {
                throw .overlappingTensors(quoted(tensors[index - 1].name), quoted(tensor.name))
            }
            guard tensor.range.lowerBound == end else {
                throw .malformed(what: "tensor \(quoted(tensor.name))", reason: "there is a hole before its data")
            }
            end = tensor.range.upperBound
        }
        guard end == file.bytes.count else {
            throw .malformed(what: "the end of the file", reason: "it belongs to no tensor")
        }
        self.tensors = tensors
    }
}

extension SafetensorsFile.Tensor {
    fileprivate init(
        _ name: String, _ entry: JSONValue, dataStart: Int, fileBytes: Int
    ) throws(ModelFileError) {
        typealias Limit = SafetensorsFile.Limit
        let what = "tensor \(quoted(name))"
        guard (1...Limit.nameBytes).contains(name.utf8.count) else {
            throw .implausible(
                what: "the length of a tensor's name", value: "\(name.utf8.count)", allowed: "1 to \(Limit.nameBytes)")
        }
        guard let type = entry["dtype"]?.string, let shape = entry["shape"]?.array,
            let offsets = entry["data_offsets"]?.array, offsets.count == 2,
            let begin = offsets[0].integer, let end = offsets[1].integer
        else { throw .malformed(what: what, reason: "its entry has not the keys dtype, shape and data_offsets") }
        guard let element = SafetensorsFile.Element(rawValue: type) else {
            throw .unsupportedTensorType(tensor: quoted(name), type: quoted(type))
        }
        guard shape.count <= Limit.dimensions else {
            throw .implausible(
                what: "the number of dimensions of \(what)", value: "\(shape.count)",
                allowed: "up to \(Limit.dimensions)")
        }
        var bytes = element.bytes
        var dimensions: [Int] = []
        for length in shape.reversed() {
            guard let length = length.integer, length > 0 else {
                throw .implausible(what: "a dimension of \(what)", value: length.text, allowed: "1 or more")
            }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: length)
            guard !overflow else {
                throw .implausible(what: "the size of \(what)", value: "more than 2^63 bytes", allowed: "less")
            }
            bytes = product
            dimensions.append(length)
        }
        guard begin >= 0, end >= begin, end <= fileBytes - dataStart else {
            throw .truncated(what: "the data of \(what)", offset: fileBytes)
        }
        guard end - begin == bytes else {
            throw .malformed(what: what, reason: "its data has \(end - begin) bytes, and its shape takes \(bytes)")
        }
        guard (dataStart + begin) % element.bytes == 0 else {
            throw .malformed(what: what, reason: "its data is not aligned to \(element.bytes) bytes")
        }
        self.name = name
        self.element = element
        self.dimensions = dimensions.isEmpty ? [1] : dimensions
        self.range = dataStart + begin..<dataStart + end
    }
}
