import Identity
import Wire

/// Messages as bytes.
enum Coded {
    /// What sealing adds to a datagram: a header that names the pair of peers, a nonce and a tag.
    static let sealBytes = 73

    /// Bytes of the datagram that carries the message, its seal included. Exact where it matters: near the limit; elsewhere an estimate.
    static func size(of message: GossipMessage, _ network: NetworkID) -> Int {
        let records = message.records.reduce(0) { $0 + $1.payload.count + 110 }
        let versions = message.digest.map { 80 + $0.versions.count * 50 } ?? 0
        let estimate = 80 + message.rumours.count * 90 + versions + records
        return (estimate > 1000 ? message.datagram(network: network).count : estimate) + sealBytes
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
