import Dispatch
import Storage

extension DiskService {
    /// Events wait up to this long, so that many of them share one write.
    private static let eventPause = DispatchTimeInterval.seconds(1)
    /// Events that may wait. More come only where something repeats itself, and the log has them all.
    private static let eventsWaitingMax = 1000

    /// Keeps an event for whoever asks what has happened. It is no loss to count on where it is lost.
    func note(_ text: String, at seconds: UInt64) {
        let isFirst = events.withLock { events in
            guard events.count < DiskService.eventsWaitingMax else { return false }
            events.append((seconds, text))
            return events.count == 1
        }
        if isFirst { queue.asyncAfter(deadline: .now() + DiskService.eventPause) { self.writeEvents() } }
    }

    /// On `queue`.
    func writeEvents() {
        let batch = events.withLock { events in
            let batch = events
            events = []
            return batch
        }
        // Where it fails, the disk is full or broken: what must not be lost will say so.
        if !batch.isEmpty, failure == nil { try? state.append(events: batch) }
    }

    /// Waits until everything that was asked for is done.
    func finish() async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                writeEvents()
                continuation.resume()
            }
        }
    }
}
