import Identity
import Wire

/// A link that both sides have accepted and greeted.
public struct LinkOpened: Sendable {
    public let id: LinkID
    /// Proven: the peer has shown in the handshake that it holds this key.
    public let peer: PeerID
    public let purpose: LinkPurpose
    public let direction: LinkDirection
    /// What the peer says of itself.
    public let hello: Hello
    /// The peer's address on this link, with the port on which it says that it accepts links. Nil where it accepts none.
    public let remote: Endpoint?
    /// Our own address on this link.
    public let localHost: String?
    /// The dial that led here; nil for an inbound link.
    public let dial: DialID?
}

/// What LinkService tells its owner. Every call comes on the event loop that the service was given; a delegate may call the
/// service from within any of them.
public protocol LinkDelegate: AnyObject {
    /// The roster check: whether a link with this peer is wanted. It is asked once the handshake has proven the peer's key, before
    /// any frame is read.
    func linkAccepts(_ peer: PeerID, purpose: LinkPurpose, direction: LinkDirection) -> Bool

    /// From here on frames may be sent.
    func linkOpened(_ link: LinkOpened)

    /// A frame other than hello, ping and pong, which stay within transport.
    func linkReceived(_ frame: Frame, on id: LinkID)

    /// The last call about a link: exactly once for each that was opened.
    func linkClosed(_ id: LinkID, reason: LinkCloseReason)

    /// The last call about a dial that opened no link.
    func dialFailed(_ dial: DialID, endpoint: Endpoint, reason: String)

    /// Bulk frames had been waiting on this link, and the last of them is on its way.
    func linkDrained(_ id: LinkID)
}

extension LinkDelegate {
    public func linkDrained(_ id: LinkID) {}
}

/// Why a link ended.
public enum LinkCloseReason: Hashable, Sendable, CustomStringConvertible {
    /// Nothing was received for this many milliseconds.
    case silent(milliseconds: Int64)
    case closedByPeer
    /// `close` was called, with this reason.
    case closedHere(String)
    /// More was to be sent than the link took.
    case overflow(pendingBytes: Int)
    /// The peer sent what is no valid frame, or one that may not travel on this link.
    case malformed(String)
    /// An admission link has a short life.
    case expired
    /// The connection broke.
    case failed(String)
    /// The service was shut down.
    case shutdown

    public var description: String {
        switch self {
        case .silent(let milliseconds): "nothing was heard from the peer for \(milliseconds) ms"
        case .closedByPeer: "the peer closed the link"
        case .closedHere(let reason): "closed by this peer: \(reason)"
        case .overflow(let bytes): "the peer takes data too slowly: \(bytes) bytes were waiting"
        case .malformed(let reason): "the peer broke the protocol: \(reason)"
        case .expired: "the time for an admission was over"
        case .failed(let reason): "the connection broke: \(reason)"
        case .shutdown: "this peer was stopping"
        }
    }
}

/// What became of a frame that was to be sent.
public enum SendOutcome: Hashable, Sendable {
    /// It is on its way, or waits for its turn.
    case sent
    /// The link took no more; it is closed, and the delegate has heard so.
    case overflow
    /// There is no such link, or no longer.
    case noLink
    /// The peer would refuse it: it is over the limits, or of a kind that an admission link does not carry. Nothing was sent, and
    /// the link stays open.
    case unsendable
}
