/// Why no link came of a connection.
public enum LinkRefusal: String, Hashable, Sendable, CaseIterable {
    /// It presented no certificate.
    case noCertificate
    /// Its certificate is not one self-signed Ed25519 certificate.
    case wrongCertificate
    /// The roster check said no.
    case unknownPeer
    /// It is another peer than the one that was dialed.
    case unexpectedPeer
    /// It is this peer itself.
    case ownKey
    /// It offered only a TLS version other than 1.3.
    case tlsVersion
    /// It offered only suites other than AES-256-GCM.
    case cipherSuite
    /// It named no protocol of ours.
    case noProtocol
    /// Any other failure of the TLS handshake.
    case handshakeFailed
    /// It did not say hello in time.
    case handshakeTimeout
    case tooManyHandshakes
    case tooManyAdmissions
    case tooManyLinks
    /// Its first frame was not a valid hello.
    case badHello
    /// The connection ended before the hello; for a dial, most often since the other side refused this one.
    case closedEarly
    /// No TCP connection came about.
    case unreachable
}

/// Counts since the service was made.
public struct LinkStatistics: Hashable, Sendable {
    public internal(set) var opened = 0
    public internal(set) var closed = 0
    public internal(set) var refusals: [LinkRefusal: Int] = [:]
    /// Frames of kinds that this version does not know, skipped.
    public internal(set) var unknownFrames = 0
    public internal(set) var framesSent = 0
    public internal(set) var framesReceived = 0
    /// Bytes of frames, TLS left out.
    public internal(set) var bytesSent = 0
    public internal(set) var bytesReceived = 0

    public func refusals(_ cause: LinkRefusal) -> Int { refusals[cause] ?? 0 }
}
