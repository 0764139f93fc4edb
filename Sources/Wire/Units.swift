import Identity

/// A moment on the shell's monotonic clock, in nanoseconds from an arbitrary beginning. Cores are handed it; they never read a
/// clock.
public struct Instant: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let zero = Instant(nanoseconds: 0)

    public func advanced(by interval: Interval) -> Instant {
        Instant(nanoseconds: nanoseconds &+ interval.nanoseconds)
    }
    public func since(_ earlier: Instant) -> Interval {
        Interval(nanoseconds: nanoseconds &- earlier.nanoseconds)
    }
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// A length of time, in nanoseconds.
public struct Interval: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public static func milliseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count * 1_000_000) }
    public static func seconds(_ count: Int64) -> Interval { Interval(nanoseconds: count * 1_000_000_000) }
    public var milliseconds: Double { Double(nanoseconds) / 1e6 }
    public static func < (left: Interval, right: Interval) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// How often a network's config has changed. The first is 1.
public struct Revision: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static let first = Revision(1)
    public var next: Revision { Revision(value + 1) }
    public var description: String { String(value) }
    public static func < (left: Revision, right: Revision) -> Bool { left.value < right.value }
}

/// Which of a session's routes something belongs to. A driver raises it each time it opens a route; what carries an older one is
/// dropped.
public struct RouteEpoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static let first = RouteEpoch(1)
    public var next: RouteEpoch { RouteEpoch(value + 1) }
    public var description: String { String(value) }
    public static func < (left: RouteEpoch, right: RouteEpoch) -> Bool { left.value < right.value }
}

/// A place in a session's sequence of tokens; the first is 0.
public struct Position: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: Int
    public init(_ value: Int) { self.value = value }
    public static let zero = Position(0)
    public func advanced(by count: Int) -> Position { Position(value + count) }
    public var description: String { String(value) }
    public static func < (left: Position, right: Position) -> Bool { left.value < right.value }
}

/// Consecutive blocks of a model, both ends included. Block 0 is the embedding, the last one the output head.
public struct BlockRange: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let first: Int
    public let last: Int

    /// Nil unless 0 <= first <= last.
    public init?(first: Int, last: Int) {
        guard first >= 0, first <= last else { return nil }
        self.first = first
        self.last = last
    }

    public init(_ range: ClosedRange<Int>) {
        precondition(range.lowerBound >= 0, "a block range begins at \(range.lowerBound)")
        first = range.lowerBound
        last = range.upperBound
    }

    public var closedRange: ClosedRange<Int> { first...last }
    public var count: Int { last - first + 1 }
    public func contains(_ block: Int) -> Bool { block >= first && block <= last }
    public func contains(_ other: BlockRange) -> Bool { first <= other.first && other.last <= last }
    public var description: String { "\(first)-\(last)" }
    public static func < (left: BlockRange, right: BlockRange) -> Bool {
        (left.first, left.last) < (right.first, right.last)
    }

    /// The fewest ranges that cover just these blocks, ascending.
    public static func covering(_ blocks: some Sequence<Int>) -> [BlockRange] {
        var ranges: [BlockRange] = []
        for block in blocks.sorted() where block >= 0 {
            if let last = ranges.last, block <= last.last + 1 {
                ranges[ranges.count - 1] = BlockRange(last.first...max(last.last, block))
            } else {
                ranges.append(BlockRange(block...block))
            }
        }
        return ranges
    }
}

/// One link between two peers, numbered by this process. Never sent.
public struct LinkID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public var description: String { "link \(value)" }
    public static func < (left: LinkID, right: LinkID) -> Bool { left.value < right.value }
}

/// Where a peer can be reached: an IP address or a host name, and a TCP port.
public struct Endpoint: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int

    /// Nil where the host is empty or too long, or the port is none.
    public init?(host: String, port: Int) {
        guard !host.isEmpty, host.utf8.count <= 253, (1...65535).contains(port) else { return nil }
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, where an IPv6 address stands in brackets. Nil where it is anything else.
    public init?(_ text: some StringProtocol) {
        // By bytes: comparing characters is slow, and beacons are full of addresses.
        let (text, separator) = (Substring(text), UInt8(ascii: ":"))
        guard let colon = text.utf8.lastIndex(of: separator), let port = Int(text[text.utf8.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.utf8.first == UInt8(ascii: "["), host.utf8.last == UInt8(ascii: "]"), host.utf8.count > 1 {
            host = host.dropFirst().dropLast()
        } else if host.utf8.contains(separator) {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
    public static func < (left: Endpoint, right: Endpoint) -> Bool { (left.host, left.port) < (right.host, right.port) }
}

/// Bytes that pass through the cores untouched, shared and never copied: an array is a counted reference.
public struct Payload: Hashable, Sendable {
    public let bytes: [UInt8]
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public static let empty = Payload([])
    public var count: Int { bytes.count }
}
