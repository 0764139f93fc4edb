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
        return body(path)
    }
}
