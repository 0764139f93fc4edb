import Identity
import MeshCore
import Storage
import Wire

extension DiskService {
    /// Writes what must survive a loss of power, and answers nil once it would. An error is final: the peer must stop.
    ///
    /// Writes that come while a transaction is under way share the next one, since it is the waiting for the disk that
    /// takes time. They are done, and answered, in the order in which they were asked for. After one has failed nothing
    /// more is written, so that nothing on disk stands on what is missing there.
    func persist(_ write: AgreedWrite, done: @escaping @Sendable (StorageError?) -> Void) {
        let isFirst = waiting.withLock { waiting in
            waiting.append(PendingWrite(write: write, done: done))
            return waiting.count == 1
        }
        // The one that finds nobody waiting calls for a transaction; the others ride along.
        if isFirst { queue.async { self.writeWaiting() } }
    }

    private func writeWaiting() {
        let batch = waiting.withLock { waiting in
            let batch = waiting
            waiting = []
            return batch
        }
        if failure == nil {
            do throws(StorageError) {
                try state.save(batch.map(\.write))
            } catch {
                failure = error
            }
        }
        for pending in batch { pending.done(failure) }
    }
}

/// A write, and who waits for it.
struct PendingWrite: Sendable {
    let write: AgreedWrite
    let done: @Sendable (StorageError?) -> Void
}
