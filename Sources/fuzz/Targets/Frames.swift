import Identity
import Wire
import WireSamples

extension FuzzTarget {
    /// Frames of a link, cut apart already: kind (1 byte), bytes of payload (2, big-endian), header; the payload is
    /// zeros, since nobody reads it here.
    static let frame = FuzzTarget(
        name: "frame", form: .protobufBehind(bytes: 3), bytesMax: 8192,
        seeds: {
            Sample.frames.map { frame in
                let encoded = frame.encoded()
                let count = UInt16(encoded.payload.count)
                return [encoded.kind, UInt8(count >> 8), UInt8(count & 0xff)] + encoded.header
            }
        },
        read: { bytes in
            guard bytes.count >= 3 else { return }
            let payload = Payload([UInt8](repeating: 0, count: Int(bytes[1]) << 8 | Int(bytes[2])))
            guard let frame = try? Frame(EncodedFrame(kind: bytes[0], header: Array(bytes[3...]), payload: payload))
            else { return }
            comesBack(frame, "frame") { try Frame(frame.encoded()) }
        })
}
