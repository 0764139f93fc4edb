/// A GGUF file of version 2 or 3, checked as a whole and indexed: metadata, and where every tensor lies.
///
/// The format, little-endian throughout: "GGUF", version (u32), number of tensors (u64), number of metadata entries
/// (u64); the entries (key: u64 length and bytes; type: u32; value); the tensor table (name: u64 length and bytes;
/// number of dimensions: u32; each dimension: u64; element type: u32; offset from the start of the data section: u64);
/// padding to `general.alignment` (32 unless given); the data section.
struct GGUFDocument: Sendable {
    struct Tensor: Sendable, Equatable {
        let name: String
        let type: TensorType
        let dimensions: [Int]
        /// Which of the model's files it lies in.
        var part = 0
        /// Where its bytes lie in that file.
        let range: Range<Int>
    }

    /// The model's files: one, or all of a split model in their order.
    let parts: [MappedFile]
    let metadata: GGUFMetadata
    /// In the order of the files' tables.
    let tensors: [Tensor]
    private let indexByName: [String: Int]

    enum Limit {
        /// A model of 1000 layers has about 10000.
        static let tensors: UInt64 = 65536
        /// ggml reads names of up to 63 bytes.
        static let nameBytes: UInt64 = 256
        static let dimensions: UInt32 = 4
        static let alignment = 8...65536
    }

    init(_ file: MappedFile) throws(ModelFileError) {
        parts = [file]
        var reader = ByteReader(file.bytes)
        guard file.bytes.count >= 4, file.bytes[0..<4].elementsEqual("GGUF".utf8) else { throw .notAModelFile }
        try reader.take(4, of: "the header")
        let version = try reader.integer(UInt32.self, of: "the header")
        // Version 3 brought big-endian files and nothing else; version 1 has narrower counts.
        guard version == 2 || version == 3 else { throw .unsupportedVersion(version) }
        let tensorCount = try reader.integer(UInt64.self, of: "the header")
        let entryCount = try reader.integer(UInt64.self, of: "the header")
        guard tensorCount <= Limit.tensors else {
            throw .implausible(
                what: "the number of tensors", value: "\(tensorCount)", allowed: "up to \(Limit.tensors)")
        }
        metadata = try GGUFMetadata(reading: entryCount, from: &reader, of: file)

        var heads: [TableEntry] = []
        for _ in 0..<tensorCount {
            heads.append(try TableEntry(from: &reader))
        }
        let alignment = try Self.alignment(of: metadata)
        let dataStart = reader.offset.roundedUp(toMultipleOf: alignment)
        var tensors: [Tensor] = []
        tensors.reserveCapacity(heads.count)
        var indexByName: [String: Int] = [:]
        for head in heads {
            guard head.offset % UInt64(alignment) == 0 else {
                throw .malformed(
                    what: "tensor \(quoted(head.name))", reason: "its data is not aligned to \(alignment) bytes")
            }
            let (start, overflow) = head.offset.addingReportingOverflow(UInt64(dataStart))
            let (end, endOverflow) = start.addingReportingOverflow(UInt64(head.byteCount))
            guard !overflow, !endOverflow, end <= UInt64(file.bytes.count) else {
                throw .truncated(what: "the data of tensor \(quoted(head.name))", offset: file.bytes.count)
            }
            guard indexByName.updateValue(tensors.count, forKey: head.name) == nil else {
                throw .duplicate(what: "tensor \(quoted(head.name))")
            }
            tensors.append(
                Tensor(name: head.name, type: head.type, dimensions: head.dimensions, range: Int(start)..<Int(end)))
        }
        self.tensors = tensors
        self.indexByName = indexByName

        let byPlace = tensors.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (earlier, later) in zip(byPlace, byPlace.dropFirst())
        where earlier.range.upperBound > later.range.lowerBound {
            throw .overlappingTensors(quoted(earlier.name), quoted(later.name))
        }
    }

    /// The parts of a split model as one: the metadata of the first, the tensors of all.
    init(joining documents: [GGUFDocument]) throws(ModelFileError) {
        var tensors: [Tensor] = []
        var indexByName: [String: Int] = [:]
        for (part, document) in documents.enumerated() {
            for var tensor in document.tensors {
                tensor.part = part
                guard indexByName.updateValue(tensors.count, forKey: tensor.name) == nil else {
                    throw .duplicate(what: "tensor \(quoted(tensor.name))")
                }
                tensors.append(tensor)
            }
        }
        parts = documents.flatMap(\.parts)
        metadata = documents[0].metadata
        self.tensors = tensors
        self.indexByName = indexByName
    }

