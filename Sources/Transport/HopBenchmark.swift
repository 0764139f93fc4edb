import Identity
import NIOCore
import NIOPosix
import Wire

/// Measures what a hop of the chain costs when the network costs nothing: one position's activation over a TLS link on loopback,
/// from one event loop to another, coding included.
public enum HopBenchmark {
    public struct Result: Hashable, Sendable {
        public let p50Milliseconds: Double
        public let p99Milliseconds: Double
    }

    /// An activation goes there and back `rounds` times, one at a time; a hop is half of a round trip. The first rounds, in which
    /// everything is still cold, are not counted.
    /// - Parameter width: of the hidden state, in values of four bytes.
    public static func run(width: Int, rounds: Int) async throws -> Result {
        guard (1...Limits.width).contains(width), rounds > 0 else {
            throw TransportError.benchmark("a width of 1 to \(Limits.width) and at least one round are needed")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        do {
            let result = try await measure(group, width: width, rounds: rounds)
            try await group.shutdownGracefully()
            return result
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func measure(_ group: MultiThreadedEventLoopGroup, width: Int, rounds: Int) async throws -> Result {
        let echo = LinkService(
            eventLoop: group.next(), identity: try TransportIdentity(.random()),
            hello: HelloTemplate(name: "echo", boot: 1))
        let origin = LinkService(
            eventLoop: group.next(), identity: try TransportIdentity(.random()),
            hello: HelloTemplate(name: "origin", boot: 2))
        let echoing = EchoingEnd(echo)
        echo.delegate = echoing
        let port = try await echo.listen(host: "127.0.0.1", port: 0)
        guard let endpoint = Endpoint(host: "127.0.0.1", port: port) else {
            throw TransportError.benchmark("port \(port) is none")
        }
        let warmUp = min(200, rounds)
        let measuring = MeasuringEnd(
            origin, width: width, rounds: rounds + warmUp, done: origin.eventLoop.makePromise(of: [Int64].self))
        origin.delegate = measuring
        let peer = echo.peer
        origin.eventLoop.execute {
            origin.dial(endpoint, expecting: peer, purpose: .member, dial: DialID(1))
        }
        let outcome: Swift.Result<[Int64], any Error>
        do {
            outcome = .success(try await measuring.done.futureResult.get())
        } catch {
            outcome = .failure(error)
        }
        await origin.shutdown()
        await echo.shutdown()
        // Delegates are held weakly, and their loops are done with them only now.
        let sorted = withExtendedLifetime((echoing, measuring)) { outcome }.map { $0.dropFirst(warmUp).sorted() }
        let hops = try sorted.get()
        func milliseconds(_ share: Double) -> Double {
            Double(hops[min(hops.count - 1, Int(Double(hops.count) * share))]) / 2 / 1e6
        }
        return Result(p50Milliseconds: milliseconds(0.5), p99Milliseconds: milliseconds(0.99))
    }
}

/// Sends each frame back. Unchecked: touched on its service's event loop only.
private final class EchoingEnd: LinkDelegate, @unchecked Sendable {
    private let service: LinkService
    init(_ service: LinkService) { self.service = service }

    func linkAccepts(_ peer: PeerID, purpose: LinkPurpose, direction: LinkDirection) -> Bool { true }
    func linkOpened(_ link: LinkOpened) {}
    func linkReceived(_ frame: Frame, on id: LinkID) { _ = service.send(frame, on: id) }
    func linkClosed(_ id: LinkID, reason: LinkCloseReason) {}
    func dialFailed(_ dial: DialID, endpoint: Endpoint, reason: String) {}
}

/// Sends an activation, takes the time until it is back, and sends the next one. Unchecked: touched on its service's event loop
/// only.
private final class MeasuringEnd: LinkDelegate, @unchecked Sendable {
    let done: EventLoopPromise<[Int64]>
    private let service: LinkService
    private let rounds: Int
    private let payload: Payload
    private var sent = NIODeadline.now()
    /// Nanoseconds, there and back.
    private var times: [Int64] = []

    init(_ service: LinkService, width: Int, rounds: Int, done: EventLoopPromise<[Int64]>) {
        self.service = service
        self.rounds = rounds
        self.done = done
        payload = Payload([UInt8](repeating: 0x3c, count: width * 4))
        times.reserveCapacity(rounds)
    }

    private func send(on id: LinkID) {
        sent = NIODeadline.now()
        let activation = Activation(
            session: SessionID(high: 1, low: 1), epoch: .first, stage: 0, first: Position(times.count), tokens: [1],
            sample: true, payload: payload)
        _ = service.send(.activation(activation), on: id)
    }

    func linkAccepts(_ peer: PeerID, purpose: LinkPurpose, direction: LinkDirection) -> Bool { true }
    func linkOpened(_ link: LinkOpened) { send(on: link.id) }

    func linkReceived(_ frame: Frame, on id: LinkID) {
        times.append((NIODeadline.now() - sent).nanoseconds)
        if times.count == rounds { done.succeed(times) } else if times.count < rounds { send(on: id) }
    }

    func linkClosed(_ id: LinkID, reason: LinkCloseReason) {
        done.fail(TransportError.benchmark("\(reason)"))
    }

    func dialFailed(_ dial: DialID, endpoint: Endpoint, reason: String) {
        done.fail(TransportError.benchmark(reason))
    }
}
