import Wire

/// How a peer is to run, as the command line gives it.
public struct PeerConfiguration: Sendable {
    public var dataDirectory: String
    /// What people call this peer.
    public var name: String
    public var listenHost: String
    /// 0 takes any free port.
    public var listenPort: Int
    /// Peers to ask where multicast does not reach.
    public var seeds: [Endpoint]
    /// Interfaces for multicast. Empty takes all that are fit for it.
    public var interfaces: [String]
    /// Bytes of memory lent to networks. Nil lets the peer decide.
    public var sharedMemory: UInt64?
    /// Compute threads. Nil takes one for each core.
    public var threads: Int?
    /// Nil takes the usual group and port.
    public var multicast: Endpoint?
    /// Says nothing while all is well.
    public var quiet: Bool

    public init(
        dataDirectory: String, name: String, listenHost: String = "0.0.0.0", listenPort: Int = 0,
        seeds: [Endpoint] = [], interfaces: [String] = [], sharedMemory: UInt64? = nil, threads: Int? = nil,
        multicast: Endpoint? = nil, quiet: Bool = false
    ) {
        self.dataDirectory = dataDirectory
        self.name = name
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.seeds = seeds
        self.interfaces = interfaces
        self.sharedMemory = sharedMemory
        self.threads = threads
        self.multicast = multicast
        self.quiet = quiet
    }
}

/// An address to listen on: like an endpoint, but port 0 means any free one.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int

    /// Every address of the machine, any free port.
    public static let anywhere = ListenAddress(host: "0.0.0.0", port: 0)

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reads `HOST:PORT`, where an IPv6 address stands in brackets. Nil where it is anything else.
    public init?(_ text: String) {
        if text.hasSuffix(":0") {
            // Borrow the endpoint's rules for hosts.
            guard let endpoint = Endpoint(text.dropLast() + "1") else { return nil }
            (host, port) = (endpoint.host, 0)
        } else {
            guard let endpoint = Endpoint(text) else { return nil }
            (host, port) = (endpoint.host, endpoint.port)
        }
    }
}

/// A number of bytes as people write it: `512M`, `2G`, `1536MiB`, or plain bytes. Units are powers of 1024.
public struct ByteSize: Hashable, Sendable, CustomStringConvertible {
    public let bytes: UInt64

    public init(bytes: UInt64) { self.bytes = bytes }

    /// Nil where the text is no size, or one over 64 bits.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = UInt64(digits) else { return nil }
        let shift: UInt64
        switch text.dropFirst(digits.count).uppercased() {
        case "", "B": shift = 0
        case "K", "KB", "KIB": shift = 10
        case "M", "MB", "MIB": shift = 20
        case "G", "GB", "GIB": shift = 30
        case "T", "TB", "TIB": shift = 40
        default: return nil
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: UInt64(1) << shift)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    /// With three digits or so, such as `1.50 GiB`.
    public var description: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        guard bytes >= 1024 else { return "\(bytes) B" }
        var value = Double(bytes)
        var unit = 0
        while value >= 1023.5 && unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let scale: Double = value < 9.995 ? 100 : value < 99.95 ? 10 : 1
        let rounded = (value * scale).rounded() / scale
        return scale == 1 ? "\(Int(rounded)) \(units[unit])" : "\(rounded) \(units[unit])"
    }
}

/// The version of this program.
public enum Release {
    public static let version = "0.2.0"
}
