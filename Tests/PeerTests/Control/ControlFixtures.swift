import Foundation
import NIOPosix
import Synchronization

@testable import Peer

/// A short directory for a socket, removed with its owner.
final class SocketScratch: Sendable {
    let directory: String
    var path: String { directory + "/control.sock" }

    init() throws {
        directory = "/tmp/tiktrue-test-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }
}

/// A service that answers each kind of request in one fixed way.
final class ScriptedService: ControlService {
    /// Ends when a request's task was cancelled.
    let cancellations: AsyncStream<Void>
    private let cancelled: AsyncStream<Void>.Continuation

    init() { (cancellations, cancelled) = AsyncStream.makeStream() }

    func perform(_ request: ControlRequest, emit: @escaping @Sendable (ControlEvent) -> Void) async {
        switch request {
        case .networkList:
            emit(.result(.networks([])))
        case .modelAdd(let path, let name):
            for step in 0...100 { emit(.progress(text: "\(path) as \(name ?? "-")", fraction: Double(step) / 100)) }
            emit(.result(.done))
        case .networkLeave(let network):
            emit(.failure("this peer is not in the network \(network); tiktrue network list names them"))
        case .networkDiscover:
            break
        case .chat(let chat):
            guard chat.maxTokens > 0 else {
                // An answer without an end, until the client goes away.
                emit(.text("first"))
                let stream = AsyncStream<Void> { _ in }
                for await _ in stream {}
                if Task.isCancelled { cancelled.yield() }
                return
            }
            for token in 0..<chat.maxTokens { emit(.text("\(token)\n")) }
            emit(.notice("peer attic was lost"))
            emit(.result(.done))
            emit(.text("after the end"))
        default:
            emit(.failure("not in the script"))
        }
    }
}

/// Runs blocking code on a thread of its own: the threads that tasks share must not be held.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Everything that came over a request's connection.
struct Transcript: Sendable {
    var events: [ControlEvent]
    var result: ControlResult
}

/// A server with the scripted service on a socket of its own.
struct ControlBench {
    let scratch: SocketScratch
    let service = ScriptedService()
    let server: ControlServer

    init() async throws {
        scratch = try SocketScratch()
        server = try await ControlServer.start(
            path: scratch.path, service: service, group: MultiThreadedEventLoopGroup.singleton)
    }

    func perform(_ request: ControlRequest) async throws -> Transcript {
        let path = scratch.path
        return try await onThread {
            let events = Mutex<[ControlEvent]>([])
            let result = try ControlClient(socketPath: path).perform(request) { event in
                events.withLock { $0.append(event) }
            }
            return Transcript(events: events.withLock { $0 }, result: result)
        }
    }

    /// Sends the bytes as they are, and returns the one event that comes back.
    func sendRaw(_ bytes: [UInt8]) async throws -> ControlEvent? {
        let path = scratch.path
        return try await onThread {
            let descriptor = try UnixSocket.make(for: path)
            defer { close(descriptor) }
            guard UnixSocket.connect(descriptor, to: path) == 0 else { return nil }
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count < 0 { break }
                sent += count
            }
            var lines = LineBuffer(limit: ControlLine.bytesLimit)
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                if let line = try lines.next() { return ControlLine.decode(ControlEvent.self, from: line) }
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return nil }
                lines.append(Array(buffer[..<count]))
            }
        }
    }
}
