import NIOCore
import Wire

/// How a peer names itself in its hello; the port is added when it is known.
public struct HelloTemplate: Hashable, Sendable {
    public let name: String
    /// Drawn anew at each start of the process.
    public let boot: UInt64
    /// The name is cut where it is longer than peers accept.
    public init(name: String, boot: UInt64) {
        var name = name
        while name.utf8.count > Limits.nameBytes { name.removeLast() }
        self.name = name
        self.boot = boot
    }
}

/// The times and bounds of links. The defaults are meant for a local network.
public struct LinkSettings: Sendable {
    /// From a TCP connection to the peer's hello.
    public var handshakeDeadline: TimeAmount = .seconds(5)
    /// From `dial` to a TCP connection, name resolution included.
    public var dialDeadline: TimeAmount = .seconds(3)
    /// A link counts as busy for this long after a frame of a chain.
    public var busyFor: TimeAmount = .seconds(3)
    /// After this long without sending or receiving anything, a busy link pings.
    public var pingAfter: TimeAmount = .milliseconds(250)
    /// After this long without receiving anything, a busy link is closed as silent: six pings that were not answered.
    public var silentAfter: TimeAmount = .milliseconds(1500)
    /// The same for an idle link, with few other links beside it: after two pings that were not answered, and time for
    /// them.
    public var idlePingAfter: TimeAmount = .seconds(5)
    public var idleSilentAfter: TimeAmount = .seconds(12)
    /// With more than twice this many links, idle ones take their time as many times, so that pings cost the same
    /// however many there are; up to a minute between pings.
    public var linksPerStretch = 8
    public var stretchMax = 12
    /// A link that is probed is closed where nothing comes within this time.
    public var probeWithin: TimeAmount = .milliseconds(1500)
    /// An admission link ends after this long.
    public var admissionLifetime: TimeAmount = .seconds(30)
    /// Inbound connections that have not yet said hello. They cost a stranger nothing, so they are few.
    public var handshakes = 64
    /// Inbound admission links.
    public var admissions = 16
    /// Inbound links with one and the same peer.
    public var linksPerPeer = 8
    /// Bytes that an admission link may receive in its life: several configs of the largest size.
    public var admissionBytes = 8 << 20
    /// Bytes that may wait for one link before it is closed.
    public var pendingBytes = 64 << 20

    public init() {}

    /// See `LinkPulse.stretch`.
    func idleStretch(links: Int) -> Int64 { Int64(max(1, min(links / linksPerStretch, stretchMax))) }
}
