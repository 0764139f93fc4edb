import Wire

/// What a link is for. It is agreed in the TLS handshake (ALPN), so that it is known before any frame is read.
public enum LinkPurpose: Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Between two members of a network: every frame may travel.
    case member
    /// From a newcomer that asks to be let in, to a member: only the few frames that this takes.
    case admission

    /// The protocol's name in ALPN.
    public var applicationProtocol: String {
        switch self {
        case .member: "tiktrue/1"
        case .admission: "tiktrue-join/1"
        }
    }

    init?(applicationProtocol: String) {
        guard let purpose = LinkPurpose.allCases.first(where: { $0.applicationProtocol == applicationProtocol }) else {
            return nil
        }
        self = purpose
    }

    public var description: String {
        switch self {
        case .member: "member"
        case .admission: "admission"
        }
    }

    /// Whether a frame may travel on links of this purpose, in either direction.
    func carries(_ frame: Frame) -> Bool {
        switch self {
        case .member: true
        case .admission:
            switch frame {
            case .hello, .ping, .pong, .beacon, .proposal, .proposalResult, .configRequest, .config: true
            default: false
            }
        }
    }

    /// The longest payload of a frame on such a link. Nothing that a newcomer has to say needs one.
    var payloadBytes: Int {
        switch self {
        case .member: Limits.framePayloadBytes
        case .admission: 0
        }
    }
}

/// Who dialed.
public enum LinkDirection: Hashable, Sendable {
    case inbound, outbound
}

/// One attempt to reach a peer, numbered by whoever asks for it. Every dial ends in exactly one `linkOpened` or `dialFailed`.
public struct DialID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public var description: String { "dial \(value)" }
    public static func < (left: DialID, right: DialID) -> Bool { left.value < right.value }
}