    /// The file that holds the metadata.
    var file: MappedFile { parts[0] }

    func entry(named name: String) -> Tensor? { indexByName[name].map { tensors[$0] } }

    func bytes(of tensor: Tensor) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: parts[tensor.part].bytes[tensor.range])
    }

    private static func alignment(of metadata: GGUFMetadata) throws(ModelFileError) -> Int {
        guard let value = try metadata.integer("general.alignment") else { return 32 }
        guard value.nonzeroBitCount == 1, let alignment = Int(exactly: value), Limit.alignment.contains(alignment)
        else {
            throw .implausible(
                what: "general.alignment", value: "\(value)",
                allowed: "a power of two from 8 to \(Limit.alignment.upperBound)")
        }
        return alignment
    }

    /// One line of the tensor table.
    private struct TableEntry {
        let name: String
        let dimensions: [Int]
        let type: TensorType
        let byteCount: Int
        let offset: UInt64

        init(from reader: inout ByteReader) throws(ModelFileError) {
            let nameBytes = try reader.integer(UInt64.self, of: "the tensor table")
            guard nameBytes > 0, nameBytes <= Limit.nameBytes else {
                throw .implausible(
                    what: "the length of a tensor's name", value: "\(nameBytes)", allowed: "1 to \(Limit.nameBytes)")
            }
            let range = try reader.take(nameBytes, of: "the tensor table")
            guard let name = String(validating: UnsafeRawBufferPointer(rebasing: reader.bytes[range]), as: UTF8.self)
            else {
                throw .malformed(what: "the tensor table", reason: "a name is not UTF-8")
            }
            let count = try reader.integer(UInt32.self, of: "tensor \(quoted(name))")
            guard (1...Limit.dimensions).contains(count) else {
                throw .implausible(
                    what: "the number of dimensions of tensor \(quoted(name))", value: "\(count)",
                    allowed: "1 to \(Limit.dimensions)")
            }
            var dimensions: [UInt64] = []
            for _ in 0..<count {
                dimensions.append(try reader.integer(UInt64.self, of: "tensor \(quoted(name))"))
            }
            let rawType = try reader.integer(UInt32.self, of: "tensor \(quoted(name))")
            offset = try reader.integer(UInt64.self, of: "tensor \(quoted(name))")
            self.name = name
            (type, self.dimensions, byteCount) = try TensorType.checkedShape(
                tensor: name, rawType: rawType, dimensions: dimensions)
        }
    }
}

extension TensorType {
    /// The type, the dimensions as `Int` and the bytes that a tensor takes, or why they cannot be right.
    static func checkedShape(
        tensor name: String, rawType: UInt32, dimensions: [UInt64]
    ) throws(ModelFileError) -> (TensorType, [Int], byteCount: Int) {
        guard let type = TensorType(rawValue: rawType) else {
            throw .unsupportedTensorType(tensor: quoted(name), type: ggmlTypeName(rawType))
        }
        var elements: Int64 = 1
        var lengths: [Int] = []
        for dimension in dimensions {
            guard let length = Int64(exactly: dimension), length > 0 else {
                throw .implausible(
                    what: "a dimension of tensor \(quoted(name))", value: "\(dimension)", allowed: "1 or more")
            }
            let (product, overflow) = elements.multipliedReportingOverflow(by: length)
            guard !overflow else {
                throw .implausible(
                    what: "the size of tensor \(quoted(name))", value: "more than 2^63 elements", allowed: "less")
            }
            elements = product
            lengths.append(Int(length))
        }
        guard let rowLength = lengths.first, rowLength % type.groupElements == 0 else {
            throw .malformed(
                what: "tensor \(quoted(name))", reason: "its rows are not a multiple of \(type.groupElements) elements")
        }
        let (bytes, overflow) = (elements / Int64(type.groupElements)).multipliedReportingOverflow(
            by: Int64(type.groupBytes))
        guard !overflow else {
            throw .implausible(
                what: "the size of tensor \(quoted(name))", value: "more than 2^63 bytes", allowed: "less")
        }
        return (type, lengths, Int(bytes))
    }

    /// The name under which users know a `ggml_type`, for those that this program does not compute.
    private static func ggmlTypeName(_ raw: UInt32) -> String {
        let names: [UInt32: String] = [
            9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
            23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0",
        ]
        return names[raw] ?? "number \(raw)"
    }
}

extension Int {
    /// `multiple` is a power of two far below `Int.max - self`.
    func roundedUp(toMultipleOf multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}
