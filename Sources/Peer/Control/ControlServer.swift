import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// The peer's end of the control socket. Clients connect, send one request as a line, and read events until the last; the
/// connection ends then. Whoever may open the socket may command the peer, so it is made with mode 0600 from the first moment.
public final class ControlServer: Sendable {
    public let path: String
    private let listener: any Channel
    private let connections: ControlConnections

    private init(path: String, listener: any Channel, connections: ControlConnections) {
        self.path = path
        self.listener = listener
        self.connections = connections
    }

    /// Binds the socket and serves clients on the group's event loops. A socket file on which nobody answers is left over from
    /// a peer that died, and is replaced; `socketInUse` is thrown where somebody does answer.
    public static func start(
        path: String, service: any ControlService, group: any EventLoopGroup
    ) async throws -> ControlServer {
        let descriptor = try boundSocket(path)
        let connections = ControlConnections()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(ControlLineDecoder()),
                        ControlConnectionHandler(service: service, connections: connections))
                }
            }
        do {
            let listener = try await bootstrap.withBoundSocket(descriptor).get()
            return ControlServer(path: path, listener: listener, connections: connections)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Takes no more clients, closes those that are there (which cancels their requests), and removes the socket.
    public func stop() async {
        // Before the listener closes, so that no client finds a socket that nobody serves.
        unlink(path)
        try? await listener.close()
        await connections.closeAll()
    }

    private static func boundSocket(_ path: String) throws(ControlError) -> Int32 {
        try removeStaleSocket(path)
        let descriptor = try UnixSocket.make(for: path)
        // Linux gives the socket file the mode of the socket, so that there is no moment in which others could open it.
        let code = fchmod(descriptor, 0o600) == 0 ? UnixSocket.bind(descriptor, to: path) : errno
        guard code == 0 else {
            close(descriptor)
            if code == ENAMETOOLONG { throw .pathTooLong(path: path) }
            throw UnixSocket.refused("bind", path, code: code)
        }
        return descriptor
    }

    private static func removeStaleSocket(_ path: String) throws(ControlError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        let probe = try UnixSocket.make(for: path)
        defer { close(probe) }
        switch UnixSocket.connect(probe, to: path) {
        case ECONNREFUSED: unlink(path)
        case ENOENT: break
        case ENAMETOOLONG: throw .pathTooLong(path: path)
        default: throw .socketInUse(path: path)
        }
    }
}

/// The clients that are connected now, so that their number is bounded and all can be closed.
final class ControlConnections: Sendable {
    /// Each costs two descriptors and a task; people and scripts need a handful.
    static let limit = 64

    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// False where there are too many.
    func add(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard state.channels.count < ControlConnections.limit else { return false }
            state.channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    func remove(_ channel: any Channel) {
        state.withLock { state in _ = state.channels.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// Does something on a connection's event loop, unless all were closed: work that a client began may still go on when the
    /// loop has ended, and what it has to say then is heard by nobody.
    func perform(on eventLoop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
        state.withLock { state in
            if !state.isClosed { eventLoop.execute(body) }
        }
    }

    func closeAll() async {
        let channels = state.withLock { state in
            state.isClosed = true
            return Array(state.channels.values)
        }
        for channel in channels { try? await channel.close() }
    }
}
