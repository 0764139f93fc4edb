/// A peer's name everywhere: its Ed25519 public key.
public struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let key: Bytes32

    public init(key: Bytes32) { self.key = key }
    @inlinable public init?(_ bytes: some Collection<UInt8>) {
        guard let key = Bytes32(bytes) else { return nil }
        self.key = key
    }
    public init?(hex: some StringProtocol) {
        guard let key = Bytes32(hex: hex) else { return nil }
        self.key = key
    }

    public var bytes: [UInt8] { key.bytes }
    public var description: String { key.hex }
    /// The first eight digits, for people to read.
    public var short: String { String(key.hex.prefix(8)) }
    public static func < (left: PeerID, right: PeerID) -> Bool { left.key < right.key }
}

/// A BLAKE2b-256 digest of some bytes; the name of a piece of a model.
public struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: Bytes32

    public init(value: Bytes32) { self.value = value }
    @inlinable public init?(_ bytes: some Collection<UInt8>) {
        guard let value = Bytes32(bytes) else { return nil }
        self.value = value
    }
    public init?(hex: some StringProtocol) {
        guard let value = Bytes32(hex: hex) else { return nil }
        self.value = value
    }

    public var bytes: [UInt8] { value.bytes }
    public var description: String { value.hex }
    public static func < (left: Digest, right: Digest) -> Bool { left.value < right.value }
}

/// A network's name on the wire: the digest of its first config, so that nobody can found another network of that id.
public struct NetworkID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let digest: Digest

    public init(digest: Digest) { self.digest = digest }
    @inlinable public init?(_ bytes: some Collection<UInt8>) {
        guard let digest = Digest(bytes) else { return nil }
        self.digest = digest
    }
    public init?(hex: some StringProtocol) {
        guard let digest = Digest(hex: hex) else { return nil }
        self.digest = digest
    }

    public var bytes: [UInt8] { digest.bytes }
    public var description: String { digest.description }
    public var short: String { String(description.prefix(8)) }
    public static func < (left: NetworkID, right: NetworkID) -> Bool { left.digest < right.digest }
}

/// One conversation: 128 random bits, drawn by the driver that began it.
public struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Nil unless there are exactly 16 bytes.
    @inlinable public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.init(high: high, low: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Nil unless the text is exactly 32 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes)
    }

    public var bytes: [UInt8] {
        [high, low].flatMap { word in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
        }
    }

    public var description: String { Hex.encode(bytes) }
    public static func < (left: SessionID, right: SessionID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
