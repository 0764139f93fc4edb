import Foundation
import Logging
import Synchronization

/// One line to standard error for each event: time, level, sentence.
struct LineLogHandler: LogHandler {
    let writer: LogWriter
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    init(writer: LogWriter) { self.writer = writer }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        localtime_r(&now.tv_sec, &parts)
        let time = String(
            format: "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec / 1_000_000)
        let extra = event.metadata.map { $0.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined() } ?? ""
        writer.write("\(time) \(event.level) " + LineLogHandler.harmless("\(event.message)\(extra)") + "\n")
    }

    /// Names in it come from other peers: no control character of theirs may reach a terminal or begin a line of its own.
    static func harmless(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            scalars.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(scalars)
    }
}

/// Writes lines to standard error, in order, without ever making the one who logs wait: a terminal that Ctrl-S holds, or a
/// pipe whose reader sleeps, must not stop the event loop. What such a reader is too slow for is dropped, and counted.
final class LogWriter: Sendable {
    private static let linesLimit = 1024

    private struct State {
        var waiting = 0
        var dropped = 0
    }

    private let queue = DispatchQueue(label: "log")
    private let state = Mutex(State())

    func write(_ line: String) {
        let hasRoom = state.withLock { state in
            guard state.waiting < LogWriter.linesLimit else {
                state.dropped += 1
                return false
            }
            state.waiting += 1
            return true
        }
        guard hasRoom else { return }
        queue.async { [self] in
            // Where nobody reads the log any more, the peer goes on without.
            try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
            let dropped = state.withLock { state in
                state.waiting -= 1
                guard state.waiting == 0 else { return 0 }
                defer { state.dropped = 0 }
                return state.dropped
            }
            if dropped > 0 {
                try? FileHandle.standardError.write(contentsOf: Data("(\(dropped) lines were not written)\n".utf8))
            }
        }
    }

    /// Waits until everything is written, but not for a reader that sleeps.
    func flush() {
        let written = DispatchSemaphore(value: 0)
        queue.async { written.signal() }
        _ = written.wait(timeout: .now() + 1)
    }
}
