import Foundation

/// A file for readers that map what they read. Each input is a new one: what is still mapped is never changed.
struct ScratchFile {
    /// In memory where the machine has such a folder.
    private static let path: String = {
        let shared = "/dev/shm"
        let base = FileManager.default.isWritableFile(atPath: shared) ? shared : NSTemporaryDirectory()
        return "\(base)/tiktrue-fuzz-\(getpid())"
    }()

    static func with<Result>(_ bytes: [UInt8], _ body: (_ path: String) -> Result) -> Result {
        with(bytes, at: path) { body(path) }
    }

    /// A directory with these files.
    static func withDirectory(_ files: [String: [UInt8]], _ body: (_ path: String) -> Void) {
        let folder = path + "-files"
        mkdir(folder, 0o700)
        defer { rmdir(folder) }
        func write(_ rest: ArraySlice<(key: String, value: [UInt8])>) {
            guard let (name, bytes) = rest.first else { return body(folder) }
            with(bytes, at: "\(folder)/\(name)") { write(rest.dropFirst()) }
        }
        write(files.sorted { $0.key < $1.key }[...])
    }

    private static func with<Result>(_ bytes: [UInt8], at path: String, _ body: () -> Result) -> Result {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        precondition(descriptor >= 0, "\(path) cannot be written")
        defer { unlink(path) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            precondition(count > 0, "\(path) cannot be written")
            rest = rest.dropFirst(count)
        }
        close(descriptor)
        return body()
    }
}
