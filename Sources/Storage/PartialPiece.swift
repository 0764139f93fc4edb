import Foundation
import Identity
import Wire

/// A piece on its way to this peer. The length of its file is how much has come, so that fetching goes on there after a broken
/// link or a restart; whether the bytes are right is decided once, over the whole file, when the last one is here.
public struct PartialPiece: Sendable {
    public let piece: Piece
    let store: PieceStore

    static let suffix = ".partial"
    /// The file is hashed in steps of this many bytes.
    private static let hashStep = 1 << 20

    static func path(for digest: Digest, in store: PieceStore) -> String { store.path(for: digest) + suffix }
    private var path: String { PartialPiece.path(for: piece.digest, in: store) }

    /// How many bytes have come: where to go on.
    public var offset: UInt64 { FileSystem.regularFileSize(path) ?? 0 }

    /// True when every byte is here and `complete()` is due.
    public var isFull: Bool { offset == piece.size }

    /// Adds bytes that belong at `offset`, and returns where to go on. Bytes for any other place, and such as go beyond the
    /// size, are refused and change nothing.
    @discardableResult
    public func append(_ bytes: [UInt8], at offset: UInt64) throws(StorageError) -> UInt64 {
        let file = try OpenFile(path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)
        let have = try file.size()
        guard offset == have else { throw .pieceOffsetWrong(piece.digest, expected: have, given: offset) }
        let (end, overflow) = have.addingReportingOverflow(UInt64(bytes.count))
        guard !overflow, end <= piece.size else {
            throw .pieceTooLarge(piece.digest, size: overflow ? .max : end, limit: piece.size)
        }
        try file.write(bytes)
        return end
    }

    /// Verifies the whole, and gives it its name when it is on disk. Bytes with another digest are deleted.
    public func complete() throws(StorageError) {
        let have = offset
        guard have >= piece.size else { throw .pieceIncomplete(piece.digest, have: have, size: piece.size) }
        let found = try digest()
        guard found == piece.digest, have == piece.size else {
            try discard()
            throw .pieceMismatch(expected: piece.digest, found: found)
        }
        try OpenFile(path, flags: O_RDWR | O_NOFOLLOW).synchronize()
        try FileSystem.rename(path, to: store.path(for: piece.digest))
        try FileSystem.synchronizeDirectory(store.directory)
    }

    /// Forgets what has come.
    public func discard() throws(StorageError) { try FileSystem.remove(path) }

    private func digest() throws(StorageError) -> Digest {
        let file = try OpenFile(path, flags: O_RDONLY | O_NOFOLLOW)
        let hasher = DigestHasher()
        var offset: UInt64 = 0
        while true {
            let bytes = try file.read(at: offset, length: PartialPiece.hashStep)
            if bytes.isEmpty { return hasher.finish() }
            hasher.update(bytes)
            offset += UInt64(bytes.count)
        }
    }
}
