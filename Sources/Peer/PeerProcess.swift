import Foundation
import Identity
import Inference
import Logging
import MeshCore
import NIOCore
import NIOPosix
import NetworkConfig
import Storage
import Transport
import Wire

/// A peer from start to end: what `tiktrue up` runs.
public enum PeerProcess {
    /// Runs a peer until it is told to stop, by a signal or over its control socket. Throws where it cannot start or go on.
    public static func run(configuration: PeerConfiguration) async throws {
        let instructions = ProcessInfo.processInfo.environment["TIKTRUE_INSTRUCTIONS"]
        try InstructionSet.checkRequested(instructions)
        let directory = try DataDirectory(path: configuration.dataDirectory)
        let key = try IdentityFile.loadOrCreate(at: directory.paths.identity)
        let state = try StateStore(path: directory.paths.state)
        let pieces = try PieceStore(directory: directory.paths.pieces)
        ModelLibrary.removeUnfinished(in: pieces)
        let epoch = try state.nextEpoch()
        let networks = try state.networks().map { stored in
            StoredNetwork(
                ledger: try ConfigLedger(network: stored.network, certified: stored.certified),
                raft: stored.raft.map { ($0.generation, $0.state) })
        }
        let sharedMemory = configuration.sharedMemory ?? ProcessInfo.processInfo.physicalMemory / 2
        let threads = configuration.threads ?? ProcessInfo.processInfo.activeProcessorCount
        let lines = LogWriter()
        defer { lines.flush() }
        let log = logger(quiet: configuration.quiet, writer: lines)
        if let notice = state.notice { log.warning("\(notice)") }
        if let warning = InstructionSet.warning(requested: instructions) { log.warning("\(warning)") }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let links = LinkService(
            eventLoop: eventLoop, identity: try TransportIdentity(key),
            hello: HelloTemplate(name: configuration.name, boot: epoch))
        let port = try await links.listen(host: configuration.listenHost, port: configuration.listenPort)
        let gossip = GossipService(eventLoop: eventLoop, key: key, epoch: epoch)
        var discoverySettings = DiscoverySettings()
        discoverySettings.interfaces = configuration.interfaces
        if let multicast = configuration.multicast {
            discoverySettings.group = multicast.host
            discoverySettings.port = multicast.port
        }
        let discovery = try DiscoveryService(eventLoop: eventLoop, settings: discoverySettings)
        let disk = DiskService(state: state, pieces: pieces)

        let (endings, ending) = AsyncStream.makeStream(of: String?.self)
        let live = LivePeer(
            LivePeer.Parts(
                key: key, epoch: epoch, networks: networks, heldPieces: try pieces.heldDigests(),
                settings: MeshSettings(
                    name: configuration.name, sharedMemory: sharedMemory, linkPort: port, seeds: configuration.seeds),
                links: links, gossip: gossip, discovery: discovery, disk: disk, log: log),
            eventLoop: eventLoop, fail: { ending.yield($0) })
        let compute = ComputeService(threads: threads, grant: sharedMemory, pieces: pieces) { outcome in
            switch outcome {
            case .residency(let network, let loaded, let refused, let reason):
                live.submit(.residencyChanged(network, loaded: loaded, refused: refused, reason: reason))
            case .computed(let ticket, let key, let result): live.submit(.computed(ticket, key, result))
            }
        }
        do {
            try await discovery.start()
        } catch {
            log.warning("peers cannot be found by multicast: \(error); name one with --seed HOST:PORT")
        }
        await warn(of: configuration.interfaces, discovery, eventLoop, log)
        live.start(compute: compute)
        await gossip.start(host: configuration.listenHost, port: port)
        let service = PeerService(
            live: live, disk: disk, library: ModelLibrary(pieces: pieces, state: state),
            facts: PeerService.Facts(
                peer: key.peer, name: configuration.name,
                listenHost: shownHost(configuration.listenHost, discovery, eventLoop),
                linkPort: port, threads: threads, sharedMemory: sharedMemory),
            stopped: { ending.yield(nil) })
        let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let control = try await ControlServer.start(
            path: directory.paths.controlSocket, service: service, group: controlGroup)
        let signals = StopSignals { ending.yield(nil) }
        log.info(
            "peer \(key.peer.short) (\(configuration.name)) accepts links on port \(port); data is in \(directory.paths.root)"
        )

        var failure: String?
        for await end in endings {
            failure = end
            break
        }
        signals.ignore()
        await control.stop()
        await live.stop()
        await links.shutdown()
        await gossip.shutdown()
        await discovery.shutdown()
        compute.stop()
        await disk.finish()
        try? await controlGroup.shutdownGracefully()
        try? await group.shutdownGracefully()
        withExtendedLifetime(directory) {}
        if let failure { throw ServiceFailure(failure) }
        log.info("stopped")
    }

    /// An interface that was named and is not used would be missed by nobody until no peer is found.
    private static func warn(
        of interfaces: [String], _ discovery: DiscoveryService, _ eventLoop: any EventLoop, _ log: Logger
    ) async {
        let choices = (try? await eventLoop.submit { discovery.interfaces() }.get()) ?? []
        for name in interfaces where !choices.contains(where: { $0.interface.name == name && $0.isUsed }) {
            let reason =
                choices.first { $0.interface.name == name }?.reason ?? "this machine has none with an IPv4 address"
            log.warning("peers cannot be found on the interface \(name) now: \(reason)")
        }
    }

    /// The address to show where links are accepted on all of them.
    private static func shownHost(_ host: String, _ discovery: DiscoveryService, _ eventLoop: any EventLoop) -> String {
        guard host == "0.0.0.0" || host == "::" else { return host }
        let addresses = try? eventLoop.submit { discovery.localAddresses() }.wait()
        return addresses?.first ?? "127.0.0.1"
    }

    private static func logger(quiet: Bool, writer: LogWriter) -> Logger {
        var logger = Logger(label: "tiktrue") { _ in LineLogHandler(writer: writer) }
        logger.logLevel = quiet ? .warning : .info
        if let level = ProcessInfo.processInfo.environment["TIKTRUE_LOG"].flatMap({ Logger.Level(rawValue: $0) }) {
            logger.logLevel = level
        }
        return logger
    }
}

/// SIGINT and SIGTERM end the peer in good order; a second one ends it at once.
private final class StopSignals {
    private let sources: [any DispatchSourceSignal]

    init(stop: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                signal(number, SIG_DFL)
                stop()
            }
            source.resume()
            return source
        }
    }

    func ignore() { for source in sources { source.cancel() } }
}
