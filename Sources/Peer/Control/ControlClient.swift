import Foundation

/// The command line's end of the control socket: sends one request and reads events until the result. Blocks its thread.
public struct ControlClient: Sendable {
    public let socketPath: String

    public init(socketPath: String) { self.socketPath = socketPath }

    /// Sends the request, hands over each event but the last, and returns the result.
    ///
    /// - Parameter interruption: a descriptor that becomes readable when the person wants to stop. The connection is closed
    ///   then, which makes the peer stop its work, and `interrupted` is thrown.
    /// - Throws: `failed` with the peer's sentence where it could not do what was asked.
    public func perform(
        _ request: ControlRequest, interruption: Int32? = nil, onEvent: (ControlEvent) throws -> Void = { _ in }
    ) throws -> ControlResult {
        let line = try ControlLine.encode(request)
        let descriptor = try UnixSocket.make(for: socketPath)
        defer { close(descriptor) }
        switch UnixSocket.connect(descriptor, to: socketPath) {
        case 0: break
        case ENOENT, ECONNREFUSED, ENOTDIR: throw ControlError.noPeer
        case EACCES, EPERM: throw ControlError.notPermitted(path: socketPath)
        case ENAMETOOLONG: throw ControlError.pathTooLong(path: socketPath)
        case let code: throw UnixSocket.refused("connect to", socketPath, code: code)
        }
        try send(line, over: descriptor)
        var lines = LineBuffer(limit: ControlLine.bytesLimit)
        while true {
            while let line = try lines.next() {
                guard let event = ControlLine.decode(ControlEvent.self, from: line) else {
                    throw ControlError.unreadableAnswer
                }
                switch event {
                case .result(let result): return result
                case .failure(let sentence): throw ControlError.failed(sentence)
                case .progress, .text, .notice: try onEvent(event)
                }
            }
            lines.append(try receive(from: descriptor, interruption: interruption))
        }
    }

    private func send(_ bytes: [UInt8], over descriptor: Int32) throws(ControlError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.send(descriptor, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                // The peer closes early when it refuses a client; its reason may still be there to read.
                if errno == EPIPE || errno == ECONNRESET { return }
                throw UnixSocket.refused("write to", socketPath)
            }
            sent += count
        }
    }

    private func receive(from descriptor: Int32, interruption: Int32?) throws(ControlError) -> [UInt8] {
        while true {
            var waits = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
            if let interruption { waits.append(pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)) }
            guard poll(&waits, nfds_t(waits.count), -1) >= 0 else {
                if errno == EINTR { continue }
                throw UnixSocket.refused("wait for", socketPath)
            }
            if waits.count > 1, waits[1].revents != 0 { throw .interrupted }
            guard waits[0].revents != 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 {
                if errno == EINTR { continue }
                throw .connectionLost
            }
            guard count > 0 else { throw .connectionLost }
            return Array(buffer[..<count])
        }
    }
}

/// Bytes cut into lines, with a bound on how long a line may grow.
struct LineBuffer {
    private let limit: Int
    private var bytes: [UInt8] = []
    /// Where the next line begins, and up to where no line feed was found.
    private var start = 0
    private var searched = 0

    init(limit: Int) { self.limit = limit }

    mutating func append(_ more: [UInt8]) {
        if start > 0 {
            bytes.removeFirst(start)
            searched -= start
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// The next whole line without its line feed; nil where more bytes are needed.
    mutating func next() throws(ControlError) -> [UInt8]? {
        guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            let length = bytes.count - start
            guard length <= limit else { throw .lineTooLong(bytes: length, limit: limit) }
            return nil
        }
        let length = end - start
        guard length <= limit else { throw .lineTooLong(bytes: length, limit: limit) }
        let line = Array(bytes[start..<end])
        start = end + 1
        searched = start
        return line
    }
}
