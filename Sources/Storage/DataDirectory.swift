import Foundation

/// The directory of one running peer, held by a lock for as long as this value lives.
///
/// The lock is `flock`: the system lets go of it when the process ends, however it ends, so no stale lock can keep a peer
/// from starting.
public final class DataDirectory: Sendable {
    public let paths: DataPaths
    private let lock: Int32

    /// Makes the directory where it is missing (mode 0700), and takes its lock.
    /// Throws `directoryInUse` where another peer has it.
    public init(path: String) throws(StorageError) {
        do {
            try FileSystem.createDirectory(DataPaths(root: path).root)
        } catch .systemRefused(_, let refused, let reason) {
            let wanted = DataPaths(root: path).root
            throw .directoryUnusable(path: wanted, reason: refused == wanted ? reason : "\(refused): \(reason)")
        }
        // Only now, since links are resolved only where the directory exists.
        let paths = DataPaths(root: path)
        let descriptor = open(paths.lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            if errno == ENOSPC { throw .diskFull(path: paths.lock) }
            throw .directoryUnusable(path: paths.root, reason: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = DataDirectory.holder(descriptor)
            close(descriptor)
            if code == EWOULDBLOCK { throw .directoryInUse(path: paths.root, process: holder) }
            throw .system(code, "lock", paths.lock)
        }
        self.paths = paths
        self.lock = descriptor
        DataDirectory.writeHolder(descriptor)
        try paths.prepareSocketDirectory()
    }

    deinit { close(lock) }

    /// The process that wrote its number into the lock file. For people only: nothing is decided by it.
    private static func holder(_ descriptor: Int32) -> Int? {
        var buffer = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private static func writeHolder(_ descriptor: Int32) {
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor, 0) == 0 else { return }
        _ = pwrite(descriptor, text, text.count, 0)
    }
}
