import Foundation
import Testing

@testable import Inference

@Suite("Mapped file")
struct MappedFileTests {
    /// Bytes of this process's memory in which a file's contents lie.
    private func residentBytes(of path: String) -> Int? {
        // Foundation reads only the beginning of a file that does not say how long it is.
        guard let smaps = fopen("/proc/self/smaps", "r") else { return nil }
        defer { fclose(smaps) }
        var maps = ""
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, smaps), count > 0 {
            maps += String(decoding: buffer[..<count], as: UTF8.self)
        }
        // As the kernel writes it, the path may be another way to the same place.
        let name = path.split(separator: "/").last ?? ""
        var (isOurs, kilobytes) = (false, 0)
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if let first = words.first, first.contains("-"), !first.hasSuffix(":") { isOurs = line.hasSuffix(name) }
            if isOurs, words.first == "Rss:" { kilobytes += Int(words[1]) ?? 0 }
        }
        return kilobytes * 1024
    }

    /// A file of that many bytes, mapped and read once.
    private func withFile(of byteCount: Int, _ body: (MappedFile, String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "tiktrue-mapped-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data((0..<byteCount).map { UInt8(truncatingIfNeeded: $0 / 4096 + $0) }).write(
            to: URL(fileURLWithPath: path))
        let file = try MappedFile(path: path)
        #expect(file.bytes.reduce(0) { $0 &+ Int($1) } > 0)
        try body(file, path)
    }

    @Test("what is released takes no memory, and reads as before")
    func release() throws {
        try withFile(of: 1 << 20) { file, path in
            let before = Array(file.bytes)
            #expect(residentBytes(of: path) == 1 << 20)
            // Whole pages of it: from the second to before the last but one.
            file.release(UnsafeRawBufferPointer(rebasing: file.bytes[4000..<(1 << 20) - 100]))
            #expect(residentBytes(of: path) == 8192)
            #expect(Array(file.bytes) == before)
        }
    }

    @Test("weights are not held twice once they are packed")
    func packing() throws {
        let (rows, columns) = (1024, 1024)
        try withFile(of: rows * columns / 32 * 34) { file, path in
            let source = Source(
                view: TensorView(
                    name: "w", type: .q8_0, dimensions: [columns, rows], bytes: file.bytes, owner: file))
            let tensor = try CheckedTensor.matrix("w", columns: columns, rows: rows, in: source)
            #expect(residentBytes(of: path) ?? 0 >= file.bytes.count)
            let memory = try WeightMemory(byteCount: tensor.packedMatrixBytes)
            _ = tensor.packMatrix(into: memory)
            #expect(residentBytes(of: path) == 0)
        }
    }

    private struct Source: TensorSource {
        let view: TensorView
        func tensor(named name: String) -> TensorView? { name == view.name ? view : nil }
    }
}
