/// Why transport could not be set up.
public enum TransportError: Error, Hashable, CustomStringConvertible {
    /// The TLS library does not let its suites be pinned.
    case suiteNotPinned(String)
    case certificate(String)
    case listen(host: String, port: Int, String)
    case discovery(String)
    case interfaces(Int32)
    case benchmark(String)

    public var description: String {
        switch self {
        case .suiteNotPinned(let reason):
            "TLS could not be restricted to AES-256-GCM (\(reason)), so no link is safe; build with the version of swift-nio-ssl that Package.swift names"
        case .certificate(let reason): "no certificate could be made from the identity key: \(reason)"
        case .listen(let host, let port, let reason):
            "links cannot be accepted on \(host) port \(port): \(reason); choose another address or port"
        case .discovery(let reason): "the local network cannot be searched: \(reason)"
        case .interfaces(let code): "the network interfaces cannot be listed (errno \(code))"
        case .benchmark(let reason): "the hop could not be measured: \(reason)"
        }
    }
}
