/// What `status --json` prints. Tests outside the project rely on the keys: more may be added, none renamed.
public struct StatusDocument: Codable, Equatable, Sendable {
    public struct Listen: Codable, Equatable, Sendable {
        /// `host:port` of the links.
        public var links: String
        /// `http://host:port`; null where no gateway runs.
        @ExplicitNull public var gateway: String?

        public init(links: String, gateway: String? = nil) {
            self.links = links
            self.gateway = gateway
        }
    }

    /// This peer's id, 64 hexadecimal digits.
    public var peer: String
    public var name: String
    public var version: String
    public var listen: Listen
    public var networks: [NetworkDocument]
    public var models: [ModelDocument]
    /// Compute threads.
    public var threads: Int
    /// Bytes lent to networks.
    public var sharedMemory: UInt64

    public init(
        peer: String, name: String, version: String = Release.version, listen: Listen, networks: [NetworkDocument],
        models: [ModelDocument], threads: Int, sharedMemory: UInt64
    ) {
        self.peer = peer
        self.name = name
        self.version = version
        self.listen = listen
        self.networks = networks
        self.models = models
        self.threads = threads
        self.sharedMemory = sharedMemory
    }

    enum CodingKeys: String, CodingKey {
        case peer, name, version, listen, networks, models, threads
        case sharedMemory = "shared_memory"
    }
}

/// A value whose absence is written as `null` instead of leaving the key out, so that a document always has all its keys.
@propertyWrapper
public struct ExplicitNull<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    public var wrappedValue: Value?

    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}
