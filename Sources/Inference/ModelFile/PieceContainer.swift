/// How a block's tensors lie in a piece, the unit in which a model travels between peers and rests on their disks.
///
/// A piece is named by the BLAKE2b-256 of all its bytes, so the layout leaves no choice: the same tensors give the same
/// bytes on every machine. All numbers are little-endian and unsigned.
///
///     header, 32 bytes
///        0   8   "TKTPIECE"
///        8   4   version: 1
///       12   4   number of tensors T, 1 to 4096
///       16   8   H: bytes of header and table together
///       24   8   S: bytes of the whole piece
///     table, T entries, in ascending order of the names' bytes, no name twice
///        0   4   element type as in GGUF v3 (`ggml_type`), one of `TensorType`
///        4   4   number of dimensions D, 1 to 4
///        8  8D   dimensions, the length of a row first, each 1 or more
///            8   offset of the tensor's data from the start of the piece
///            8   bytes of the tensor's data: what type and dimensions give
///            2   bytes of the name N, 1 to 256
///            N   name, UTF-8, as in a GGUF file
///     data
///        The tensors in the order of the table, as they are encoded in a GGUF file of the model. The first begins at H rounded up
///        to a multiple of 64, each other one at the end of the one before rounded up to a multiple of 64; the bytes
///        between are zero. The piece ends with the last tensor's last byte: S.
///
/// A reader refuses a piece in which any of this is not so, whatever its digest.
///
/// The *metadata* piece is no such container: it is a GGUF v3 file without tensors. It holds "GGUF", version 3, 0
/// tensors, the number of entries, the model file's metadata entries (of a split model, those of its first file) byte
/// for byte and in their order except those whose key begins with "tiktrue." or "split."; for each of the tensors
/// `rope_freqs.weight`, `rope_factors_short.weight` and `rope_factors_long.weight` that the model file has, in this
/// order, an entry `tiktrue.<name>` with its elements (array of F32); and at last the entry `tiktrue.tied_embeddings`
/// (bool): whether the head multiplies with `token_embd.weight` because the model file has no `output.weight`.
///
/// Of a model in safetensors the metadata piece is made of the documents beside them, under the keys that a GGUF file
/// would have. What GGUF has no key for stands in entries `tiktrue.tokenizer.*` (TokenizerDefinition+GGUF.swift).
enum PieceContainer {
    static let magic = Array("TKTPIECE".utf8)
    static let version: UInt32 = 1
    static let headerBytes = 32
    static let dataAlignment = 64
    static let tensorsMax: UInt32 = 4096
    static let nameBytesMax = 256

    struct Entry: Sendable, Equatable {
        let name: String
        let type: TensorType
        let dimensions: [Int]
        /// Where the data lies in the piece.
        let range: Range<Int>
    }

