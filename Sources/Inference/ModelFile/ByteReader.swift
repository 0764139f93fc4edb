/// Reads little-endian numbers and strings off a run of bytes and never beyond its end.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    var remaining: Int { bytes.count - offset }

    mutating func integer<Number: FixedWidthInteger>(
        _ type: Number.Type, of what: @autoclosure () -> String
    ) throws(ModelFileError) -> Number {
        let size = MemoryLayout<Number>.size
        guard remaining >= size else { throw .truncated(what: what(), offset: offset) }
        let number = bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
        offset += size
        return Number(littleEndian: number)
    }

    /// Steps over `count` units of `unitBytes` each; returns where they lie.
    @discardableResult
    mutating func take(
        _ count: UInt64, unitBytes: Int = 1, of what: @autoclosure () -> String
    ) throws(ModelFileError) -> Range<Int> {
        let (size, overflow) = count.multipliedReportingOverflow(by: UInt64(unitBytes))
        guard !overflow, size <= UInt64(remaining) else { throw .truncated(what: what(), offset: offset) }
        let start = offset
        offset += Int(size)
        return start..<offset
    }
}
