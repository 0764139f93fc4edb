import NIOCore
import Wire

/// Cuts a stream of bytes into frames.
///
/// A frame lies on a link as: length of all that follows it (u32, big-endian), kind (u8), length of the header (u32, big-endian),
/// header, payload. Lengths are checked as soon as they are there, so that nothing is kept on behalf of a peer that announces too
/// much; and payload bytes go straight from the buffers that they came in to the array that they stay in.
///
/// After an error the stream's borders are lost: the parser must not be used again.
struct FrameParser {
    /// Length, kind, and length of the header.
    static let prefixBytes = 9

    private let headerLimit: Int
    private let payloadLimit: Int
    private var prefix: [UInt8] = []
    private var header: [UInt8] = []
    private var payload: [UInt8] = []
    /// Set once the prefix is complete.
    private var lengths: (header: Int, payload: Int)?

    init(headerLimit: Int = Limits.frameHeaderBytes, payloadLimit: Int = Limits.framePayloadBytes) {
        self.headerLimit = headerLimit
        self.payloadLimit = payloadLimit
        prefix.reserveCapacity(FrameParser.prefixBytes)
    }

    /// Of the frame that has begun and is not whole yet, once its lengths are known to be within the limits.
    var kindUnderWay: UInt8? { lengths == nil ? nil : prefix[4] }

    /// The next whole frame, or nil where the buffer ended before it; its bytes are then kept for the next call.
    mutating func next(from buffer: inout ByteBuffer) throws(WireError) -> EncodedFrame? {
        let lengths: (header: Int, payload: Int)
        if let known = self.lengths {
            lengths = known
        } else {
            FrameParser.move(from: &buffer, to: &prefix, until: FrameParser.prefixBytes)
            guard let found = try readPrefix() else { return nil }
            self.lengths = found
            lengths = found
        }
        FrameParser.move(from: &buffer, to: &header, until: lengths.header)
        guard header.count == lengths.header else { return nil }
        FrameParser.move(from: &buffer, to: &payload, until: lengths.payload)
        guard payload.count == lengths.payload else { return nil }

        let frame = EncodedFrame(kind: prefix[4], header: header, payload: Payload(payload))
        self.lengths = nil
        prefix.removeAll(keepingCapacity: true)
        header = []
        payload = []
        return frame
    }

    private func readPrefix() throws(WireError) -> (header: Int, payload: Int)? {
        guard prefix.count >= 4 else { return nil }
        let rest = FrameParser.integer(prefix[0..<4])
        guard rest >= FrameParser.prefixBytes - 4 else { throw .malformed("frame: it is \(rest) bytes long") }
        let limit = FrameParser.prefixBytes - 4 + headerLimit + payloadLimit
        guard rest <= limit else { throw .tooLarge(what: "a frame", bytes: rest, limit: limit) }
        guard prefix.count == FrameParser.prefixBytes else { return nil }
        let header = FrameParser.integer(prefix[5..<9])
        let body = rest - (FrameParser.prefixBytes - 4)
        guard header <= headerLimit else {
            throw .tooLarge(what: "a frame's header", bytes: header, limit: headerLimit)
        }
        guard header <= body else { throw .malformed("frame: its header of \(header) bytes is longer than it") }
        guard body - header <= payloadLimit else {
            throw .tooLarge(what: "a frame's payload", bytes: body - header, limit: payloadLimit)
        }
        return (header, body - header)
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private static func move(from buffer: inout ByteBuffer, to array: inout [UInt8], until count: Int) {
        let taken = min(count - array.count, buffer.readableBytes)
        guard taken > 0 else { return }
        // Memory that is reserved and not yet written to costs nothing, and the count is within the limits.
        if array.isEmpty { array.reserveCapacity(count) }
        buffer.readWithUnsafeReadableBytes { bytes in
            array.append(contentsOf: bytes.prefix(taken))
            return taken
        }
    }
}

extension EncodedFrame {
    /// Bytes that the frame takes on a link.
    var wireBytes: Int { FrameParser.prefixBytes + header.count + payload.count }

    /// Whether a peer that keeps to the limits would read it.
    func isWithinLimits(of purpose: LinkPurpose) -> Bool {
        header.count <= Limits.frameHeaderBytes && payload.count <= purpose.payloadBytes
    }

    /// The frame as it goes over a link; the payload is copied once, here.
    func buffer(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: wireBytes)
        buffer.writeInteger(UInt32(wireBytes - 4))
        buffer.writeInteger(kind)
        buffer.writeInteger(UInt32(header.count))
        buffer.writeBytes(header)
        buffer.writeBytes(payload.bytes)
        return buffer
    }
}
