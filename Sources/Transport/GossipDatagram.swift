import Identity
import Wire

/// How a sealed datagram lies on the wire.
///
///     offset  size  what
///          0     1  version, 1
///          1    32  the sender's id
///         33    24  nonce: the sender's epoch (u64), its counter (u64), 8 random bytes; big-endian
///         57     n  the sealed bytes
///       57+n    16  the seal's tag
///
/// Version and id are authenticated with what is sealed, and so is the nonce. Epoch and counter make each nonce new;
/// the random bytes stand guard where a data directory was copied, or set back to an older state, and one epoch is
/// lived twice.
struct GossipDatagram {
    static let version: UInt8 = 1
    private static let headerBytes = 1 + 32
    /// Bytes around what is said.
    static let overhead = headerBytes + PairKey.nonceBytes + PairKey.overhead

    let sender: PeerID
    let epoch: UInt64
    let counter: UInt64
    private let bytes: [UInt8]

    /// Nil where it is no datagram of this version.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= GossipDatagram.overhead, bytes[0] == GossipDatagram.version,
            let sender = PeerID(bytes[1..<33])
        else { return nil }
        self.sender = sender
        self.bytes = bytes
        epoch = GossipDatagram.number(bytes[33..<41])
        counter = GossipDatagram.number(bytes[41..<49])
    }

    /// What was said; nil where it was not sealed with that key.
    func opened(with key: PairKey) -> [UInt8]? {
        let nonceEnd = GossipDatagram.headerBytes + PairKey.nonceBytes
        return key.open(
            Array(bytes[nonceEnd...]), nonce: Array(bytes[GossipDatagram.headerBytes..<nonceEnd]),
            header: Array(bytes[..<GossipDatagram.headerBytes]))
    }

    static func sealed(
        _ bytes: [UInt8], by sender: PeerID, epoch: UInt64, counter: UInt64, random: [UInt8], with key: PairKey
    ) -> [UInt8] {
        let header = [version] + sender.bytes
        let nonce = Self.bytes(epoch) + Self.bytes(counter) + random
        return header + nonce + key.seal(bytes, nonce: nonce, header: header)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
    }
}
