import Identity
import Wire

/// Messages as bytes.
enum Coded {
    /// What sealing adds to a datagram: a header that names the pair of peers, a nonce and a tag.
    static let sealBytes = 73

    /// Bytes of the datagram that carries the message, its seal included. Exact where it matters: over the limit; elsewhere a few more
    /// than there are.
    static func size(of message: GossipMessage, _ network: NetworkID) -> Int {
        let estimate = message.estimatedBytes + sealBytes
        return estimate > Limits.datagramBytes ? message.datagram(network: network).count + sealBytes : estimate
    }

    /// Encoded and read again. Nil where it cannot be read.
    static func again(_ message: GossipMessage, _ network: NetworkID) -> GossipMessage? {
        let bytes = message.datagram(network: network)
        guard let (readNetwork, read) = try? GossipMessage.read(datagram: bytes), readNetwork == network else {
            return nil
        }
        return read
    }
}
