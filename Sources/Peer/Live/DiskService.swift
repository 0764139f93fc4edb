import Dispatch
import Identity
import MeshCore
import Storage
import Synchronization
import Wire

/// Everything that a peer reads from and writes to disk while it runs, on one thread, in the order in which it was asked for.
///
/// Unchecked: the downloads that are open, and the failure, are touched on `queue` only.
final class DiskService: @unchecked Sendable {
    let queue = DispatchQueue(label: "disk")
    let state: StateStore
    /// What waits for the next transaction.
    let waiting = Mutex<[PendingWrite]>([])
    /// What happened, and is not written yet.
    let events = Mutex<[(at: UInt64, text: String)]>([])
    /// Why a transaction failed.
    var failure: StorageError?
    private let pieces: PieceStore
    private var open: [Digest: PartialPiece] = [:]

    init(state: StateStore, pieces: PieceStore) {
        self.state = state
        self.pieces = pieces
    }

    func open(_ piece: Piece, answer: @escaping @Sendable (Input) -> Void) {
        queue.async { [self] in
            do throws(StorageError) {
                if pieces.has(piece.digest) { return answer(.pieceStored(piece.digest)) }
                let partial = try pieces.partial(piece)
                open[piece.digest] = partial
                if partial.isFull {
                    try complete(partial)
                    answer(.pieceStored(piece.digest))
                } else {
                    answer(.partOpened(piece.digest, offset: partial.offset))
                }
            } catch {
                answer(.partFailed(piece.digest, reason: error.description))
            }
        }
    }

    func write(_ digest: Digest, offset: UInt64, bytes: Payload, answer: @escaping @Sendable (Input) -> Void) {
        queue.async { [self] in
            // Parts that were under way when an earlier one failed.
            guard let partial = open[digest] else { return }
            do throws(StorageError) {
                let next = try partial.append(bytes.bytes, at: offset)
                if partial.isFull {
                    try complete(partial)
                    answer(.pieceStored(digest))
                } else {
                    answer(.partWritten(digest, next: next))
                }
            } catch {
                open[digest] = nil
                answer(.partFailed(digest, reason: error.description))
            }
        }
    }

    private func complete(_ partial: PartialPiece) throws(StorageError) {
        open[partial.piece.digest] = nil
        try partial.complete()
    }

    func read(_ request: PieceRequest, for link: LinkID, answer: @escaping @Sendable (Input) -> Void) {
        queue.async { [pieces] in
            var bytes: [UInt8]?
            let total = pieces.size(of: request.digest) ?? 0
            if request.offset < total {
                let length = Int(min(UInt64(request.length), total - request.offset))
                bytes = try? pieces.read(request.digest, offset: request.offset, length: length)
            }
            answer(.partRead(link, request, total: total, bytes: bytes))
        }
    }

    /// Does something else with the stores, in its turn.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (StateStore, PieceStore) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                writeEvents()
                continuation.resume(with: Result { try body(state, pieces) })
            }
        }
    }
}
