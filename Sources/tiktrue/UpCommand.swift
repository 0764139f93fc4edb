import ArgumentParser
import Peer

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run this computer's peer in the foreground, until Ctrl-C or `tiktrue stop`.")

    @OptionGroup var peer: PeerOptions

    @Option(help: "What people call this peer. (default: the machine's name)")
    var name: String?

    @Option(help: ArgumentHelp("Where links are accepted; port 0 takes any free one.", valueName: "host:port"))
    var listen: ListenAddress = .anywhere

    @Option(
        name: .customLong("seed"),
        help: ArgumentHelp("A peer to ask where multicast does not reach. Can be repeated.", valueName: "host:port"))
    var seeds: [String] = []

    @Option(
        name: .customLong("interface"),
        help: ArgumentHelp(
            "An interface for multicast. Can be repeated. (default: all that are fit)", valueName: "name"))
    var interfaces: [String] = []

    @Option(
        help: ArgumentHelp(
            "Memory lent to networks, such as 512M or 2G. (default: the peer decides)", valueName: "size"))
    var shareMemory: ByteSize?

    @Option(help: "Compute threads. (default: one for each core)")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Multicast group and port for discovery. (default: 239.255.74.20:7420)", valueName: "host:port"))
    var multicast: String?

    @Flag(help: "Say nothing while all is well.")
    var quiet = false

    func validate() throws {
        for seed in seeds where PeerConfiguration.endpoint(seed) == nil {
            throw ValidationError("the value '\(seed)' is no host:port for '--seed <host:port>'")
        }
        if let multicast, PeerConfiguration.endpoint(multicast) == nil {
            throw ValidationError("the value '\(multicast)' is no host:port for '--multicast <host:port>'")
        }
        if let threads, !(1...1024).contains(threads) { throw ValidationError("'--threads' takes 1 to 1024") }
        if let name, name.isEmpty || name.utf8.count > ControlWords.nameBytes {
            throw ValidationError("'--name' takes 1 to \(ControlWords.nameBytes) bytes")
        }
    }

    func run() async throws {
        try await PeerProcess.run(
            configuration: PeerConfiguration(
                dataDirectory: peer.dataDir ?? PeerPaths.dataDirectory, name: name ?? PeerPaths.hostName,
                listenHost: listen.host, listenPort: listen.port, seeds: seeds.compactMap(PeerConfiguration.endpoint),
                interfaces: interfaces, sharedMemory: shareMemory?.bytes, threads: threads,
                multicast: multicast.flatMap(PeerConfiguration.endpoint), quiet: quiet))
    }
}

extension ListenAddress: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
    public var defaultValueDescription: String { description }
}

extension ByteSize: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
