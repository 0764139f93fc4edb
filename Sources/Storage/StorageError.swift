import Foundation
import GRDB
import Identity

/// Why something could not be kept, or could not be found again.
public enum StorageError: Error, Equatable, CustomStringConvertible {
    case directoryUnusable(path: String, reason: String)
    /// Another peer runs on the same data directory. The process is told where it is known.
    case directoryInUse(path: String, process: Int?)
    case identityReadableByOthers(path: String, mode: Int)
    case identityMalformed(path: String)
    case diskFull(path: String)
    /// The system refused: what was attempted, on which file, and the system's own words.
    case systemRefused(operation: String, path: String, reason: String)
    case databaseDamaged(path: String)
    /// The database was written by a later version of this program.
    case databaseFromLaterVersion(path: String)
    case databaseFailed(path: String, reason: String)
    case valueOutOfRange(what: String, value: String)
    /// What Raft was to write belongs to a generation of the network that a later one has replaced.
    case generationOutdated(network: NetworkID, kept: UInt64, offered: UInt64)
    /// What Raft was to write does not go on from the log that is kept.
    case logBroken(network: NetworkID, index: UInt64)
    case pieceMissing(Digest)
    case pieceReadBeyondEnd(Digest, offset: UInt64, length: Int, size: UInt64)
    case pieceTooLarge(Digest, size: UInt64, limit: UInt64)
    case pieceOffsetWrong(Digest, expected: UInt64, given: UInt64)
    case pieceIncomplete(Digest, have: UInt64, size: UInt64)
    /// The bytes that came are not those that the name promises. They are deleted.
    case pieceMismatch(expected: Digest, found: Digest)

    public var description: String {
        switch self {
        case .directoryUnusable(let path, let reason):
            "the data directory \(path) cannot be used (\(reason)); give another one with --data-dir"
        case .directoryInUse(let path, let process):
            "another peer\(process.map { " (process \($0))" } ?? "") runs on the data directory \(path); "
                + "stop it, or give another directory with --data-dir"
        case .identityReadableByOthers(let path, let mode):
            "the identity file \(path) has mode \(String(mode, radix: 8)), so others could read this peer's secret; "
                + "run: chmod 600 \(path)"
        case .identityMalformed(let path):
            "the identity file \(path) is damaged; put back a copy of it, or remove it to become a new peer"
        case .diskFull(let path):
            "the disk is full, so \(path) cannot be written; free some space and try again"
        case .systemRefused(let operation, let path, let reason):
            "the system refused to \(operation) \(path): \(reason)"
        case .databaseDamaged(let path):
            "the database \(path) is damaged; put back a copy of it, or remove it and join your networks again"
        case .databaseFromLaterVersion(let path):
            "the database \(path) was written by a later version of tiktrue; install that version or a newer one"
        case .databaseFailed(let path, let reason):
            "the database \(path) failed: \(reason)"
        case .valueOutOfRange(let what, let value):
            "\(what) holds \(value), which cannot be kept"
        case .generationOutdated(let network, let kept, let offered):
            "the network \(network.short) was recovered (generation \(kept)), so nothing is written to generation \(offered)"
        case .logBroken(let network, let index):
            "entry \(index) does not go on from the log that is kept of the network \(network.short), so it is refused"
        case .pieceMissing(let digest):
            "the piece \(digest.short) is not on this peer"
        case .pieceReadBeyondEnd(let digest, let offset, let length, let size):
            "\(length) bytes at \(offset) were asked of the piece \(digest.short), which has \(size)"
        case .pieceTooLarge(let digest, let size, let limit):
            "the piece \(digest.short) would have \(size) bytes, over the limit of \(limit)"
        case .pieceOffsetWrong(let digest, let expected, let given):
            "the piece \(digest.short) goes on at \(expected), but bytes for \(given) came"
        case .pieceIncomplete(let digest, let have, let size):
            "the piece \(digest.short) has \(have) of its \(size) bytes so far"
        case .pieceMismatch(let expected, let found):
            "the bytes of the piece \(expected.short) have the digest \(found.short), so they are thrown away; "
                + "fetch it from another peer"
        }
    }

    /// True where freeing space on the disk is what helps.
    public var isDiskFull: Bool {
        if case .diskFull = self { true } else { false }
    }
}

extension StorageError {
    /// What a failed system call means.
    static func system(_ code: Int32, _ operation: String, _ path: String) -> StorageError {
        if code == ENOSPC || code == EDQUOT { return .diskFull(path: path) }
        return .systemRefused(operation: operation, path: path, reason: String(cString: strerror(code)))
    }

    /// What a failure inside SQLite means.
    static func database(_ error: any Error, _ path: String) -> StorageError {
        if let error = error as? StorageError { return error }
        guard let error = error as? DatabaseError else {
            return .databaseFailed(path: path, reason: "\(error)")
        }
        switch error.resultCode {
        case .SQLITE_FULL: return .diskFull(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .databaseDamaged(path: path)
        default: return .databaseFailed(path: path, reason: error.message ?? "\(error.resultCode)")
        }
    }
}

extension Digest {
    /// The first eight digits, for people to read.
    var short: String { String(description.prefix(8)) }
}
