import Foundation
import NIOPosix
import Testing

@testable import Peer

@Suite("The control socket")
struct ControlSocketTests {
    @Test("carries a request there and its result back")
    func roundTrip() async throws {
        let bench = try await ControlBench()
        #expect(try await bench.perform(.networkList).result == .networks([]))
        await bench.server.stop()
    }

    @Test("carries a streamed answer whole and in order, and nothing after the result")
    func streams() async throws {
        let bench = try await ControlBench()
        let chat = ChatRequest(messages: [.init(role: .user, content: "سلام \"quoted\"\nline")], maxTokens: 500)
        let transcript = try await bench.perform(.chat(chat))
        let expected = (0..<500).map { ControlEvent.text("\($0)\n") } + [.notice("peer attic was lost")]
        #expect(transcript.events == expected)
        #expect(transcript.result == .done)
        await bench.server.stop()
    }

    @Test("gives the peer's sentence when it fails")
    func failure() async throws {
        let bench = try await ControlBench()
        let sentence = "this peer is not in the network x; tiktrue network list names them"
        await #expect(throws: ControlError.failed(sentence)) { try await bench.perform(.networkLeave(network: "x")) }
        await bench.server.stop()
    }

    @Test("tells when the peer's work ended without a result")
    func noResult() async throws {
        let bench = try await ControlBench()
        await #expect(throws: ControlError.failed("the peer ended its work on this command without a result")) {
            try await bench.perform(.networkDiscover)
        }
        await bench.server.stop()
    }

    @Test("cancels the work when the client goes away")
    func cancelsOnDisconnect() async throws {
        let bench = try await ControlBench()
        let path = bench.scratch.path
        // The first part of the answer makes the pipe readable, which is what Ctrl-C does.
        let outcome = try await onThread { () -> ControlError? in
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { return nil }
            defer { ends.forEach { close($0) } }
            let writeEnd = ends[1]
            do {
                let chat = ChatRequest(messages: [], maxTokens: 0)
                _ = try ControlClient(socketPath: path).perform(.chat(chat), interruption: ends[0]) { _ in
                    var byte: UInt8 = 1
                    _ = write(writeEnd, &byte, 1)
                }
                return nil
            } catch {
                return error as? ControlError
            }
        }
        #expect(outcome == .interrupted)
        var cancellations = bench.service.cancellations.makeAsyncIterator()
        #expect(await cancellations.next() != nil)
        await bench.server.stop()
    }

    @Test("ends clients and their work when the server stops")
    func stopEndsClients() async throws {
        let bench = try await ControlBench()
        let path = bench.scratch.path
        let (started, start) = AsyncStream<Void>.makeStream()
        async let outcome = onThread { () -> ControlError? in
            do {
                _ = try ControlClient(socketPath: path).perform(.chat(ChatRequest(messages: [], maxTokens: 0))) { _ in
                    start.yield()
                }
                return nil
            } catch {
                return error as? ControlError
            }
        }
        var startedIterator = started.makeAsyncIterator()
        _ = await startedIterator.next()
        await bench.server.stop()
        #expect(try await outcome == .connectionLost)
        var cancellations = bench.service.cancellations.makeAsyncIterator()
        #expect(await cancellations.next() != nil)
    }

    @Test("refuses a line over the limit with a sentence")
    func oversizeLine() async throws {
        let bench = try await ControlBench()
        let event = try await bench.sendRaw(
            [UInt8](repeating: UInt8(ascii: "x"), count: ControlLine.bytesLimit + 100_000))
        guard case .failure(let sentence) = event else {
            Issue.record("expected a failure, got \(String(describing: event))")
            return
        }
        #expect(sentence.contains("over the limit of \(ControlLine.bytesLimit)"))
        #expect(try await bench.perform(.networkList).result == .networks([]))
        await bench.server.stop()
    }

    @Test("refuses what is no request with a sentence", arguments: ["", "{}", "[1,2", "\u{0}\u{1}", "{\"fly\":{}}"])
    func nonsense(line: String) async throws {
        let bench = try await ControlBench()
        let event = try await bench.sendRaw(Array(line.utf8) + [10])
        #expect(event == .failure("the peer cannot read this command; is it the same version as the peer?"))
        await bench.server.stop()
    }

    @Test("a request that is too long is refused before it is sent")
    func oversizeRequest() async throws {
        let bench = try await ControlBench()
        let content = String(repeating: "x", count: ControlLine.bytesLimit)
        await #expect(throws: ControlError.self) {
            try await bench.perform(.chat(ChatRequest(messages: [.init(role: .user, content: content)])))
        }
        await bench.server.stop()
    }

    @Test("serves many clients at once")
    func manyClients() async throws {
        let bench = try await ControlBench()
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...20 {
                group.addTask {
                    let chat = ChatRequest(messages: [], maxTokens: number)
                    return try await bench.perform(.chat(chat)).events.count - 1
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(count == 210)
        await bench.server.stop()
    }

    @Test("refuses a client over the limit, and serves again when one has left")
    func tooManyClients() async throws {
        let bench = try await ControlBench()
        let path = bench.scratch.path
        let request = try ControlLine.encode(ControlRequest.chat(ChatRequest(messages: [], maxTokens: 0)))
        let busy = try await onThread {
            try (0..<ControlConnections.limit).map { _ in
                let descriptor = try UnixSocket.make(for: path)
                _ = UnixSocket.connect(descriptor, to: path)
                _ = write(descriptor, request, request.count)
                // The first part of an answer shows that this client has its place.
                var byte: UInt8 = 0
                _ = read(descriptor, &byte, 1)
                return descriptor
            }
        }
        let refusal = "the peer serves \(ControlConnections.limit) commands already; try again soon"
        await #expect(throws: ControlError.failed(refusal)) { try await bench.perform(.networkList) }
        busy.forEach { close($0) }
        // The server sees the ends in its own time; a client that comes before that is refused once more.
        while (try? await bench.perform(.networkList)) == nil {}
        await bench.server.stop()
    }
}

@Suite("The control socket's file")
struct ControlSocketFileTests {
    @Test("only its owner can open it")
    func narrowMode() async throws {
        let bench = try await ControlBench()
        var status = stat()
        #expect(stat(bench.scratch.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        await bench.server.stop()
    }

    @Test("is removed when the server stops")
    func isRemoved() async throws {
        let bench = try await ControlBench()
        await bench.server.stop()
        #expect(!FileManager.default.fileExists(atPath: bench.scratch.path))
    }

    @Test("is replaced when nobody answers on it")
    func staleIsReplaced() async throws {
        let scratch = try SocketScratch()
        let descriptor = try UnixSocket.make(for: scratch.path)
        #expect(UnixSocket.bind(descriptor, to: scratch.path) == 0)
        close(descriptor)
        let server = try await ControlServer.start(
            path: scratch.path, service: ScriptedService(), group: MultiThreadedEventLoopGroup.singleton)
        await server.stop()
    }

    @Test("is left alone when somebody answers on it")
    func livingIsKept() async throws {
        let bench = try await ControlBench()
        await #expect(throws: ControlError.socketInUse(path: bench.scratch.path)) {
            _ = try await ControlServer.start(
                path: bench.scratch.path, service: ScriptedService(), group: MultiThreadedEventLoopGroup.singleton)
        }
        #expect(try await bench.perform(.networkList).result == .networks([]))
        await bench.server.stop()
    }

    @Test("another file in its place is not removed")
    func otherFileIsKept() async throws {
        let scratch = try SocketScratch()
        try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch.path))
        await #expect(throws: ControlError.notASocket(path: scratch.path)) {
            _ = try await ControlServer.start(
                path: scratch.path, service: ScriptedService(), group: MultiThreadedEventLoopGroup.singleton)
        }
        #expect(FileManager.default.fileExists(atPath: scratch.path))
    }

    @Test("without one, the client says how to start a peer")
    func noPeer() throws {
        let scratch = try SocketScratch()
        let failure = #expect(throws: ControlError.self) {
            _ = try ControlClient(dataDirectory: scratch.directory).perform(.status)
        }
        #expect(failure == .noPeer)
        #expect("\(failure!)" == "No peer is running on this data directory; start one with: tiktrue up")
    }

    @Test("with one on which nobody answers, the client says the same")
    func noPeerOnStaleSocket() throws {
        let scratch = try SocketScratch()
        let descriptor = try UnixSocket.make(for: scratch.path)
        #expect(UnixSocket.bind(descriptor, to: scratch.path) == 0)
        close(descriptor)
        #expect(throws: ControlError.noPeer) { _ = try ControlClient(socketPath: scratch.path).perform(.status) }
    }

    @Test("a path that does not fit is refused with a sentence")
    func longPath() {
        let path = "/tmp/" + String(repeating: "x", count: 120)
        #expect(throws: ControlError.pathTooLong(path: path)) {
            _ = try ControlClient(socketPath: path).perform(.status)
        }
    }
}
