import Foundation
import Identity
import Wire

/// The pieces of models that this peer has: files in one directory, each named by the digest of what is in it.
///
/// A file under its final name is whole and verified: it got that name only after its bytes were hashed and on disk. What is
/// still coming lies beside it as `<digest>.partial`, and its length says where to go on. Holds no state of its own, so two
/// values for one directory agree; two writers of the same partial piece are the caller's mistake, and the offsets catch it.
public struct PieceStore: Sendable {
    public let directory: String

    /// Makes the directory where it is missing.
    public init(directory: String) throws(StorageError) {
        try FileSystem.createDirectory(directory)
        self.directory = directory
    }

    /// Where the piece lies, or would.
    public func path(for digest: Digest) -> String { "\(directory)/\(digest)" }

    public func has(_ digest: Digest) -> Bool { size(of: digest) != nil }

    /// Bytes; nil where the piece is not here.
    public func size(of digest: Digest) -> UInt64? { FileSystem.regularFileSize(path(for: digest)) }

    /// Exactly `length` bytes from `offset`.
    public func read(_ digest: Digest, offset: UInt64, length: Int) throws(StorageError) -> [UInt8] {
        guard let size = size(of: digest) else { throw .pieceMissing(digest) }
        guard length >= 0, offset <= size, UInt64(length) <= size - offset else {
            throw .pieceReadBeyondEnd(digest, offset: offset, length: length, size: size)
        }
        let bytes = try OpenFile(path(for: digest), flags: O_RDONLY | O_NOFOLLOW).read(at: offset, length: length)
        guard bytes.count == length else {
            throw .pieceReadBeyondEnd(digest, offset: offset, length: length, size: offset + UInt64(bytes.count))
        }
        return bytes
    }

    /// Removes the piece and what may have come of it so far.
    public func remove(_ digest: Digest) throws(StorageError) {
        try FileSystem.remove(path(for: digest))
        try FileSystem.remove(PartialPiece.path(for: digest, in: self))
    }

    /// Every piece that is here, ascending. Whatever else lies in the directory is passed over.
    public func heldDigests() throws(StorageError) -> [Digest] { try digests(suffix: "") }

    /// Every piece of which something has come.
    public func partialDigests() throws(StorageError) -> [Digest] { try digests(suffix: PartialPiece.suffix) }

    private func digests(suffix: String) throws(StorageError) -> [Digest] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw .systemRefused(operation: "list", path: directory, reason: error.localizedDescription)
        }
        return names.compactMap { name in
            guard name.hasSuffix(suffix) else { return nil }
            let stem = name.dropLast(suffix.count)
            guard let digest = Digest(hex: stem), digest.description == stem,
                FileSystem.regularFileSize("\(directory)/\(name)") != nil
            else { return nil }
            return digest
        }.sorted()
    }

    /// A piece that is to be fetched, or gone on with. `size` is what the manifest promises.
    public func partial(_ piece: Piece) throws(StorageError) -> PartialPiece {
        guard (1...Limits.pieceBytes).contains(piece.size) else {
            throw .pieceTooLarge(piece.digest, size: piece.size, limit: Limits.pieceBytes)
        }
        return PartialPiece(piece: piece, store: self)
    }
}
