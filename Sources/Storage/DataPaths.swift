import Foundation
import Identity

/// Where everything of one peer lies. Computed alike by the running peer and by its clients; touches nothing.
public struct DataPaths: Hashable, Sendable {
    /// Absolute, with links resolved where the directory exists.
    public let root: String

    /// A relative path is taken from the working directory.
    public init(root: String) {
        if let resolved = realpath(root, nil) {
            self.root = String(cString: resolved)
            free(resolved)
        } else {
            let absolute =
                root.hasPrefix("/") ? root : FileManager.default.currentDirectoryPath + "/" + root
            self.root = (absolute as NSString).standardizingPath
        }
    }

    public var identity: String { root + "/identity.key" }
    public var state: String { root + "/state.sqlite" }
    public var pieces: String { root + "/pieces" }
    public var lock: String { root + "/lock" }

    /// `$TIKTRUE_DATA_DIR`, else `$XDG_DATA_HOME/tiktrue`, or `~/.local/share/tiktrue`. A relative XDG_DATA_HOME is ignored, as
    /// its specification says.
    public static func defaultRoot(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        if let chosen = environment["TIKTRUE_DATA_DIR"], !chosen.isEmpty { return chosen }
        return directory(environment: environment, variable: "XDG_DATA_HOME", fallback: ".local/share")
    }

    /// `$XDG_CACHE_HOME/tiktrue`, or `~/.cache/tiktrue`.
    public static func cacheRoot(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        directory(environment: environment, variable: "XDG_CACHE_HOME", fallback: ".cache")
    }

    private static func directory(environment: [String: String], variable: String, fallback: String) -> String {
        if let base = environment[variable], base.hasPrefix("/") { return base + "/tiktrue" }
        let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? NSHomeDirectory()
        return home + "/" + fallback + "/tiktrue"
    }
}

extension DataPaths {
    /// The longest path that fits `sockaddr_un.sun_path` (108 bytes) with the zero byte that ends it.
    public static let socketPathBytes = 107

    /// The socket over which clients command the peer. It lies in the data directory; where that path is too long for a
    /// socket, in a directory in /tmp that belongs to the same owner, under a name made from the path.
    ///
    /// The owner and the path decide, and nothing of the environment, so that a peer that was started as a service and a
    /// person's shell come to the same place.
    public var controlSocket: String {
        let direct = root + "/control.sock"
        if direct.utf8.count <= DataPaths.socketPathBytes { return direct }
        return fallbackSocketDirectory + "/" + Digest.of(Array(root.utf8)).description.prefix(32) + ".sock"
    }

    private var fallbackSocketDirectory: String {
        var status = stat()
        let owner = stat(root, &status) == 0 ? status.st_uid : geteuid()
        return "/tmp/tiktrue-\(owner)"
    }

    /// Makes the directory of the socket where it is not the data directory itself, and refuses one that others may enter:
    /// /tmp belongs to everybody.
    func prepareSocketDirectory() throws(StorageError) {
        guard controlSocket != root + "/control.sock" else { return }
        let directory = fallbackSocketDirectory
        if mkdir(directory, 0o700) != 0 && errno != EEXIST { throw .system(errno, "create", directory) }
        var status = stat()
        guard lstat(directory, &status) == 0 else { throw .system(errno, "examine", directory) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw .directoryUnusable(
                path: root, reason: "its path is too long for a socket, and \(directory) is open to others")
        }
    }
}
