import Foundation

/// Lines of standard input, read so that one can wait for Ctrl-C at the same time.
struct LineReader {
    enum Outcome: Equatable {
        case line(String)
        case ended
        case interrupted
    }

    /// No person types more in one line, and no prompt needs more.
    private static let bytesLimit = 1 << 20

    private var bytes: [UInt8] = []
    private var hasEnded = false

    /// The next line, without its line feed. A last line without one counts.
    mutating func next(interruption: Int32?) -> Outcome {
        while true {
            if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: bytes[..<end], as: UTF8.self)
                bytes.removeFirst(end + 1)
                return .line(line)
            }
            if hasEnded || bytes.count > LineReader.bytesLimit {
                guard !bytes.isEmpty else { return .ended }
                defer { bytes = [] }
                return .line(String(decoding: bytes, as: UTF8.self))
            }
            var waits = [pollfd(fd: 0, events: Int16(POLLIN), revents: 0)]
            if let interruption { waits.append(pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)) }
            guard poll(&waits, nfds_t(waits.count), -1) >= 0 else {
                if errno == EINTR { continue }
                return .ended
            }
            if waits.count > 1, waits[1].revents != 0 { return .interrupted }
            guard waits[0].revents != 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            let count = read(0, &buffer, buffer.count)
            if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            if count <= 0 { hasEnded = true } else { bytes.append(contentsOf: buffer[..<count]) }
        }
    }
}
