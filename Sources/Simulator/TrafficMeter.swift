import MeshCore
import Wire

/// Bytes that each machine would have put on a cable, headers and all, for what its core sent. An estimate: live links
/// ping too where they are silent, and TCP acknowledges less often than each frame.
struct TrafficMeter {
    /// Ethernet, IPv4 and TCP with its timestamps.
    private static let segmentBytes = 14 + 20 + 32
    /// What stands before a frame's header: its kind and two lengths.
    private static let frameBytes = 9
    /// A TLS 1.3 record: header, type and tag.
    private static let recordBytes = 22
    /// Ethernet, IPv4 and UDP.
    private static let datagramHeaderBytes = 14 + 20 + 8

    private(set) var bytes: [Int]

    init(hosts: Int) { bytes = Array(repeating: 0, count: hosts) }

    /// The other side acknowledges it with a packet of its own.
    mutating func sent(_ frame: Frame, from: Int, to: Int) {
        let encoded = frame.encoded()
        bytes[from] +=
            encoded.header.count + encoded.payload.count + TrafficMeter.frameBytes + TrafficMeter.recordBytes
            + TrafficMeter.segmentBytes
        bytes[to] += TrafficMeter.segmentBytes
    }

    mutating func sentDatagram(_ count: Int, from: Int) { bytes[from] += count + TrafficMeter.datagramHeaderBytes }
}
