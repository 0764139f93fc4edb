import Foundation

/// A file descriptor that is closed with its owner, and the few system calls that storage needs, each with a typed error.
///
/// Not FileHandle: what is kept must be on disk before it is relied on, so every write ends in a checked `fsync`, and the
/// error must tell a full disk from everything else.
struct OpenFile: ~Copyable {
    let descriptor: Int32
    let path: String

    init(_ path: String, flags: Int32, mode: mode_t = 0o600) throws(StorageError) {
        var descriptor: Int32
        repeat { descriptor = open(path, flags | O_CLOEXEC, mode) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else { throw .system(errno, "open", path) }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    func status() throws(StorageError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno, "examine", path) }
        return status
    }

    /// Bytes in the file.
    func size() throws(StorageError) -> UInt64 { UInt64(clamping: try status().st_size) }

    /// Writes everything at the current position. On a full disk a prefix may have been written.
    func write(_ bytes: [UInt8]) throws(StorageError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno, "write", path)
            }
            written += count
        }
    }

    /// Up to `length` bytes from `offset`; fewer only where the file ends.
    func read(at offset: UInt64, length: Int) throws(StorageError) -> [UInt8] {
        guard let start = off_t(exactly: offset), length >= 0 else {
            throw .valueOutOfRange(what: "an offset into \(path)", value: "\(offset)")
        }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            while count < length {
                let got = pread(descriptor, buffer.baseAddress! + count, length - count, start + off_t(count))
                if got < 0 {
                    if errno == EINTR { continue }
                    failure = errno
                    return
                }
                if got == 0 { return }
                count += got
            }
        }
        guard failure == 0 else { throw .system(failure, "read", path) }
        return bytes
    }

    /// Returns when the content is on disk.
    func synchronize() throws(StorageError) {
        guard fsync(descriptor) == 0 else { throw .system(errno, "flush", path) }
    }
}

/// What is done to directories and names.
enum FileSystem {
    /// Makes the names in a directory durable: a rename is on disk only when its directory is.
    static func synchronizeDirectory(_ path: String) throws(StorageError) {
        try OpenFile(path, flags: O_RDONLY | O_DIRECTORY).synchronize()
    }

    /// Makes a directory that only its owner may enter, and its parents where they are missing.
    static func createDirectory(_ path: String) throws(StorageError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw .system(ENOTDIR, "use", path) }
            return
        }
        let parent = (path as NSString).deletingLastPathComponent
        if !parent.isEmpty && parent != path { try createDirectory(parent) }
        if mkdir(path, 0o700) != 0 && errno != EEXIST { throw .system(errno, "create", path) }
    }

    static func rename(_ old: String, to new: String) throws(StorageError) {
        guard Foundation.rename(old, new) == 0 else { throw .system(errno, "rename", old) }
    }

    /// Removes a file; one that is not there is no error.
    static func remove(_ path: String) throws(StorageError) {
        if unlink(path) != 0 && errno != ENOENT { throw .system(errno, "remove", path) }
    }

    /// Size of a regular file in bytes; nil where there is none of that name.
    static func regularFileSize(_ path: String) -> UInt64? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(clamping: status.st_size)
    }
}
