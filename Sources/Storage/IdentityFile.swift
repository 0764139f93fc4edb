import Foundation
import Identity

/// The file that holds a peer's secret: a header line, then the seed of its Ed25519 key as 64 hexadecimal digits.
///
/// Whoever reads it can be this peer, so it is refused when anybody but its owner may.
public enum IdentityFile {
    private static let header = "tiktrue identity 1"
    /// More than any valid file has.
    private static let sizeLimit = 256

    /// The key in the file, or a new one that is written there and is on disk when this returns.
    /// Call it only while the data directory's lock is held.
    public static func loadOrCreate(at path: String) throws(StorageError) -> SigningKey {
        if let key = try load(from: path) { return key }
        let key = SigningKey.random()
        try create(key, at: path)
        return key
    }

    /// Nil where there is no such file.
    public static func load(from path: String) throws(StorageError) -> SigningKey? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw .system(errno, "examine", path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .identityMalformed(path: path) }
        let file = try OpenFile(path, flags: O_RDONLY | O_NOFOLLOW)
        // Asked of what was opened, not of the name: the name could have changed hands in between.
        let mode = Int(try file.status().st_mode & 0o777)
        guard mode & 0o077 == 0 else { throw .identityReadableByOthers(path: path, mode: mode) }
        let text = String(decoding: try file.read(at: 0, length: sizeLimit + 1), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 3, lines[0] == header, lines[2].isEmpty, let seed = Hex.decode(lines[1]),
            let key = SigningKey(seed: seed)
        else { throw .identityMalformed(path: path) }
        return key
    }

    private static func create(_ key: SigningKey, at path: String) throws(StorageError) {
        // Under another name first, so that a crash leaves either no identity or a whole one.
        let unfinished = path + ".new"
        try FileSystem.remove(unfinished)
        do {
            let file = try OpenFile(unfinished, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try file.write(Array("\(header)\n\(Hex.encode(key.seed))\n".utf8))
            try file.synchronize()
        }
        try FileSystem.rename(unfinished, to: path)
        try FileSystem.synchronizeDirectory((path as NSString).deletingLastPathComponent)
    }
}