    /// Header and table for these tensors, and the size of the whole piece.
    static func head(of tensors: [TensorShape]) -> (bytes: [UInt8], entries: [Entry], pieceBytes: Int) {
        let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let tableBytes = sorted.reduce(0) { $0 + 26 + 8 * $1.dimensions.count + $1.name.utf8.count }
        var entries: [Entry] = []
        var end = headerBytes + tableBytes
        for tensor in sorted {
            let start = end.roundedUp(toMultipleOf: dataAlignment)
            end = start + tensor.byteCount
            entries.append(
                Entry(name: tensor.name, type: tensor.type, dimensions: tensor.dimensions, range: start..<end))
        }
        var bytes = magic
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: UInt32(entries.count))
        bytes.append(littleEndian: UInt64(headerBytes + tableBytes))
        bytes.append(littleEndian: UInt64(end))
        for entry in entries {
            bytes.append(littleEndian: entry.type.rawValue)
            bytes.append(littleEndian: UInt32(entry.dimensions.count))
            for dimension in entry.dimensions { bytes.append(littleEndian: UInt64(dimension)) }
            bytes.append(littleEndian: UInt64(entry.range.lowerBound))
            bytes.append(littleEndian: UInt64(entry.range.count))
            bytes.append(littleEndian: UInt16(entry.name.utf8.count))
            bytes.append(contentsOf: entry.name.utf8)
        }
        return (bytes, entries, end)
    }

    /// The table of a piece, checked against the layout above.
    static func entries(of bytes: UnsafeRawBufferPointer) throws(ModelFileError) -> [Entry] {
        guard bytes.count >= magic.count, bytes[0..<magic.count].elementsEqual(magic) else { throw .notAPiece }
        var reader = ByteReader(bytes, at: magic.count)
        let version = try reader.integer(UInt32.self, of: "the piece's header")
        guard version == Self.version else { throw .unsupportedPieceVersion(version) }
        let count = try reader.integer(UInt32.self, of: "the piece's header")
        guard (1...tensorsMax).contains(count) else {
            throw .implausible(what: "the number of tensors", value: "\(count)", allowed: "1 to \(tensorsMax)")
        }
        let headBytes = try reader.integer(UInt64.self, of: "the piece's header")
        let pieceBytes = try reader.integer(UInt64.self, of: "the piece's header")
        guard pieceBytes == UInt64(bytes.count) else {
            throw .implausible(what: "the size of the piece", value: "\(pieceBytes)", allowed: "\(bytes.count)")
        }
        guard headBytes <= pieceBytes, let tableEnd = Int(exactly: headBytes) else {
            throw .implausible(what: "the size of the table", value: "\(headBytes)", allowed: "up to \(pieceBytes)")
        }
        var entries: [Entry] = []
        var dataEnd = tableEnd
        for _ in 0..<count {
            let entry = try entry(from: &reader, previousEnd: dataEnd)
            if let previous = entries.last, !previous.name.utf8.lexicographicallyPrecedes(entry.name.utf8) {
                throw .malformed(what: "the piece's table", reason: "its names are not in ascending order")
            }
            guard entry.range.upperBound <= bytes.count else {
                throw .truncated(what: "tensor \(quoted(entry.name))", offset: bytes.count)
            }
            guard bytes[dataEnd..<entry.range.lowerBound].allSatisfy({ $0 == 0 }) else {
                throw .malformed(what: "the padding before tensor \(quoted(entry.name))", reason: "it is not zero")
            }
            dataEnd = entry.range.upperBound
            entries.append(entry)
        }
        guard reader.offset == tableEnd else {
            throw .malformed(what: "the piece's table", reason: "it has \(reader.offset) bytes and not \(tableEnd)")
        }
        guard dataEnd == bytes.count else {
            throw .malformed(what: "the end of the piece", reason: "\(bytes.count - dataEnd) bytes belong to no tensor")
        }
        return entries
    }

    private static func entry(
        from reader: inout ByteReader, previousEnd: Int
    ) throws(ModelFileError) -> Entry {
        let rawType = try reader.integer(UInt32.self, of: "the piece's table")
        let dimensionCount = try reader.integer(UInt32.self, of: "the piece's table")
        guard (1...GGUFDocument.Limit.dimensions).contains(dimensionCount) else {
            throw .implausible(what: "a number of dimensions", value: "\(dimensionCount)", allowed: "1 to 4")
        }
        var dimensions: [UInt64] = []
        for _ in 0..<dimensionCount {
            dimensions.append(try reader.integer(UInt64.self, of: "the piece's table"))
        }
        let offset = try reader.integer(UInt64.self, of: "the piece's table")
        let byteCount = try reader.integer(UInt64.self, of: "the piece's table")
        let nameBytes = try reader.integer(UInt16.self, of: "the piece's table")
        guard (1...nameBytesMax).contains(Int(nameBytes)) else {
            throw .implausible(what: "the length of a name", value: "\(nameBytes)", allowed: "1 to \(nameBytesMax)")
        }
        let nameRange = try reader.take(UInt64(nameBytes), of: "the piece's table")
        guard let name = String(validating: UnsafeRawBufferPointer(rebasing: reader.bytes[nameRange]), as: UTF8.self)
        else {
            throw .malformed(what: "the piece's table", reason: "a name is not UTF-8")
        }
        let (type, lengths, expectedBytes) = try TensorType.checkedShape(
            tensor: name, rawType: rawType, dimensions: dimensions)
        guard byteCount == UInt64(expectedBytes) else {
            throw .implausible(
                what: "the size of tensor \(quoted(name))", value: "\(byteCount)", allowed: "\(expectedBytes)")
        }
        let start = previousEnd.roundedUp(toMultipleOf: dataAlignment)
        let (end, overflow) = start.addingReportingOverflow(expectedBytes)
        guard offset == UInt64(start), !overflow else {
            throw .implausible(what: "the place of tensor \(quoted(name))", value: "\(offset)", allowed: "\(start)")
        }
        return Entry(name: name, type: type, dimensions: lengths, range: start..<end)
    }
}

extension [UInt8] {
    mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}
